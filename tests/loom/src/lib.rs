//! What the voice thread shares with others, in every order that threads can run in (loom).
//!
//! `board.rs` is that of `cooee-audio`, compiled here with loom's locks and atomics. Around it stand
//! types of the same names that hold just enough to tell one value from another.
#![cfg(test)]

#[path = "../../../sdk/audio/src/board.rs"]
#[allow(dead_code, reason = "the tests use what is shared, not every getter")]
mod board;

mod sync {
    pub(crate) use std::sync::PoisonError;

    pub(crate) use loom::sync::{Mutex, MutexGuard};

    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EncoderSettings {
    pub(crate) bitrate: u32,
}

mod sending {
    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    pub(crate) enum SendMode {
        #[default]
        Continuous,
        PushToTalk,
        VoiceActivated,
    }
}

mod stats {
    #[derive(Debug, Clone, Default)]
    pub(crate) struct VoiceStats {
        pub(crate) captured: u64,
        pub(crate) played: u64,
    }

    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    pub(crate) struct Levels {
        pub(crate) input: f32,
        pub(crate) output: f32,
        pub(crate) speaking: bool,
    }
}

mod frame {
    #[derive(Debug, Clone, Copy, Default)]
    pub(crate) struct Health {
        pub(crate) stalls: u64,
        pub(crate) lost: bool,
    }
}

mod device {
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) struct DeviceNews(pub(crate) u32);
}

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use board::Board;
use device::DeviceNews;
use stats::VoiceStats;

#[test]
fn the_last_settings_of_the_encoder_are_taken_once() {
    loom::model(|| {
        let board = Arc::new(Board::default());
        let teller = Arc::clone(&board);
        let plane = thread::spawn(move || {
            teller.set_encoder(EncoderSettings { bitrate: 1 });
            teller.set_encoder(EncoderSettings { bitrate: 2 });
        });
        let mut taken = Vec::new();
        for _ in 0..2 {
            taken.extend(board.take_encoder().map(|settings| settings.bitrate));
        }
        plane.join().unwrap();
        taken.extend(board.take_encoder().map(|settings| settings.bitrate));
        assert!(taken.is_sorted() && taken.last() == Some(&2), "{taken:?}");
        assert!(board.take_encoder().is_none());
    });
}

#[test]
fn statistics_are_never_half_of_one_and_half_of_another() {
    loom::model(|| {
        let board = Arc::new(Board::default());
        let teller = Arc::clone(&board);
        let voice = thread::spawn(move || {
            for number in 1..=2 {
                teller.set_stats(VoiceStats {
                    captured: number,
                    played: number,
                });
            }
        });
        let seen = board.stats();
        assert_eq!(seen.captured, seen.played);
        voice.join().unwrap();
        assert_eq!(board.stats().played, 2);
    });
}

#[test]
fn news_of_devices_come_in_order_and_once() {
    loom::model(|| {
        let board = Arc::new(Board::default());
        let teller = Arc::clone(&board);
        let keeper = thread::spawn(move || {
            teller.tell_device(DeviceNews(1));
            teller.tell_device(DeviceNews(2));
        });
        let mut told = board.take_devices();
        keeper.join().unwrap();
        told.extend(board.take_devices());
        assert_eq!(told, [DeviceNews(1), DeviceNews(2)]);
    });
}

#[test]
fn the_news_are_bounded_and_the_latest_stay() {
    loom::model(|| {
        let board = Board::default();
        for number in 0..40 {
            board.tell_device(DeviceNews(number));
        }
        let told = board.take_devices();
        assert!(told.len() <= 16 && told.last() == Some(&DeviceNews(39)));
    });
}

#[test]
fn a_stop_is_seen_with_everything_that_was_set_before_it() {
    loom::model(|| {
        let board = Arc::new(Board::default());
        let teller = Arc::clone(&board);
        let owner = thread::spawn(move || {
            teller.muted.store(true, Ordering::Relaxed);
            teller.stop.store(true, Ordering::Release);
        });
        if board.stop.load(Ordering::Acquire) {
            assert!(board.muted.load(Ordering::Relaxed));
        }
        owner.join().unwrap();
        assert!(board.stop.load(Ordering::Acquire));
    });
}

/// How a microphone's callback wakes the voice thread: something goes into the ring, then the
/// thread is unparked; the thread looks at the ring, then parks. Whatever the order, nothing that
/// was put there stays unseen: loom would find the thread parked for ever.
#[test]
fn no_wake_up_of_the_voice_thread_is_lost() {
    loom::model(|| {
        let ring = Arc::new(AtomicUsize::new(0));
        let filled = Arc::clone(&ring);
        let voice = thread::current();
        let callback = thread::spawn(move || {
            for _ in 0..2 {
                filled.fetch_add(1, Ordering::Release);
                voice.unpark();
            }
        });
        let mut taken = 0;
        while taken < 2 {
            match ring.load(Ordering::Acquire) - taken {
                0 => thread::park(),
                there => taken += there,
            }
        }
        callback.join().unwrap();
    });
}
