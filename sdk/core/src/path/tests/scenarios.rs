//! Ten thousand calls, each with NATs, a network and mishaps of its own. In each of them both
//! sides end up with a path that carries media both ways, or both say that there is none, and
//! which of the two it has to be is known beforehand. What the paths do is put to a call machine
//! on either side: both are connected in the end, or both have ended with a named reason.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::call::EndReason;
use crate::call::tests::paths::Side;
use crate::path::sim::{HostId, NatKind, Network, World};
use crate::path::{PathEvent, Privacy};

const SCENARIOS: u64 = 10_000;
/// How long a path that is possible may take. At 30 % loss now and then no STUN request of the
/// first series is answered, and the next series is 15 s later.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens while the call is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    Nothing,
    /// The one or the other side, or both, get another address behind another NAT.
    Move([Option<Option<NatKind>>; 2]),
    /// Everybody sleeps.
    Sleep(Duration),
    /// NATs forget their mappings.
    Reboot,
    /// The relay forgets its allocations.
    RelayRestart,
}

#[derive(Debug)]
struct Scenario {
    kinds: [Option<NatKind>; 2],
    relays: [bool; 2],
    hidden: bool,
    network: Network,
    skew: Duration,
    mishap: Mishap,
}

fn kind(rng: &mut StdRng) -> Option<NatKind> {
    match rng.random_range(0..11) {
        0 | 1 => None,
        2 | 3 => Some(NatKind::FullCone),
        4 => Some(NatKind::AddressRestricted),
        5..=7 => Some(NatKind::PortRestricted),
        8 | 9 => Some(NatKind::Symmetric),
        _ => Some(NatKind::Blocked),
    }
}

fn milliseconds(rng: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.random_range(range))
}

impl Scenario {
    fn draw(rng: &mut StdRng) -> Self {
        let kinds = [kind(rng), kind(rng)];
        let relays = [rng.random_bool(0.5), rng.random_bool(0.5)];
        let network = Network {
            loss: if rng.random_bool(0.4) {
                0.0
            } else {
                rng.random_range(0.0..0.3)
            },
            duplication: if rng.random_bool(0.8) { 0.0 } else { 0.05 },
            delay: milliseconds(rng, 2..120),
            jitter: milliseconds(rng, 0..80),
        };
        let mishap = match rng.random_range(0..10) {
            0..5 => Mishap::Nothing,
            5 => Mishap::Move([Some(kind(rng)), None]),
            6 => Mishap::Move([None, Some(kind(rng))]),
            7 => Mishap::Move([Some(kind(rng)), Some(kind(rng))]),
            8 => Mishap::Sleep(milliseconds(rng, 500..600_000)),
            _ if rng.random_bool(0.5) => Mishap::Reboot,
            _ => Mishap::RelayRestart,
        };
        Scenario {
            kinds,
            relays,
            hidden: rng.random_bool(0.1),
            network,
            skew: milliseconds(rng, 0..250),
            mishap,
        }
    }

    /// Whether there is a way between two such sites.
    fn is_possible(&self, kinds: [Option<NatKind>; 2]) -> bool {
        if kinds.contains(&Some(NatKind::Blocked)) {
            return false;
        }
        let looks_at_ports =
            |kind| matches!(kind, Some(NatKind::PortRestricted | NatKind::Symmetric));
        let symmetric = |kind| kind == Some(NatKind::Symmetric);
        let apart = symmetric(kinds[0]) && looks_at_ports(kinds[1])
            || symmetric(kinds[1]) && looks_at_ports(kinds[0]);
        match (self.hidden, self.relays) {
            (true, [relayed, _]) => relayed,
            (false, [false, false]) => !apart,
            (false, [true, _] | [_, true]) => true,
        }
    }
}

