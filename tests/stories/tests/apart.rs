//! What runs in a process of its own: another process's view of a cache, and figures about a whole
//! process that the stories beside it would spoil.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Runs one of the tests that are ignored otherwise in a process of its own, and gives what it
/// printed after `>>`, or panics with all that it printed.
pub(crate) async fn runs_apart(test: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--ignored",
        "--exact",
        test,
        "--nocapture",
        "--test-threads=1",
    ]);
    command.envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{complaints}");
    let told = printed.lines().filter_map(|line| line.split_once(">> "));
    told.map(|(_, told)| format!("{told}\n")).collect()
}

/// Whether another process gets an exclusive lock on a cache at once.
pub(crate) async fn gets_the_lock(cache: &Path) -> bool {
    let cache = cache.display().to_string();
    let told = runs_apart(
        "apart::another_process_takes_the_lock",
        &[("COOEE_STORY_CACHE", &cache)],
    )
    .await;
    told.trim() == "locked"
}

#[test]
#[ignore = "run by other stories, in a process of its own"]
fn another_process_takes_the_lock() {
    let Ok(cache) = std::env::var("COOEE_STORY_CACHE") else {
        return;
    };
    let connection = rusqlite::Connection::open(cache).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    let locked = connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; PRAGMA user_version; COMMIT;",
    );
    match locked {
        Ok(()) => println!(">> locked"),
        Err(error) => println!(">> {error}"),
    }
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resources {
    pub(crate) files: usize,
    pub(crate) tasks: usize,
    pub(crate) threads: usize,
    /// Resident memory in KiB.
    pub(crate) memory: usize,
}

impl Resources {
    pub(crate) fn now() -> Self {
        let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.unwrap().trim().trim_end_matches("kB").trim();
        Self {
            files: count("/proc/self/fd"),
            tasks: tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks(),
            threads: count("/proc/self/task"),
            memory: memory.parse().unwrap(),
        }
    }
}

/// Processor time of this process, all threads that live.
pub(crate) fn processor_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = threads.filter_map(|thread| {
        let path = thread.ok()?.path().join("schedstat");
        let text = std::fs::read_to_string(path).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}
