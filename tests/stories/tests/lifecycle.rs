//! An app on a phone: to the background and back, and woken by a call.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cooee_sdk::{
    Body, Client, Connectivity, Credentials, EndReason, MessageError, NewMessage, Recipient,
    WakeReason, Woken,
};
use cooee_stories::{Clock, Person, World};

use crate::apart::{Resources, gets_the_lock, processor_time, runs_apart};

/// Longer than anything here takes; only what would hang for ever comes this far.
const LIMIT: Duration = Duration::from_secs(60);

/// The cache of the one account in a folder.
fn cache_in(folder: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(folder).unwrap();
    let database = |path: &PathBuf| path.extension().is_some_and(|end| end == "sqlite3");
    let found = entries.find_map(|entry| Some(entry.unwrap().path()).filter(database));
    found.expect("a cache")
}

/// Files of this process that lie in a folder.
#[cfg(target_os = "linux")]
fn open_files_in(folder: &Path) -> Vec<PathBuf> {
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
    targets.filter(|path| path.starts_with(folder)).collect()
}

#[tokio::test]
async fn a_paused_client_leaves_its_files_to_others() {
    let world = World::start().await;
    let (alice, mut bob) = world.alice_and_bob().await;
    let cache = cache_in(alice.folder());
    assert!(!gets_the_lock(&cache).await, "the cache is open");

    alice.client.pause().await;
    assert!(gets_the_lock(&cache).await, "the cache is closed");
    #[cfg(target_os = "linux")]
    assert_eq!(open_files_in(alice.folder()), Vec::<PathBuf>::new());
    bob.sees(&alice.name(), cooee_sdk::Status::Offline).await;

    // What is asked of it meanwhile is refused in words that programs understand.
    let refused = alice.client.send(&to(&bob), NewMessage::text("now?")).await;
    assert_eq!(refused.unwrap_err().code(), "not_kept");
    let refused = alice.client.add_contact(bob.name()).await;
    assert_eq!(refused.unwrap_err().code(), "offline");

    let me = alice.client.resume().await.unwrap();
    assert_eq!(me.name, alice.name());
    assert!(!gets_the_lock(&cache).await, "the cache is open again");
    bob.sees(&alice.name(), cooee_sdk::Status::Online).await;
    alice
        .client
        .send(&to(&bob), NewMessage::text("now"))
        .await
        .unwrap();
    has(&bob.client, &to(&alice), &["now".to_owned()]).await;
}

#[tokio::test]
async fn a_pause_in_mid_call_waits_for_the_end_of_the_call() {
    let world = World::start().await;
    let (mut alice, mut bob) = world.alice_and_bob().await;
    let call = bob.calls(&alice).await;
    let ring = alice.rings().await;
    alice.client.pause().await;
    let answer = alice.accepts(ring).await;
    answer.both_hear(&call).await;
    alice.client.pause().await;
    answer.both_hear(&call).await;

    call.hangs_up().await;
    assert_eq!(answer.ends().await, EndReason::RemoteHungUp);
    is_paused(&alice.client).await;
    assert!(gets_the_lock(&cache_in(alice.folder())).await);
    bob.sees(&alice.name(), cooee_sdk::Status::Offline).await;

    alice.client.resume().await.unwrap();
    let history = alice.client.history(10, None).await.unwrap();
    assert_eq!(history.len(), 1, "the call was written down");
}

#[tokio::test]
async fn who_signs_in_during_a_pause_is_awake() {
    let world = World::start().await;
    let (alice, bob) = world.alice_and_bob().await;
    alice.client.pause().await;
    let name = alice.name();
    let signed_in = alice.client.login(name, cooee_stories::password()).await;
    signed_in.unwrap();
    alice
        .client
        .send(&to(&bob), NewMessage::text("here"))
        .await
        .unwrap();
    has(&bob.client, &to(&alice), &["here".to_owned()]).await;
}

