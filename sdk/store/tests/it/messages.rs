//! Conversations on one device.

use cooee_store::{Cache, CacheError, Draft, Entry, EntryKind, Mark, Page};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::open;

const GROUP: &str = "0198f1f0-0000-7000-8000-000000000001";

fn entry(sequence: i64, kind: EntryKind, target: Option<&str>, body: &str) -> Entry {
    Entry {
        sequence,
        id: format!("m{sequence}"),
        author: "Bob".into(),
        own: false,
        at: 1_764_000_000_000 + sequence,
        kind,
        target: target.map(Into::into),
        content_type: "text/plain".into(),
        body: body.into(),
        attachments: Vec::new(),
        erased: false,
    }
}

fn said(sequence: i64, body: &str) -> Entry {
    entry(sequence, EntryKind::Message, None, body)
}

fn page(first: i64, entries: Vec<Entry>) -> Page {
    let last = first + i64::try_from(entries.len()).unwrap() - 1;
    Page {
        id_group: GROUP.into(),
        first,
        last,
        head: last,
        entries,
    }
}

fn draft(id: &str, body: &str) -> Draft {
    Draft {
        id: id.into(),
        id_group: GROUP.into(),
        kind: EntryKind::Message,
        target: None,
        pseudo: String::new(),
        content_type: "text/plain".into(),
        body: body.into(),
        attachments: Vec::new(),
        at: 5,
    }
}

fn bodies(cache: &Cache) -> Vec<String> {
    let messages = cache.messages(GROUP, None, 1_000).unwrap();
    messages.into_iter().map(|message| message.body).collect()
}

fn found(cache: &Cache, typed: &str) -> Vec<String> {
    let found = cache.search_messages(typed, None, 10).unwrap();
    found.into_iter().map(|found| found.message.body).collect()
}

#[test]
fn what_was_written_waits_in_the_outbox_until_it_has_arrived() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache.add_to_outbox(&draft("m1", "hello")).unwrap();
    cache.add_to_outbox(&draft("m1", "hello")).unwrap();
    cache.add_to_outbox(&draft("m2", "are you there?")).unwrap();
    cache.close().unwrap();

    let mut cache = open(&folder);
    let waiting: Vec<_> = cache.outbox().unwrap();
    let ids: Vec<_> = waiting.iter().map(|out| out.draft.id.as_str()).collect();
    assert_eq!(ids, ["m1", "m2"]);

    let arrived = Entry {
        own: true,
        ..said(1, "hello")
    };
    cache.write_page(&page(1, vec![arrived])).unwrap();
    let left = cache.outbox_of(GROUP).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].draft, draft("m2", "are you there?"));
    assert_eq!(bodies(&cache), ["hello"]);
}

#[test]
fn somebody_elses_entry_with_the_same_id_leaves_the_outbox_alone() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache.add_to_outbox(&draft("m1", "mine")).unwrap();
    cache
        .write_page(&page(1, vec![said(1, "not yours")]))
        .unwrap();
    assert_eq!(cache.outbox().unwrap().len(), 1);
}

#[test]
fn a_refused_draft_is_sent_again_or_discarded_and_one_on_its_way_is_neither() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache.add_to_outbox(&draft("m1", "hello")).unwrap();
    assert!(!cache.discard_from_outbox("m1").unwrap());
    assert!(!cache.retry_in_outbox("m1").unwrap());

    cache.refuse_in_outbox("m1", "not-member").unwrap();
    let refusal = cache.outbox().unwrap()[0].refusal.clone();
    assert_eq!(refusal.as_deref(), Some("not-member"));
    assert!(cache.retry_in_outbox("m1").unwrap());
    assert_eq!(cache.outbox().unwrap()[0].refusal, None);

    cache.refuse_in_outbox("m1", "not-member").unwrap();
    assert!(cache.discard_from_outbox("m1").unwrap());
    assert!(cache.outbox().unwrap().is_empty());
}

