//! Devices, a server, a network and disks that fail in every way they can, on virtual time.
//!
//! The clients are the real machine over the real cache. The server is a model of docs/PROTOCOL.md
//! that shares no code with either. Every run has a seed, which a failure prints;
//! `COOEE_SIM_SEED=N` repeats one run, `COOEE_SIM_RUNS=N` makes more of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a simulator for tests: what is impossible ends it"
)]

mod chance;
mod check;
mod device;
mod pages;
mod server;
mod world;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use self::world::{Totals, World};

/// Runs in every test run.
const RUNS: u64 = 5_000;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn what_is_written_arrives_once_and_in_order_whatever_breaks() {
    if let Some(seed) = setting("COOEE_SIM_SEED") {
        println!("{:?}", World::run(seed, &mut Vec::new()));
        return;
    }
    let runs = setting("COOEE_SIM_RUNS").unwrap_or(RUNS);
    let first = setting("COOEE_SIM_FIRST").unwrap_or(1);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let next = AtomicU64::new(first);
    let started = Instant::now();
    let totals: Vec<Totals> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut totals = Totals::default();
                    let mut caches = Vec::new();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= first + runs {
                            return totals;
                        }
                        let run = std::panic::catch_unwind(AssertUnwindSafe(|| {
                            World::run(seed, &mut caches)
                        }));
                        let Ok(run) = run else {
                            panic!("COOEE_SIM_SEED={seed} shows what went wrong");
                        };
                        totals.add(&run);
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("every run to succeed"))
            .collect()
    });
    let mut total = Totals::default();
    for one in &totals {
        total.add(one);
    }
    println!("{runs} runs in {:.1?}: {total:?}", started.elapsed());
    // A simulation in which nothing breaks would show nothing.
    total.must_have_seen_everything(runs);
}