#[tokio::test]
async fn a_call_wakes_a_paused_client() {
    let world = World::start().await;
    let (alice, bob) = world.alice_and_bob().await;
    // A push reaches phones whose profile the server still knows to be somewhere.
    let _laptop = world.another_session_of(&alice).await;
    alice.client.pause().await;
    let call = bob.calls(&alice).await;
    let woken = alice.client.wake(WakeReason::Call).await.unwrap();
    let Woken::Ringing(ring) = woken else {
        panic!("it rings: {woken:?}");
    };
    assert_eq!(ring.from(), &bob.name());
    alice.accepts(ring).await.both_hear(&call).await;
}

#[tokio::test]
async fn a_push_that_comes_too_late_finds_it_quiet() {
    let world = World::start().await;
    let (alice, bob) = world.alice_and_bob().await;
    alice.client.pause().await;
    bob.client
        .send(&to(&alice), NewMessage::text("missed you"))
        .await
        .unwrap();
    let woken = alice.client.wake(WakeReason::Call).await.unwrap();
    assert!(matches!(woken, Woken::Quiet), "{woken:?}");
    // Messages come without anybody asking, only later.
    has(&alice.client, &to(&bob), &["missed you".to_owned()]).await;

    alice.client.pause().await;
    bob.client
        .send(&to(&alice), NewMessage::text("read this"))
        .await
        .unwrap();
    has_arrived(&bob.client, &to(&alice)).await;
    let woken = alice.client.wake(WakeReason::Message).await.unwrap();
    assert!(matches!(woken, Woken::Quiet), "{woken:?}");
    let texts = ["missed you".to_owned(), "read this".to_owned()];
    assert_eq!(texts_of(&alice.client, &to(&bob)).await, texts);
}

// From cold.