#[test]
fn edits_reactions_and_deletion_show_in_the_message() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    let reaction = |sequence, who: &str, body: &str| Entry {
        author: who.into(),
        ..entry(sequence, EntryKind::Reaction, Some("m1"), body)
    };
    cache
        .write_page(&page(
            1,
            vec![
                said(1, "helo"),
                entry(2, EntryKind::Edit, Some("m1"), "hello"),
                reaction(3, "carol", "👍"),
                reaction(4, "dave", "🎉"),
                reaction(5, "Carol", "❤"),
                reaction(6, "dave", ""),
                Entry {
                    target: Some("m1".into()),
                    ..said(7, "hello to you")
                },
            ],
        ))
        .unwrap();
    let messages = cache.messages(GROUP, None, 10).unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].body, "hello");
    assert_eq!(messages[0].edited_at, Some(1_764_000_000_002));
    let reactions: Vec<_> = messages[0]
        .reactions
        .iter()
        .map(|r| r.body.as_str())
        .collect();
    assert_eq!(reactions, ["❤"]);
    assert_eq!(messages[1].reply_to.as_deref(), Some("m1"));
    assert_eq!(found(&cache, "helo"), Vec::<String>::new());
    assert_eq!(found(&cache, "hello"), ["hello to you", "hello"]);

    cache
        .write_page(&page(8, vec![entry(8, EntryKind::Delete, Some("m1"), "")]))
        .unwrap();
    let message = cache.message(GROUP, "m1").unwrap().unwrap();
    assert!(message.deleted);
    assert_eq!((message.body.as_str(), message.reactions.len()), ("", 0));
    assert_eq!(found(&cache, "hello"), ["hello to you"]);
}

#[test]
fn what_was_withdrawn_is_gone_from_the_disk() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache
        .write_page(&page(
            1,
            vec![
                said(1, "unforgettablesecret"),
                entry(2, EntryKind::Edit, Some("m1"), "unforgettablesecret again"),
                entry(3, EntryKind::Delete, Some("m1"), ""),
            ],
        ))
        .unwrap();
    cache.close().unwrap();
    let file = std::fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let bytes = std::fs::read(file.path()).unwrap();
    let secret = b"unforgettablesecret";
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
}

#[test]
fn a_page_that_does_not_join_what_is_held_is_refused_and_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache.write_page(&page(10, vec![said(10, "ten")])).unwrap();
    for wrong in [
        page(12, vec![said(12, "twelve")]),
        page(7, vec![said(7, "seven"), said(8, "eight")]),
        page(0, vec![said(0, "zero")]),
        page(11, vec![said(15, "outside")]),
        Page {
            head: 3,
            ..page(11, vec![said(11, "eleven")])
        },
        Page {
            last: i64::MIN,
            ..page(11, vec![])
        },
    ] {
        let refused = cache.write_page(&wrong);
        assert!(matches!(refused, Err(CacheError::Gap { .. })), "{wrong:?}");
        assert_eq!(bodies(&cache), ["ten"]);
    }
    let state = cache
        .write_page(&page(8, vec![said(8, "eight"), said(9, "nine")]))
        .unwrap();
    assert_eq!((state.first, state.last, state.head), (8, 10, 10));
    assert_eq!(cache.conversations().unwrap(), [state]);
    assert_eq!(bodies(&cache), ["eight", "nine", "ten"]);
}

#[test]
fn a_search_knows_no_accents_and_finds_the_latest_first() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache
        .write_page(&page(
            1,
            vec![
                said(1, "L'Été dernier"),
                said(2, "winter"),
                said(3, "cet été là"),
            ],
        ))
        .unwrap();
    assert_eq!(found(&cache, "ete"), ["cet été là", "L'Été dernier"]);
    assert_eq!(found(&cache, "été der"), ["L'Été dernier"]);
    assert_eq!(found(&cache, "\" OR NEAR("), Vec::<String>::new());
    let elsewhere = cache.search_messages("ete", Some("other"), 10).unwrap();
    assert!(elsewhere.is_empty());
}