/// Waits for what has to come: both ends sure of a path that carries media, or both sure that
/// there is none.
fn settles(world: &mut World, [a, b]: [HostId; 2], possible: bool) -> Result<(), String> {
    for host in [a, b] {
        world.host(host).media.clear();
    }
    let mut frames = 0;
    let end = world.elapsed() + PATIENCE;
    while world.elapsed() < end {
        let verdicts = [world.verdict(a, b), world.verdict(b, a)];
        if possible && verdicts == [Some(true); 2] {
            frames += 1;
            world.send_media(a, b, b"voice");
            world.send_media(b, a, b"voice");
            world.run_for(Duration::from_millis(40));
            let heard = |world: &World, host: HostId| !world.hosts[host.0].media.is_empty();
            if heard(world, a) && heard(world, b) {
                return Ok(());
            }
        } else if !possible && verdicts == [Some(false); 2] {
            return Ok(());
        } else {
            // As long as nothing changes there is nothing to look at.
            let step = Duration::from_millis(2000).min(end - world.elapsed());
            world.run_until(step, |w| [w.verdict(a, b), w.verdict(b, a)] != verdicts);
        }
    }
    let routes = [world.route(a, b), world.route(b, a)];
    let verdicts = [world.verdict(a, b), world.verdict(b, a)];
    Err(format!(
        "possible: {possible}, {verdicts:?}, {routes:?}, {frames} frames, heard {:?}\n  {:?}\n  {:?}",
        [a, b].map(|h| world.hosts[h.0].media.len()),
        world.hosts[a.0].events,
        world.hosts[b.0].events,
    ))
}

/// How long a call looks for a path until it ends.
const NO_PATH: Duration = Duration::from_secs(30);

/// The calls of both sides, as their paths make them.
struct Calls {
    hosts: [HostId; 2],
    sides: [Side; 2],
    /// How many of a host's events its call has heard.
    told: [usize; 2],
    /// Whether paths came too late for the calls.
    late: bool,
}

impl Calls {
    fn new(now: Instant, hosts: [HostId; 2]) -> Self {
        Calls {
            hosts,
            sides: [Side::accepted(now), Side::accepted(now)],
            told: [0; 2],
            late: false,
        }
    }

    /// Puts what the paths have done to the calls, in its order.
    fn follow(&mut self, world: &World) {
        let start = world.now - world.elapsed();
        let mut news = Vec::new();
        for (index, host) in self.hosts.iter().enumerate() {
            let events = &world.hosts[host.0].events;
            for (at, event) in &events[self.told[index]..] {
                match event {
                    PathEvent::Selected { .. } => news.push((*at, index, true)),
                    PathEvent::Lost { .. } => news.push((*at, index, false)),
                    PathEvent::GatheringDone | PathEvent::DescriptionChanged => {}
                }
            }
            self.told[index] = events.len();
        }
        news.sort_by_key(|(at, ..)| *at);
        for (at, index, is_there) in news {
            self.pass(start + at);
            self.sides[index].path(start + at, is_there);
            self.tell(start + at);
        }
        self.pass(world.now);
    }

    fn pass(&mut self, now: Instant) {
        self.sides.iter_mut().for_each(|side| side.pass(now));
        self.tell(now);
    }

    /// Who ends a call tells the other.
    fn tell(&mut self, now: Instant) {
        if self.sides.iter().any(|side| side.ended.is_some()) {
            self.sides
                .iter_mut()
                .for_each(|side| side.told_of_the_end(now));
        }
    }

    /// Whether the calls are as the paths say, which have settled.
    fn agree(&mut self, world: &World, possible: bool) -> Result<(), String> {
        self.follow(world);
        if !possible {
            self.pass(world.now + NO_PATH);
        }
        let ended = [0, 1].map(|side| self.sides[side].ended);
        let named = ended
            .iter()
            .all(|reason| matches!(reason, Some(EndReason::NoPath | EndReason::RemoteHungUp)));
        let connected = self.sides.iter().all(Side::is_connected);
        self.late |= possible && named;
        match possible {
            true if connected || named && self.late => Ok(()),
            false if named && ended.contains(&Some(EndReason::NoPath)) => Ok(()),
            true | false => Err(format!("possible: {possible}, the calls ended: {ended:?}")),
        }
    }
}

