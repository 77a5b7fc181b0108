use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use cooee_store::{Cache, CacheError, CallDirection, CallId, INTERRUPTED, NewCall};
use tempfile::TempDir;

use crate::{alice, child, fold, open};

fn call(started_at: i64) -> NewCall {
    NewCall {
        id_group: "g".into(),
        direction: CallDirection::Outgoing,
        peers: vec!["bob".into()],
        started_at,
    }
}

fn reasons(cache: &Cache) -> Vec<Option<String>> {
    let calls = cache.calls(100, None).unwrap();
    calls.into_iter().map(|call| call.end_reason).collect()
}

#[test]
fn a_call_is_written_down_step_by_step() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    let id = cache
        .record_call_started(&NewCall {
            id_group: String::new(),
            ..call(1_000)
        })
        .unwrap();
    cache.record_call_group(id, "pair").unwrap();
    cache.record_call_accepted(id, 3_000).unwrap();
    cache.record_call_accepted(id, 4_000).unwrap();
    cache.record_call_peer(id, "Carol").unwrap();
    cache.record_call_peer(id, "carol").unwrap();
    let record = cache.calls(1, None).unwrap().remove(0);
    assert_eq!((record.ended_at, record.end_reason), (None, None));

    cache.record_call_ended(id, 9_000, "hung_up").unwrap();
    cache.record_call_ended(id, 9_500, "lost").unwrap();
    let record = cache.calls(1, None).unwrap().remove(0);
    assert_eq!(record.id, id);
    assert_eq!(record.id_group, "pair");
    assert_eq!(record.direction, CallDirection::Outgoing);
    assert_eq!(record.peers, ["bob", "Carol"]);
    assert_eq!(record.started_at, 1_000);
    assert_eq!(record.accepted_at, Some(3_000));
    assert_eq!(record.ended_at, Some(9_000));
    assert_eq!(record.end_reason.as_deref(), Some("hung_up"));
}

#[test]
fn a_call_that_nobody_started_is_an_error() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    let absent = CallId(7);
    for result in [
        cache.record_call_accepted(absent, 1),
        cache.record_call_ended(absent, 1, "hung_up"),
        cache.record_call_peer(absent, "bob"),
        cache.record_call_group(absent, "g"),
    ] {
        assert!(matches!(result, Err(CacheError::UnknownCall(id)) if id == absent));
    }
}

#[test]
fn the_history_is_read_in_pages_latest_first() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    let ids: Vec<CallId> = (0..7)
        .map(|at| cache.record_call_started(&call(at)).unwrap())
        .collect();
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = cache.calls(3, before).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        assert!(page.len() <= 3);
        seen.extend(page.into_iter().map(|call| call.id));
    }
    seen.reverse();
    assert_eq!(seen, ids);
    assert!(cache.calls(0, None).unwrap().is_empty());
}

#[test]
fn the_history_forgets_its_oldest_calls() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    let oldest = cache.record_call_started(&call(1)).unwrap();
    let kept = cache.record_call_started(&call(2)).unwrap();
    // As if nearly ten thousand calls had come since.
    let database = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().unwrap() == "sqlite3")
        .unwrap();
    rusqlite::Connection::open(database)
        .unwrap()
        .execute("UPDATE sqlite_sequence SET seq = 10000", [])
        .unwrap();
    let latest = cache.record_call_started(&call(3)).unwrap();
    let ids: Vec<CallId> = cache
        .calls(10, None)
        .unwrap()
        .into_iter()
        .map(|call| call.id)
        .collect();
    assert_eq!(ids, [latest, kept]);
    let gone = cache.record_call_ended(oldest, 4, "hung_up");
    assert!(matches!(gone, Err(CacheError::UnknownCall(_))));
}

#[test]
fn a_cache_dropped_during_a_call_finds_it_interrupted() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    let ringing = cache.record_call_started(&call(1_000)).unwrap();
    let talking = cache.record_call_started(&call(2_000)).unwrap();
    cache.record_call_accepted(talking, 2_500).unwrap();
    let done = cache.record_call_started(&call(3_000)).unwrap();
    cache.record_call_ended(done, 4_000, "hung_up").unwrap();
    drop(cache);

    let mut cache = open(&folder);
    let calls = cache.calls(10, None).unwrap();
    let ends: Vec<_> = calls
        .iter()
        .map(|call| (call.id, call.ended_at, call.end_reason.as_deref()))
        .collect();
    assert_eq!(
        ends,
        [
            (done, Some(4_000), Some("hung_up")),
            (talking, Some(2_500), Some(INTERRUPTED)),
            (ringing, Some(1_000), Some(INTERRUPTED)),
        ]
    );
    // Whoever knows better may still say so, once.
    cache.record_call_ended(talking, 8_000, "hung_up").unwrap();
    assert_eq!(reasons(&cache)[1].as_deref(), Some("hung_up"));
}

#[test]
fn a_call_goes_on_over_a_pause_of_the_cache() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    let id = cache.record_call_started(&call(1)).unwrap();
    let mut cache = cache.close().unwrap().reopen().unwrap();
    assert_eq!(reasons(&cache), [None]);
    // The pause over, others see the call as alive again.
    assert_eq!(reasons(&open(&folder)), [None]);
    cache.record_call_ended(id, 2, "hung_up").unwrap();
    assert_eq!(reasons(&cache), [Some("hung_up".to_owned())]);
}

#[test]
fn a_killed_process_leaves_its_call_interrupted_and_a_living_one_does_not() {
    let folder = TempDir::new().unwrap();
    let task = folder.path().to_str().unwrap();
    let mut process = child::command("history::in_a_call_until_killed", task)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let started = output
        .lines()
        .map_while(Result::ok)
        .any(|line| line.ends_with("in a call"));
    assert!(started);

    assert_eq!(reasons(&open(&folder)), [None]);
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(reasons(&open(&folder)), [Some(INTERRUPTED.to_owned())]);
}

#[test]
#[ignore = "another test runs it in a process of its own"]
fn in_a_call_until_killed() {
    let Some(folder) = child::task() else { return };
    let mut cache = Cache::open(Path::new(&folder), &alice(), fold).unwrap();
    cache.record_call_started(&call(1)).unwrap();
    println!("\nin a call");
    // The parent kills this process, or is gone itself and the pipe ends.
    let _ = std::io::stdin().read(&mut [0]);
}