#[test]
fn thousands_of_entries_at_one_moment_and_absurd_times_are_kept_all_the_same() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    let at = |sequence, at| Entry {
        at,
        ..said(sequence, "same")
    };
    let mut entries: Vec<_> = (1..=5_000).map(|sequence| at(sequence, 7)).collect();
    entries.push(at(5_001, i64::MAX));
    entries.push(at(5_002, i64::MIN));
    cache.write_page(&page(1, entries)).unwrap();
    let last = cache.messages(GROUP, None, 2).unwrap();
    assert_eq!((last[0].sequence, last[1].sequence), (5_001, 5_002));
    assert_eq!(
        cache.messages(GROUP, Some(5_001), 1_000).unwrap().len(),
        1_000
    );
}

#[test]
fn marks_go_forward_only() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    let mark = |pseudo: &str, delivered, read| Mark {
        pseudo: pseudo.into(),
        delivered,
        read,
    };
    cache.set_marks(GROUP, &[mark("bob", 5, 2)]).unwrap();
    cache.set_marks(GROUP, &[mark("Bob", 4, 3)]).unwrap();
    assert_eq!(cache.marks(GROUP).unwrap(), [mark("Bob", 5, 3)]);
}

#[test]
fn conversations_that_were_forgotten_leave_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let mut cache = open(&folder);
    cache.write_page(&page(1, vec![said(1, "hello")])).unwrap();
    cache.add_to_outbox(&draft("m9", "later")).unwrap();
    cache.forget_conversations().unwrap();
    assert!(bodies(&cache).is_empty());
    assert!(found(&cache, "hello").is_empty());
    assert!(cache.outbox().unwrap().is_empty());
    assert!(cache.conversations().unwrap().is_empty());
}

fn anything(sequence: i64, choice: u8, target: i64) -> Entry {
    let target = format!("m{target}");
    match choice % 6 {
        0 => entry(
            sequence,
            EntryKind::Edit,
            Some(&target),
            &format!("edit {sequence}"),
        ),
        1 => entry(sequence, EntryKind::Delete, Some(&target), ""),
        2 => entry(sequence, EntryKind::Reaction, Some(&target), "👍"),
        _ => said(sequence, &format!("word{sequence}")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In whatever pages a conversation is fetched, forwards or backwards, twice or once, it
    /// reads the same and is found by the same words.
    #[test]
    fn a_conversation_reads_the_same_however_it_was_fetched(
        choices in proptest::collection::vec((any::<u8>(), 1..30_i64), 1..30),
        start in any::<prop::sample::Index>(),
        steps in proptest::collection::vec((any::<bool>(), 1..7_i64), 60),
    ) {
        let count = i64::try_from(choices.len()).unwrap();
        let entries: Vec<_> = choices
            .iter()
            .zip(1..)
            .map(|((choice, target), sequence)| anything(sequence, *choice, *target))
            .collect();
        let part = |first: i64, last: i64| Page {
            id_group: GROUP.into(),
            first,
            last,
            head: count,
            entries: entries
                .iter()
                .filter(|entry| (first..=last).contains(&entry.sequence))
                .cloned()
                .collect(),
        };
        let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let (mut whole, mut pieces) = (open(&one), open(&other));
        whole.write_page(&part(1, count)).unwrap();

        let middle = i64::try_from(start.index(choices.len())).unwrap() + 1;
        let (mut first, mut last) = (middle, middle);
        pieces.write_page(&part(first, last)).unwrap();
        let mut steps = steps.into_iter();
        while first > 1 || last < count {
            let (forwards, size) = steps.next().unwrap_or((first == 1, 30));
            if (forwards && last < count) || first == 1 {
                let end = (last + size).min(count);
                // A page may overlap what is held already.
                pieces.write_page(&part((last - 1).max(1), end)).unwrap();
                last = end;
            } else {
                let begin = (first - size).max(1);
                pieces.write_page(&part(begin, first - 1)).unwrap();
                first = begin;
            }
        }
        prop_assert_eq!(
            whole.messages(GROUP, None, 100).unwrap(),
            pieces.messages(GROUP, None, 100).unwrap()
        );
        for sequence in 1..=count {
            for word in [format!("word{sequence}"), format!("edit {sequence}")] {
                prop_assert_eq!(found(&whole, &word), found(&pieces, &word));
            }
        }
    }
}
