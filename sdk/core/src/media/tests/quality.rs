//! The estimate against the examples that ITU-T published, and against common sense.

use std::time::Duration;

use proptest::prelude::*;

use crate::media::quality::{
    Conditions, Reason, SteadyVerdict, Verdict, delay_impairment, effective_impairment, estimate,
    opinion,
};

#[test]
fn the_defaults_rate_as_in_g107() {
    let estimate = estimate(&Conditions::default());
    assert_eq!(estimate.r, 93.2);
    assert!((estimate.mos - 4.41).abs() < 0.005, "{estimate:?}");
    assert_eq!(estimate.verdict, Verdict::Good);
    assert_eq!(estimate.reason, Reason::Nothing);
}

#[test]
fn ratings_map_to_opinions_as_in_annex_b() {
    for (r, mos) in [
        (90.0, 4.34),
        (80.0, 4.03),
        (70.0, 3.60),
        (60.0, 3.10),
        (50.0, 2.58),
    ] {
        assert!((opinion(r) - mos).abs() < 0.01, "{r}: {}", opinion(r));
    }
    assert_eq!(opinion(-3.0), 1.0);
    assert_eq!(opinion(120.0), 4.5);
}

/// G.113, appendix I: what G.729A with VAD (Ie 11, Bpl 19) costs under random loss.
#[test]
fn loss_costs_what_g113_lists() {
    for (percent, listed) in [
        (0.0, 11.0),
        (0.5, 13.0),
        (1.0, 15.0),
        (2.0, 19.0),
        (3.0, 23.0),
        (4.0, 26.0),
        (8.0, 36.0),
        (16.0, 49.0),
    ] {
        let cost = effective_impairment(11.0, 19.0, percent / 100.0, 1.0);
        assert!((cost - listed).abs() < 0.7, "{percent} %: {cost}");
    }
}

#[test]
fn delay_costs_what_g107_says() {
    for (milliseconds, cost) in [(0, 0.0), (100, 0.0), (150, 0.16), (400, 24.1)] {
        let found = delay_impairment(Duration::from_millis(milliseconds));
        assert!((found - cost).abs() < 0.1, "{milliseconds} ms: {found}");
    }
}

#[test]
fn the_reason_is_what_costs_most() {
    let reason = |conditions: Conditions| estimate(&conditions).reason;
    let fine = Conditions::default();
    let ms = Duration::from_millis;
    assert_eq!(reason(Conditions { loss: 0.05, ..fine }), Reason::Loss);
    assert_eq!(
        reason(Conditions {
            loss: 0.05,
            burst_ratio: 4.0,
            ..fine
        }),
        Reason::Bursts
    );
    assert_eq!(
        reason(Conditions {
            loss: 0.05,
            late: 0.9,
            ..fine
        }),
        Reason::Jitter
    );
    assert_eq!(
        reason(Conditions {
            delay: ms(450),
            buffer: ms(60),
            ..fine
        }),
        Reason::Delay
    );
    assert_eq!(
        reason(Conditions {
            delay: ms(450),
            buffer: ms(360),
            ..fine
        }),
        Reason::Jitter
    );
    assert_eq!(
        reason(Conditions {
            bitrate: 12_000,
            ..fine
        }),
        Reason::Bitrate
    );
    assert_eq!(
        reason(Conditions {
            silent: true,
            ..fine
        }),
        Reason::Silence
    );
}

#[test]
fn a_verdict_does_not_flicker() {
    let fine = estimate(&Conditions::default());
    let poor = estimate(&Conditions {
        loss: 0.3,
        ..Conditions::default()
    });
    let silent = estimate(&Conditions {
        silent: true,
        ..Conditions::default()
    });
    let mut steady = SteadyVerdict::default();
    for _ in 0..50 {
        assert!(!steady.observe(&poor));
        assert!(!steady.observe(&fine));
    }
    assert!(!steady.observe(&poor));
    assert!(steady.observe(&poor));
    assert_eq!(steady.verdict(), Verdict::Poor);
    for _ in 0..4 {
        assert!(!steady.observe(&fine));
    }
    assert!(steady.observe(&fine));
    assert_eq!(steady.verdict(), Verdict::Good);
    assert!(steady.observe(&silent), "silence counts at once");
}

#[test]
fn a_rating_at_a_bound_does_not_raise_the_verdict() {
    let mut steady = SteadyVerdict::default();
    let at = |r: f32, verdict| crate::media::quality::Estimate {
        r,
        mos: opinion(r),
        verdict,
        reason: Reason::Loss,
    };
    steady.observe(&at(79.0, Verdict::Fair));
    assert!(steady.observe(&at(79.0, Verdict::Fair)));
    for _ in 0..20 {
        assert!(!steady.observe(&at(81.0, Verdict::Good)));
    }
}

fn conditions() -> impl Strategy<Value = Conditions> {
    (
        prop_oneof![0.0..1.0f32, any::<f32>()],
        0.0..1.0f32,
        prop_oneof![1.0..10.0f32, any::<f32>()],
        any::<u32>(),
        0u64..2_000,
        any::<u32>(),
    )
        .prop_map(
            |(loss, late, burst_ratio, delay, buffer, bitrate)| Conditions {
                loss,
                late,
                burst_ratio,
                delay: Duration::from_millis(u64::from(delay % 20_000)),
                buffer: Duration::from_millis(buffer),
                bitrate,
                silent: false,
            },
        )
}

proptest! {
    #[test]
    fn an_estimate_is_always_on_its_scale(conditions in conditions()) {
        let estimate = estimate(&conditions);
        prop_assert!((0.0..=93.2).contains(&estimate.r), "{estimate:?}");
        prop_assert!((1.0..=4.5).contains(&estimate.mos), "{estimate:?}");
    }

    #[test]
    fn nothing_gets_better_by_getting_worse(
        before in conditions(),
        loss in 0.0..1.0f32,
        ratio in 0.0..4.0f32,
        delay in 0u64..1_000,
        bits in 0u32..64_000,
    ) {
        let ratio_before = if before.burst_ratio.is_nan() { 1.0 } else { before.burst_ratio };
        let loss_before = if before.loss.is_nan() { 0.0 } else { before.loss };
        let r = estimate(&before).r + 0.001;
        let worse = estimate(&Conditions { loss: loss_before + loss, ..before }).r;
        prop_assert!(worse <= r, "{worse} after {r}");
        let worse = estimate(&Conditions { burst_ratio: ratio_before + ratio, ..before }).r;
        prop_assert!(worse <= r, "{worse} after {r}");
        let longer = before.delay + Duration::from_millis(delay);
        let worse = estimate(&Conditions { delay: longer, ..before }).r;
        prop_assert!(worse <= r, "{worse} after {r}");
        let fewer = before.bitrate.saturating_sub(bits);
        let worse = estimate(&Conditions { bitrate: fewer, ..before }).r;
        prop_assert!(worse <= r, "{worse} after {r}");
    }

    #[test]
    fn opinions_rise_with_ratings_where_they_are_used(r in 7.0..93.0f32, more in 0.0..10.0f32) {
        prop_assert!(opinion(r + more) >= opinion(r));
    }
}