/// Plays one scenario; whether its calls gave up before the path came.
fn play(seed: u64) -> Result<bool, String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let scenario = Scenario::draw(&mut rng);
    let mut world = World::new(seed, scenario.network);
    world.add_stun_server("198.51.100.1:3478");
    world.add_relay("198.51.100.9:3478");
    let hosts = [1, 2].map(|net| world.add_site(net, scenario.kinds[usize::from(net) - 1]));
    let [a, b] = hosts;
    if scenario.hidden {
        let now = world.now;
        world.host(a).agent.set_privacy(now, Privacy::RelayOnly);
    }
    for (host, relayed) in hosts.iter().zip(scenario.relays) {
        if relayed {
            world.use_relays(*host);
        }
    }
    world.gather_all();
    world.tell(a, b, true);
    world.tell_after(scenario.skew, b, a, false);
    let told = |e| format!("{e}\n  {scenario:?}");
    let mut calls = Calls::new(world.now, hosts);
    let possible = scenario.is_possible(scenario.kinds);
    settles(&mut world, hosts, possible).map_err(told)?;
    calls.agree(&world, possible).map_err(told)?;
    // Whoever has hung up does not notice what happens next; the paths do.
    let goes_on = possible && !calls.late;

    let mut kinds = scenario.kinds;
    world.run_for(milliseconds(&mut rng, 0..1500));
    match scenario.mishap {
        Mishap::Nothing => return Ok(calls.late),
        Mishap::Move(moves) => {
            for (index, host) in hosts.iter().enumerate() {
                let Some(kind) = moves[index] else { continue };
                kinds[index] = kind;
                let net = index + 3;
                let outside = format!("203.0.113.{net}");
                let inside = if kind.is_some() {
                    format!("10.{net}.0.2")
                } else {
                    outside.clone()
                };
                let nat = kind.map(|kind| world.add_nat(kind, &outside));
                world.plug(*host, inside.parse().unwrap(), nat);
                world.set_locals(*host, &[&format!("{inside}:5000")]);
                world.run_for(milliseconds(&mut rng, 0..300));
            }
        }
        Mishap::Sleep(time) => world.jump(time),
        Mishap::Reboot => world.reboot_nats(),
        Mishap::RelayRestart => world.restart_relays(),
    }
    world.run_for(Duration::from_millis(250));
    let after = |e| format!("after the mishap: {e}\n  {scenario:?}");
    let possible = scenario.is_possible(kinds);
    settles(&mut world, hosts, possible).map_err(after)?;
    if goes_on {
        calls.agree(&world, possible).map_err(after)?;
    }
    Ok(calls.late)
}

/// The seeds to play; others than the usual ones with COOEE_SCENARIO=123 or =20000-30000.
fn seeds() -> (u64, u64) {
    let Ok(chosen) = std::env::var("COOEE_SCENARIO") else {
        return (0, SCENARIOS);
    };
    match chosen.split_once('-') {
        Some((first, last)) => (first.parse().unwrap(), last.parse().unwrap()),
        None => {
            let seed = chosen.parse().unwrap();
            (seed, seed + 1)
        }
    }
}

#[test]
fn both_sides_agree_on_a_path_or_on_none() {
    let (first, last) = seeds();
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let late = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    match play(seed) {
                        Ok(gave_up) => {
                            late.fetch_add(u64::from(gave_up), Ordering::Relaxed);
                        }
                        Err(why) => failures.lock().unwrap().push((seed, why)),
                    }
                }
            });
        }
    });
    let (count, late) = (last - first, late.into_inner());
    println!("{late} of {count} calls ended before their path came");
    assert!(late * 100 <= count.max(100), "{late} of {count}");
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let shown: Vec<String> = failures
        .iter()
        .take(20)
        .map(|(seed, why)| format!("{seed}: {why}"))
        .collect();
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        shown.join("\n")
    );
}