/// One way to a server that is not near.
#[cfg(target_os = "linux")]
const FAR: Duration = Duration::from_millis(40);

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_cold_process_rings_after_three_round_trips() {
    // The TCP connection, TLS, and the WebSocket, whose answer has resumption and ring behind it.
    wakes_within(World::start_encrypted().await, 3).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_cold_process_rings_after_two_round_trips_without_tls() {
    wakes_within(World::start().await, 2).await;
}

#[cfg(target_os = "linux")]
async fn wakes_within(world: World, round_trips: u64) {
    let (alice, mut bob) = world.alice_and_bob().await;
    let name = alice.name();
    let _call = bob.calls(&alice).await;
    bob.hears_it_ring().await;
    // Her app is killed while it rings; the push starts it again.
    let (folder, line) = alice.ends().await;
    line.takes(FAR);
    let before = line.round_trips();
    let folder = folder.display().to_string();
    let mut variables = vec![("COOEE_STORY_FOLDER", folder.as_str())];
    let certificate = world.trusts().map(|path| path.display().to_string());
    if let Some(certificate) = &certificate {
        variables.push(("COOEE_STORY_CERTIFICATE", certificate));
    }
    let told = runs_apart("lifecycle::apart_a_cold_process_is_woken", &variables).await;
    let spent: u128 = told.trim().parse().expect("milliseconds");
    let made = line.round_trips() - before;
    println!(
        "from a cold process to the ring of {name} over {}: {made} round trips, {spent} ms of \
         processor time",
        line.url()
    );
    assert_eq!(made, round_trips);
    assert!(spent <= 100, "{spent} ms of processor time");
}

#[tokio::test]
#[ignore = "run by another story, in a process of its own"]
async fn apart_a_cold_process_is_woken() {
    let Ok(folder) = std::env::var("COOEE_STORY_FOLDER") else {
        return;
    };
    let mut builder = Client::builder()
        .data_folder(folder)
        .credentials(Credentials::File)
        .quick_start(true);
    if let Some(certificate) = std::env::var_os("COOEE_STORY_CERTIFICATE") {
        builder = builder.ca_file(certificate);
    }
    let client = builder.build().await.unwrap();
    let woken = client.wake(WakeReason::Call).await.unwrap();
    let spent = processor_time();
    assert!(matches!(woken, Woken::Ringing(_)), "{woken:?}");
    println!(">> {}", spent.as_millis());
    // At once, so that nothing goes over the line any more.
    std::process::exit(0);
}

// A thousand times.

/// Pauses in a row.
const PAUSES: usize = 1_000;
/// Pauses after which everything that grows once has grown.
const WARM: usize = 200;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_thousand_pauses_at_random_moments_lose_nothing_and_leak_nothing() {
    let told = runs_apart(
        "lifecycle::apart_a_thousand_pauses",
        &[("COOEE_STORY_APART", "1")],
    );
    println!("{}", told.await);
}

#[tokio::test]
#[ignore = "run by another story, in a process of its own"]
async fn apart_a_thousand_pauses() {
    if std::env::var_os("COOEE_STORY_APART").is_none() {
        return;
    }
    let world = World::start().await;
    let (alice, bob) = world.alice_and_bob().await;
    let (to_alice, to_bob) = (to(&alice), to(&bob));
    let mut chance = Chance(0x5eed);
    let (mut kept, mut refused, mut answered) = (Vec::new(), 0, 0);
    let mut written = Vec::new();
    let mut before = None;
    for round in 0..PAUSES {
        if round == WARM {
            before = Some(settled(None).await);
        }
        let calls = chance.below(20) == 0;
        if calls || chance.below(3) == 0 {
            alice.client.resume().await.unwrap();
        } else {
            alice.client.unpause().await;
        }
        let call = if calls {
            Some(bob.calls(&alice).await)
        } else {
            None
        };
        if chance.below(3) == 0 {
            let text = format!("bob {round}");
            let sent = bob
                .client
                .send(&to_alice, NewMessage::text(text.clone()))
                .await;
            sent.unwrap();
            written.push(text);
        }
        let sending = (chance.below(3) == 0).then(|| {
            let (client, to, text) = (
                alice.client.clone(),
                to_bob.clone(),
                format!("alice {round}"),
            );
            tokio::spawn(async move {
                let sent = client.send(&to, NewMessage::text(text.clone())).await;
                (text, sent)
            })
        });
        if call.is_none() {
            // Any moment: of the connection, the sign-in, the pages, the answers.
            for _ in 0..chance.below(400) {
                tokio::task::yield_now().await;
            }
        }
        if let Some(call) = call {
            rings(&alice.client).await;
            alice.client.pause().await;
            let ring = alice.client.incoming().expect("a ring outlasts a pause");
            if chance.below(2) == 0 {
                let answer = alice.accepts(ring).await;
                answer.connects().await;
                call.hangs_up().await;
                assert_eq!(answer.ends().await, EndReason::RemoteHungUp);
            } else {
                ring.decline().await.unwrap();
                assert_eq!(call.ends().await, EndReason::Declined);
            }
            answered += 1;
        } else {
            alice.client.pause().await;
        }
        is_paused(&alice.client).await;
        if let Some(sending) = sending {
            match sending.await.unwrap() {
                (text, Ok(_)) => kept.push(text),
                (_, Err(MessageError::NotKept(_))) => refused += 1,
                (text, Err(error)) => panic!("{text}: {error}"),
            }
        }
    }
    let after = settled(before).await;
    alice.client.resume().await.unwrap();
    let all = kept.len() + written.len();
    for (client, with) in [(&alice.client, &to_bob), (&bob.client, &to_alice)] {
        let read = eventually(client, with, all).await;
        let of = |who: &str| -> Vec<String> {
            let texts = read.iter().filter(|text| text.starts_with(who));
            texts.cloned().collect()
        };
        assert_eq!(of("alice"), kept, "hers, in order and once");
        assert_eq!(of("bob"), written, "his, in order and once");
    }
    let history = alice.client.history(1_000, None).await.unwrap();
    assert_eq!(history.len(), answered, "each call was written down");
    println!(
        ">> {PAUSES} pauses, {all} messages ({refused} refused), {answered} calls; {before:?}, {after:?}"
    );
    let before = before.unwrap();
    assert!(after.files <= before.files, "files are left open");
    assert!(after.tasks <= before.tasks, "tasks are left");
    assert!(after.threads <= before.threads + 2, "threads are left");
    assert!(after.memory <= before.memory + 16 * 1024, "memory grows");
}

/// What the process holds when what ends has ended: connections and tasks take a moment.
async fn settled(until: Option<Resources>) -> Resources {
    let mut now = Resources::now();
    for _ in 0..200 {
        let earlier = until.unwrap_or(now);
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        now = Resources::now();
        if until.is_some() && now.files <= earlier.files && now.tasks <= earlier.tasks {
            break;
        }
    }
    now
}

// An hour.

#[tokio::test]
async fn an_idle_hour_wakes_nobody_but_for_the_keep_alive() {
    const STEP: Duration = Duration::from_secs(1);
    const STEPS: u64 = 3_600;
    /// The server's ping.
    const INTERVAL: Duration = Duration::from_secs(30);
    let world = World::start().await;
    let (alice, bob) = world.alice_and_bob().await;
    alice
        .client
        .send(&to(&bob), NewMessage::text("good night"))
        .await
        .unwrap();
    has_arrived(&alice.client, &to(&bob)).await;
    let clock = Clock::stop().await;
    // Whatever the message has set off is over.
    for _ in 0..60 {
        passes(&clock, STEP).await;
    }
    let (bytes, moments, timers) = (
        bob.line.bytes(),
        bob.line.moments(),
        bob.client.timer_wakes(),
    );
    for _ in 0..STEPS {
        passes(&clock, STEP).await;
    }
    let hour = STEP * u32::try_from(STEPS).unwrap();
    let (bytes, moments, timers) = (
        bob.line.bytes() - bytes,
        bob.line.moments() - moments,
        bob.client.timer_wakes() - timers,
    );
    println!("an idle hour: {moments} times something on the line, {timers} timers, {bytes} bytes");
    assert_eq!(*bob.client.connectivity().borrow(), Connectivity::Online);
    assert!(
        u128::from(moments + timers) <= hour.as_secs_f64() as u128 / INTERVAL.as_secs() as u128 + 1
    );
}

/// Lets time pass, and then the frames that it has set off.
async fn passes(clock: &Clock, span: Duration) {
    clock.pass(span).await;
    for _ in 0..300 {
        tokio::task::yield_now().await;
    }
}

// What the stories here share.

fn to(person: &Person) -> Recipient {
    Recipient::Contact(person.name())
}

async fn texts_of(client: &Client, with: &Recipient) -> Vec<String> {
    let page = client.messages(with, None, 1_000).await.unwrap();
    // Calls are in it as well.
    let text = |message: &cooee_sdk::Message| match &message.body {
        Body::Text(text) => Some(text.clone()),
        _ => None,
    };
    page.messages.iter().filter_map(text).collect()
}

/// Waits until a conversation has as many messages, and gives them.
async fn eventually(client: &Client, with: &Recipient, count: usize) -> Vec<String> {
    let mut events = client.events();
    let waiting = async {
        loop {
            let texts = texts_of(client, with).await;
            if texts.len() >= count {
                return texts;
            }
            events.recv().await;
        }
    };
    let found = tokio::time::timeout(LIMIT, waiting).await;
    found.expect("all messages")
}

async fn has(client: &Client, with: &Recipient, texts: &[String]) {
    assert_eq!(eventually(client, with, texts.len()).await, texts);
}

/// Waits until nothing is left in the outbox.
async fn has_arrived(client: &Client, with: &Recipient) {
    let mut events = client.events();
    let waiting = async {
        while !client.outbox(Some(with)).await.unwrap().is_empty() {
            events.recv().await;
        }
    };
    tokio::time::timeout(LIMIT, waiting)
        .await
        .expect("an empty outbox");
}

async fn rings(client: &Client) {
    let mut events = client.events();
    let waiting = async {
        while client.incoming().is_none() {
            events.recv().await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("a ring");
}

async fn is_paused(client: &Client) {
    let mut connectivity = client.connectivity();
    let paused = connectivity.wait_for(|now| *now == Connectivity::Paused);
    let paused = tokio::time::timeout(LIMIT, paused).await;
    paused.expect("a pause").unwrap();
}

/// The same moments in every run (xorshift, Marsaglia 2003).
struct Chance(u32);

impl Chance {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 8) % limit
    }
}
