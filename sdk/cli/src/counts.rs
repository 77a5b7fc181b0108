//! The counts of a call, as an object and as a sentence.

use cooee_sdk::{CallStats, EncoderSettings, Estimate, Reason};
use serde_json::{Map, Value, json};

use crate::report::{millis, rounded};

/// The object of a call's counts, with each participant's share.
pub(crate) fn object(event: &str, stats: &CallStats) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("event".into(), json!(event));
    object.append(&mut share(stats));
    object.insert("capture_gaps".into(), json!(stats.capture_gaps));
    object.insert("playback_gaps".into(), json!(stats.playback_gaps));
    object.insert("encoder".into(), json!(stats.encoder.as_ref().map(encoder)));
    let peers: Map<String, Value> = stats
        .peers
        .iter()
        .map(|(name, stats)| (name.to_string(), share(stats).into()))
        .collect();
    object.insert("peers".into(), peers.into());
    object
}

fn share(stats: &CallStats) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, count) in [
        ("sent", stats.sent),
        ("received", stats.received),
        ("lost", stats.lost),
        ("late", stats.late),
        ("concealed", stats.concealed),
        ("recovered", stats.recovered),
        ("dropped", stats.dropped),
    ] {
        object.insert(name.into(), json!(count));
    }
    object.insert("jitter_ms".into(), json!(millis(stats.jitter)));
    object.insert("rtt_ms".into(), json!(stats.round_trip_time.map(millis)));
    object.insert("buffer_ms".into(), json!(millis(stats.buffer)));
    object.insert(
        "redundancy_wait_ms".into(),
        json!(millis(stats.redundancy_wait)),
    );
    object.insert("quality".into(), json!(stats.quality.as_ref().map(quality)));
    object
}

/// How a participant sounds, as an object.
pub(crate) fn quality(estimate: &Estimate) -> Value {
    json!({
        "verdict": estimate.verdict.as_str(),
        "reason": estimate.reason.as_str(),
        "r": tenths(estimate.r),
        "mos": rounded(f64::from(estimate.mos)),
    })
}

fn encoder(settings: &EncoderSettings) -> Value {
    json!({
        "bitrate": settings.bitrate,
        "frame_ms": settings.frame_length.duration().as_millis() as u64,
        "expected_loss": rounded(f64::from(settings.expected_loss)),
        "copies": settings.copies,
        "copy_back": settings.copy_back,
        "dred_ms": settings.dred.as_millis() as u64,
    })
}

/// The line of a call's counts.
pub(crate) fn sentence(stats: &CallStats) -> String {
    let round_trip = stats.round_trip_time.map_or_else(
        || "?".to_owned(),
        |round_trip| format!("{:.1}", round_trip.as_secs_f64() * 1000.0),
    );
    let mut line = format!(
        "sent {}, received {}, lost {}, late {}, concealed {}, recovered {}; jitter {:.1} ms, \
         round trip {round_trip} ms, buffer {} ms",
        stats.sent,
        stats.received,
        stats.lost,
        stats.late,
        stats.concealed,
        stats.recovered,
        stats.jitter.as_secs_f64() * 1000.0,
        stats.buffer.as_millis(),
    );
    if let Some(estimate) = &stats.quality {
        line.push_str("; ");
        line.push_str(&sounds(estimate));
    }
    line
}

/// How it sounds, and why.
pub(crate) fn sounds(estimate: &Estimate) -> String {
    let verdict = estimate.verdict.as_str();
    match estimate.reason {
        Reason::Nothing => format!("sounds {verdict}"),
        Reason::Loss
        | Reason::Bursts
        | Reason::Delay
        | Reason::Jitter
        | Reason::Bitrate
        | Reason::Silence => format!("sounds {verdict}: {}", estimate.reason.words()),
    }
}

fn tenths(value: f32) -> f64 {
    (f64::from(value) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cooee_sdk::{CallStats, EncoderSettings, Estimate, FrameLength, Reason, Verdict};
    use serde_json::json;

    use super::{object, sentence, sounds};

    #[test]
    fn everybodys_quality_is_told_with_the_reason() -> Result<(), Box<dyn std::error::Error>> {
        let bad = Estimate {
            r: 64.26,
            mos: 3.3178,
            verdict: Verdict::Fair,
            reason: Reason::Bursts,
        };
        let bob = CallStats {
            received: 7,
            quality: Some(bad),
            ..CallStats::default()
        };
        let encoder = EncoderSettings {
            bitrate: 24_000,
            frame_length: FrameLength::Ms40,
            expected_loss: 0.25,
            copies: 2,
            copy_back: 4,
            dred: Duration::from_millis(120),
        };
        let mut all = CallStats {
            encoder: Some(encoder),
            ..bob.clone()
        };
        all.peers.insert("bob".parse()?, bob);
        let object = object("stats", &all);
        let quality = json!({"verdict": "fair", "reason": "bursts", "r": 64.3, "mos": 3.318});
        assert_eq!(object["quality"], quality);
        assert_eq!(object["peers"]["bob"]["quality"], quality);
        assert_eq!(object["peers"]["bob"]["received"], 7);
        assert_eq!(
            object["encoder"],
            json!({"bitrate": 24000, "frame_ms": 40, "expected_loss": 0.25, "copies": 2,
                "copy_back": 4, "dred_ms": 120})
        );
        assert!(sentence(&all).ends_with("; sounds fair: packets are lost in bursts"));
        assert_eq!(
            sounds(&Estimate {
                verdict: Verdict::Good,
                reason: Reason::Nothing,
                ..bad
            }),
            "sounds good"
        );
        Ok(())
    }
}
