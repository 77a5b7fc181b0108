//! Adaptation over reports that networks might give, on virtual time.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::media::adaptation::{
    Adaptation, AdaptationConfig, EncoderSettings, FrameLength, MAX_BITRATE, MAX_DRED, MIN_BITRATE,
    Reception,
};
use crate::path::PeerId;

const SECOND: Duration = Duration::from_secs(1);

fn lossy(loss: f32, longest_burst: u16) -> Reception {
    Reception {
        loss,
        longest_burst: Some(longest_burst),
        round_trip: Some(Duration::from_millis(40)),
        ..Reception::default()
    }
}

fn bursts(loss: f32, mean: f32, longest: u16) -> Reception {
    Reception {
        mean_burst: Some(mean),
        ..lossy(loss, longest)
    }
}

fn queued(loss: f32, trip: u64) -> Reception {
    Reception {
        round_trip: Some(Duration::from_millis(trip)),
        ..lossy(loss, 2)
    }
}

/// Gives each peer's report of each second, and collects the settings after each.
fn run(
    adaptation: &mut Adaptation,
    start: Instant,
    seconds: u32,
    reports: impl Fn(u32) -> Vec<Reception>,
) -> Vec<EncoderSettings> {
    (0..seconds)
        .map(|second| {
            for (peer, report) in reports(second).iter().enumerate() {
                adaptation.handle_report(start + SECOND * second, PeerId(peer as u32), report);
            }
            adaptation.settings()
        })
        .collect()
}

fn changes(settings: &[EncoderSettings]) -> usize {
    settings
        .windows(2)
        .filter(|pair| pair[0] != pair[1])
        .count()
}

/// An adaptation to a network that is known: nothing was lost for a while.
fn known(config: AdaptationConfig, start: Instant) -> Adaptation {
    let mut adaptation = Adaptation::new(config);
    let first = start.checked_sub(SECOND * 4).unwrap();
    adaptation.handle_report(first, PeerId(0), &lossy(0.0, 0));
    adaptation.handle_timeout(start);
    assert_eq!(adaptation.settings().copies, 0);
    adaptation
}

