//! How long a conversation of 100,000 messages takes to open, to scroll and to search, on SQLite
//! alone: `cargo run --release -p cooee-store --example conversation`.

use std::time::{Duration, Instant};

use cooee_store::{AccountId, Cache, CacheError, Entry, EntryKind, Page};

const MESSAGES: i64 = 100_000;
const PAGE: i64 = 200;
const LOOKS: usize = 50;
const WORDS: [&str; 12] = [
    "été", "hiver", "appel", "demain", "gare", "train", "café", "minuit", "lettre", "jardin",
    "musique", "pluie",
];

fn fold(name: &str) -> String {
    name.to_lowercase()
}

fn entry(sequence: i64) -> Entry {
    let mut number = sequence.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let body: Vec<&str> = (0..8)
        .map(|_| {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let index = usize::try_from(number >> 60).unwrap_or(0) % WORDS.len();
            WORDS.get(index).copied().unwrap_or("été")
        })
        .collect();
    let kind = if sequence % 20 == 0 {
        EntryKind::Reaction
    } else {
        EntryKind::Message
    };
    Entry {
        sequence,
        id: format!("0199c3f2-7a10-7d3b-8c55-{sequence:012x}"),
        author: if sequence % 3 == 0 { "alice" } else { "bob" }.to_owned(),
        own: sequence % 3 == 0,
        at: 1_790_000_000_000 + sequence * 60_000,
        kind,
        target: (kind == EntryKind::Reaction)
            .then(|| format!("0199c3f2-7a10-7d3b-8c55-{:012x}", sequence - 1)),
        content_type: "text/plain".to_owned(),
        body: format!("{} unique{sequence}", body.join(" ")),
        attachments: Vec::new(),
        erased: false,
    }
}

fn median(
    mut look: impl FnMut() -> Result<(), CacheError>,
) -> Result<(Duration, Duration), CacheError> {
    let mut took = Vec::with_capacity(LOOKS);
    for _ in 0..LOOKS {
        let started = Instant::now();
        look()?;
        took.push(started.elapsed());
    }
    took.sort();
    let at = |index: usize| took.get(index).copied().unwrap_or_default();
    Ok((at(LOOKS / 2), at(LOOKS - 1)))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("cooee-conversation-{}", std::process::id()));
    let account = AccountId::new("wss://example.org", "alice");
    let mut cache = Cache::open(&folder, &account, fold)?;
    let started = Instant::now();
    let mut first = 1;
    while first <= MESSAGES {
        let last = (first + PAGE - 1).min(MESSAGES);
        cache.write_page(&Page {
            id_group: "g".to_owned(),
            first,
            last,
            head: MESSAGES,
            entries: (first..=last).map(entry).collect(),
        })?;
        first = last + 1;
    }
    println!(
        "{MESSAGES} entries written in pages of {PAGE}: {:.1?}",
        started.elapsed()
    );
    drop(cache);

    let mut cold = Vec::new();
    for _ in 0..10 {
        let started = Instant::now();
        let cache = Cache::open(&folder, &account, fold)?;
        let opened = started.elapsed();
        let page = cache.messages("g", None, 50)?;
        assert_eq!(page.len(), 50);
        cold.push((started.elapsed(), opened));
    }
    cold.sort();
    if let Some((both, open)) = cold.get(5) {
        println!(
            "cache opened and first page read: median {both:.2?}, of which opening {open:.2?}"
        );
    }
    let cache = Cache::open(&folder, &account, fold)?;
    let show = |what: &str, (median, worst): (Duration, Duration)| {
        println!("{what}: median {median:.2?}, worst of {LOOKS} {worst:.2?}");
    };
    show(
        "first page of 50",
        median(|| cache.messages("g", None, 50).map(drop))?,
    );
    show(
        "page of 50 in the middle",
        median(|| cache.messages("g", Some(MESSAGES / 2), 50).map(drop))?,
    );
    show(
        "a rare word",
        median(|| cache.search_messages("unique4711", None, 50).map(drop))?,
    );
    show(
        "a word of most messages, first 50",
        median(|| cache.search_messages("ete", None, 50).map(drop))?,
    );
    show(
        "a beginning of words, first 50",
        median(|| cache.search_messages("gare uni", Some("g"), 50).map(drop))?,
    );
    let started = Instant::now();
    let (mut before, mut seen) = (None, 0);
    loop {
        let page = cache.messages("g", before, 200)?;
        let Some(oldest) = page.first() else { break };
        before = Some(oldest.sequence);
        seen += page.len();
    }
    println!(
        "scrolled back through all {seen} messages: {:.1?}",
        started.elapsed()
    );
    drop(cache);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