#[test]
fn a_call_begins_with_copies_until_the_network_is_known() {
    let mut adaptation = Adaptation::new(AdaptationConfig::default());
    let before = adaptation.settings();
    assert_eq!((before.copies, before.copy_back), (1, 2));
    assert_eq!(
        before.bitrate,
        32_000 / 3 * 5 + 2,
        "little of the voice is lost for them"
    );
    let start = Instant::now();
    let settings = run(&mut adaptation, start, 10, |_| vec![lossy(0.0, 0)]);
    let copies: Vec<_> = settings.iter().map(|settings| settings.copies).collect();
    assert_eq!(copies, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    // One that never reports is not waited for.
    let mut adaptation = Adaptation::new(AdaptationConfig::default());
    adaptation.handle_timeout(start);
    assert_eq!(adaptation.settings().copies, 1);
    adaptation.handle_timeout(start + SECOND * 10);
    assert_eq!(adaptation.settings().copies, 0);
}

#[test]
fn a_call_of_a_low_bitrate_begins_without_copies() {
    let mut adaptation = Adaptation::new(AdaptationConfig::default());
    assert_eq!(adaptation.settings().copies, 1);
    adaptation.set_bitrate(12_000);
    let settings = adaptation.settings();
    assert_eq!((settings.copies, settings.bitrate), (0, 12_000));
}

#[test]
fn a_clean_network_changes_nothing() {
    let start = Instant::now();
    let mut adaptation = known(AdaptationConfig::default(), start);
    let before = adaptation.settings();
    assert_eq!(before.bitrate, 32_000);
    assert_eq!(before.dred, Duration::ZERO);
    let settings = run(&mut adaptation, start, 100, |_| vec![lossy(0.0, 0); 7]);
    assert!(settings.iter().all(|now| *now == before), "{settings:?}");
}

#[test]
fn redundancy_follows_loss_and_bursts_at_once() {
    let start = Instant::now();
    let mut adaptation = known(AdaptationConfig::default(), start);
    let clean = adaptation.settings();
    assert_eq!((clean.copy_back, clean.expected_loss), (0, 0.0));
    adaptation.handle_report(start, PeerId(0), &bursts(0.08, 5.0, 14));
    let settings = adaptation.settings();
    assert_eq!(settings.copies, 1);
    assert_eq!(settings.copy_back, 5, "as far as a burst");
    assert_eq!(settings.dred, Duration::from_millis(280), "for the longest");
    assert!(
        (0.08..=0.09).contains(&settings.expected_loss),
        "{settings:?}"
    );
    // A little loss is no congestion: redundancy comes on top.
    assert_eq!(settings.bitrate, 32_000 + 10_666 + 8_000);
    // It is forgotten slowly.
    let settings = run(&mut adaptation, start + SECOND, 60, |_| vec![lossy(0.0, 0)]);
    assert!(
        settings[5].dred >= Duration::from_millis(220),
        "{:?}",
        settings[5]
    );
    assert!(
        settings[59].dred <= Duration::from_millis(20),
        "{:?}",
        settings[59]
    );
    assert_eq!(settings[59], clean);
}

#[test]
fn a_copy_is_from_as_far_back_as_losses_reach_in_a_row() {
    let after = |report: Reception| {
        let start = Instant::now();
        let mut adaptation = known(AdaptationConfig::default(), start);
        run(&mut adaptation, start, 20, |_| vec![report])
            .pop()
            .unwrap()
    };
    // Random loss makes runs, too, and those are no bursts.
    for (loss, copies) in [(0.02, 1), (0.1, 1), (0.2, 2), (0.3, 2)] {
        let random = after(bursts(loss, 1.0 / (1.0 - loss), 4));
        assert_eq!((random.copies, random.copy_back), (copies, 1), "{loss}");
    }
    // A second copy from more than 240 ms back would come too late.
    for (mean, copies, back) in [
        (2.5, 2, 2),
        (4.0, 2, 4),
        (4.6, 2, 4),
        (5.6, 2, 5),
        (8.0, 1, 8),
        (40.0, 1, 10),
    ] {
        let settings = after(bursts(0.2, mean, 60));
        assert_eq!(
            (settings.copies, settings.copy_back),
            (copies, back),
            "{mean}"
        );
    }
    // Bursts of 80 ms that take 30 %: one in ten meets the next.
    assert_eq!(after(bursts(0.3, 4.4, 8)).copy_back, 4);
    assert_eq!(after(lossy(0.01, 1)).copy_back, 0);
}

#[test]
fn redundancy_adds_nothing_where_a_queue_stands_on_the_way() {
    let mut adaptation = Adaptation::new(AdaptationConfig::default());
    let start = Instant::now();
    run(&mut adaptation, start, 5, |_| vec![queued(0.0, 30)]);
    let down = run(&mut adaptation, start + SECOND * 5, 8, |_| {
        vec![queued(0.05, 400)]
    });
    assert_eq!((down[0].bitrate, down[0].copy_back), (24_000, 1));
    assert_eq!((down[7].bitrate, down[7].copy_back), (MIN_BITRATE, 0));
    assert!(down[7].expected_loss > 0.0, "in-band FEC is left");
}

#[test]
fn a_queue_on_the_way_lowers_the_bitrate_fast_and_it_comes_back_slowly() {
    let mut adaptation = Adaptation::new(AdaptationConfig::default());
    let start = Instant::now();
    run(&mut adaptation, start, 5, |_| vec![queued(0.0, 30)]);
    let down = run(&mut adaptation, start + SECOND * 5, 8, |_| {
        vec![queued(0.05, 400)]
    });
    assert_eq!(down[0].bitrate, 24_000);
    assert_eq!(down[7].bitrate, MIN_BITRATE);
    assert_eq!(down[7].frame_length, FrameLength::Ms60);
    let up = run(&mut adaptation, start + SECOND * 13, 60, |_| {
        vec![queued(0.0, 30)]
    });
    assert_eq!(up[5].bitrate, MIN_BITRATE, "not yet");
    assert!(up[14].bitrate < 24_000, "a step at a time");
    assert_eq!(up[59].bitrate, 32_000);
    assert_eq!(up[59].frame_length, FrameLength::Ms20);
    let falls = up
        .windows(2)
        .filter(|pair| pair[1].bitrate < pair[0].bitrate)
        // What copies add comes and goes with them.
        .filter(|pair| pair[1].copy_back == pair[0].copy_back);
    assert_eq!(falls.count(), 0);
}

#[test]
fn loss_without_a_queue_leaves_room_for_redundancy() {
    let mut adaptation = Adaptation::new(AdaptationConfig {
        bitrate: 64_000,
        ..Default::default()
    });
    let settings = run(&mut adaptation, Instant::now(), 60, |_| {
        vec![lossy(0.25, 6)]
    });
    assert_eq!(settings[59].bitrate, 24_000 / 5 * 8);
    assert_eq!(settings[59].dred, Duration::ZERO);
}

#[test]
fn alternating_reports_do_not_make_it_oscillate() {
    for (good, bad) in [
        (lossy(0.0, 0), lossy(0.2, 5)),
        (queued(0.0, 30), queued(0.05, 400)),
        (lossy(0.0, 0), lossy(0.06, 2)),
    ] {
        let mut adaptation = Adaptation::new(AdaptationConfig::default());
        let settings = run(&mut adaptation, Instant::now(), 120, |second| {
            vec![if second % 2 == 0 { good } else { bad }]
        });
        let settled = &settings[20..];
        let bitrates = settled
            .windows(2)
            .filter(|w| w[0].bitrate != w[1].bitrate)
            .count();
        let frames = settled
            .windows(2)
            .filter(|w| w[0].frame_length != w[1].frame_length)
            .count();
        assert_eq!((bitrates, frames), (0, 0), "{settled:?}");
        // Redundancy may follow by a step of forgetting, not more.
        let depths: Vec<_> = settled.iter().map(|s| s.dred.as_millis()).collect();
        let spread = depths.iter().max().unwrap() - depths.iter().min().unwrap();
        assert!(spread <= 20, "{depths:?}");
    }
}

#[test]
fn the_worst_receiver_counts_unless_it_is_beyond_hope() {
    let start = Instant::now();
    let with = |reports: Vec<Reception>| {
        let mut adaptation = Adaptation::new(AdaptationConfig::default());
        let settings = run(&mut adaptation, start, 10, |_| reports.clone());
        settings[9]
    };
    let fine = lossy(0.0, 0);
    // One of three with a loss that can be helped is followed.
    assert_eq!(with(vec![fine, fine, lossy(0.15, 3)]).bitrate, 32_000);
    // One that nothing helps is not, except with redundancy.
    let beyond = with(vec![fine, fine, lossy(0.6, 20)]);
    assert_eq!(beyond.bitrate, 32_000 / 5 * 8 + 8_000);
    assert_eq!(beyond.expected_loss, 0.3);
    // In a call of two there is nobody else to think of.
    let followed = 24_000 / 5 * 8 + 8_000;
    assert_eq!(with(vec![lossy(0.6, 20)]).bitrate, followed);
    assert_eq!(with(vec![fine, lossy(0.6, 20)]).bitrate, followed);
    // Where many suffer, they are followed.
    assert_eq!(
        with(vec![fine, lossy(0.4, 9), lossy(0.6, 20)]).bitrate,
        followed
    );
}

#[test]
fn who_leaves_or_falls_silent_is_not_followed_any_more() {
    let mut adaptation = Adaptation::new(AdaptationConfig::default());
    let start = Instant::now();
    adaptation.handle_report(start, PeerId(1), &lossy(0.2, 10));
    adaptation.remove_peer(start, PeerId(1));
    assert_eq!(adaptation.settings().dred, Duration::ZERO);
    adaptation.handle_report(start, PeerId(2), &lossy(0.2, 10));
    adaptation.handle_timeout(start + SECOND * 7);
    assert_eq!(adaptation.settings().dred, Duration::ZERO);
    assert_eq!(adaptation.settings().expected_loss, 0.0);
    assert_eq!(adaptation.settings().copy_back, 0);
}

#[test]
fn a_receiver_that_tells_no_bursts_is_helped_as_well() {
    let start = Instant::now();
    let mut adaptation = known(AdaptationConfig::default(), start);
    let report = Reception {
        longest_burst: None,
        ..lossy(0.1, 0)
    };
    adaptation.handle_report(start, PeerId(1), &report);
    assert_eq!(adaptation.settings().copy_back, 1);
}

#[test]
fn short_frames_need_an_even_network_and_few_receivers() {
    let config = AdaptationConfig {
        shortest_frame: FrameLength::Ms10,
        ..Default::default()
    };
    let start = Instant::now();
    let mut adaptation = Adaptation::new(config);
    let few = run(&mut adaptation, start, 10, |_| vec![lossy(0.0, 0); 4]);
    assert_eq!(few[9].frame_length, FrameLength::Ms10);
    let many = run(&mut adaptation, start + SECOND * 10, 10, |_| {
        vec![lossy(0.0, 0); 7]
    });
    assert_eq!(many[9].frame_length, FrameLength::Ms20);
    let mut adaptation = Adaptation::new(config);
    adaptation.handle_report(start, PeerId(1), &lossy(0.04, 1));
    assert_eq!(adaptation.settings().frame_length, FrameLength::Ms20);
}

#[test]
fn the_users_bitrate_is_the_ceiling() {
    let mut adaptation = known(AdaptationConfig::default(), Instant::now());
    adaptation.set_bitrate(48_000);
    assert_eq!(adaptation.settings().bitrate, 48_000);
    adaptation.set_bitrate(12_000);
    assert_eq!(adaptation.settings().bitrate, 12_000);
    assert_eq!(adaptation.settings().frame_length, FrameLength::Ms20);
    adaptation.set_bitrate(1);
    assert_eq!(adaptation.settings().bitrate, MIN_BITRATE);
}

fn report() -> impl Strategy<Value = Reception> {
    (
        prop_oneof![0.0..1.0f32, any::<f32>()],
        proptest::option::of(any::<u16>()),
        proptest::option::of(any::<f32>()),
        any::<u32>(),
        proptest::option::of(0u64..5_000),
    )
        .prop_map(
            |(loss, longest_burst, mean_burst, jitter, trip)| Reception {
                loss,
                longest_burst,
                mean_burst,
                jitter: Duration::from_micros(u64::from(jitter)),
                round_trip: trip.map(Duration::from_millis),
            },
        )
}

proptest! {
    #[test]
    fn settings_stay_within_bounds(
        reports in proptest::collection::vec((0u32..10, report(), 0u64..3_000), 1..200),
        bitrate in any::<u32>(),
    ) {
        let mut adaptation = Adaptation::new(AdaptationConfig { bitrate, ..Default::default() });
        let ceiling = bitrate.clamp(MIN_BITRATE, MAX_BITRATE);
        let mut now = Instant::now();
        for (peer, report, wait) in reports {
            adaptation.handle_report(now, PeerId(peer), &report);
            let settings = adaptation.settings();
            let most = ceiling + ceiling / 3 * 2 + 8_000;
            prop_assert!((MIN_BITRATE..=most).contains(&settings.bitrate), "{settings:?}");
            prop_assert!(settings.copies * settings.copy_back <= 15, "{settings:?}");
            prop_assert_eq!(settings.copies > 0, settings.copy_back > 0, "{:?}", settings);
            prop_assert!((0.0..=0.3).contains(&settings.expected_loss), "{settings:?}");
            prop_assert!(settings.dred <= MAX_DRED, "{settings:?}");
            now += Duration::from_millis(wait);
        }
    }

    #[test]
    fn steady_reports_lead_to_steady_settings(
        reports in proptest::collection::vec(report(), 1..8),
    ) {
        let mut adaptation = Adaptation::new(AdaptationConfig::default());
        let settings = run(&mut adaptation, Instant::now(), 100, |_| reports.clone());
        prop_assert_eq!(changes(&settings[60..]), 0, "{:?}", &settings[60..]);
    }
}
