//! How each participant sounds here, and how to encode for what they report.

use std::time::Duration;

use cooee_audio::PeerStats;
use cooee_core::media::MediaStats;
use cooee_core::media::adaptation::Reception;
use cooee_core::media::quality::{Conditions, Estimate, SteadyVerdict, estimate};
use cooee_core::path::PeerId;
use tokio::time::Instant;

use super::{Plane, PlaneSignal};

/// The part of the delay that nobody measures here: a frame of 20 ms that has to be full first, the
/// 6.5 ms that Opus looks ahead, and the sound devices of both ends.
const UNMEASURED: Duration = Duration::from_millis(55);

/// Octets of a datagram that are not Opus: RTP header, SFrame header and tag.
const OVERHEAD: u64 = 32;

/// How much of the latest second goes into the measures: about five seconds count.
const WEIGHT: f32 = 0.3;

/// Frames that one look at the counts must cover to tell something: a fifth of a second.
const ENOUGH_FRAMES: f32 = 10.0;

/// How long a participant may take to be heard first.
const PATIENCE: Duration = Duration::from_secs(3);

/// Counts as of the last look.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    played: u64,
    concealed: u64,
    recovered: u64,
    late: u64,
    received: u64,
    lost: u64,
    bytes: u64,
}

impl Counts {
    fn of(media: &MediaStats, voice: &PeerStats) -> Self {
        Self {
            played: voice.jitter.played,
            concealed: voice.jitter.concealed,
            recovered: voice.jitter.recovered,
            late: voice.jitter.late,
            received: media.packets_received,
            lost: media.packets_lost,
            bytes: media.bytes_received,
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            played: self.played.saturating_sub(before.played),
            concealed: self.concealed.saturating_sub(before.concealed),
            recovered: self.recovered.saturating_sub(before.recovered),
            late: self.late.saturating_sub(before.late),
            received: self.received.saturating_sub(before.received),
            lost: self.lost.saturating_sub(before.lost),
            bytes: self.bytes.saturating_sub(before.bytes),
        }
    }
}

/// Follows how one participant sounds, a look a second.
#[derive(Debug, Default)]
pub(super) struct Listening {
    looked: Option<Instant>,
    counts: Counts,
    /// Weighted frames: all of them, those missed, those missed though they came.
    frames: f32,
    missed: f32,
    late: f32,
    bitrate: Option<f32>,
    steady: SteadyVerdict,
    estimate: Option<Estimate>,
}

impl Listening {
    pub(super) fn estimate(&self) -> Option<Estimate> {
        self.estimate
    }

    /// Looks at the counts; the estimate when its verdict has changed.
    pub(super) fn look(
        &mut self,
        now: Instant,
        since: Instant,
        media: &MediaStats,
        voice: &PeerStats,
    ) -> Option<Estimate> {
        let counts = Counts::of(media, voice);
        let new = counts.since(&self.counts);
        self.counts = counts;
        let elapsed = self
            .looked
            .replace(now)
            .map(|before| now.saturating_duration_since(before));
        // Before the first packet there is nothing to judge, except that it does not come.
        let waiting =
            media.packets_received == 0 && now.saturating_duration_since(since) < PATIENCE;
        let elapsed = elapsed.filter(|elapsed| !elapsed.is_zero() && !waiting)?;

        let fade = |old: f32, new: u64| old * (1.0 - WEIGHT) + new as f32 * WEIGHT;
        self.frames = fade(self.frames, new.played + new.concealed + new.recovered);
        self.missed = fade(self.missed, new.concealed);
        self.late = fade(self.late, new.late.min(new.concealed));
        if new.received > 0 {
            let opus = new
                .bytes
                .saturating_sub(new.received.saturating_mul(OVERHEAD));
            let sent = (new.received + new.lost) as f32 / new.received as f32;
            let bits = opus as f32 * 8.0 * sent / elapsed.as_secs_f32();
            self.bitrate = Some(self.bitrate.map_or(bits, |old| old + (bits - old) * WEIGHT));
        }
        let share = |part: f32, whole: f32| if whole > 0.0 { part / whole } else { 0.0 };
        let enough = self.frames >= ENOUGH_FRAMES;
        let buffer = voice.jitter.current_delay;
        let way = media.round_trip_time.unwrap_or_default() / 2;
        let estimate = estimate(&Conditions {
            loss: if enough {
                share(self.missed, self.frames)
            } else {
                0.0
            },
            late: share(self.late, self.missed),
            burst_ratio: media.burst_ratio,
            delay: way + buffer + UNMEASURED,
            buffer,
            bitrate: self.bitrate.map_or(64_000, |bits| bits as u32),
            silent: new.received == 0,
        });
        self.estimate = Some(estimate);
        self.steady.observe(&estimate).then_some(estimate)
    }
}

impl Plane {
    /// Once a second: how everybody sounds, and whether that is news.
    pub(super) async fn look_at_quality(&mut self) {
        let now = Instant::now();
        let voices = self.sound.peers();
        let mut news = Vec::new();
        for (id, peer) in &mut self.peers {
            let Some(voice) = voices.get(id) else {
                continue;
            };
            let (media, since) = (peer.stats(), peer.added());
            if let Some(estimate) = peer.listening.look(now, since, &media, voice) {
                news.push((*id, estimate));
            }
        }
        for (peer, estimate) in news {
            self.tell(PlaneSignal::Quality { peer, estimate }).await;
        }
        self.adaptation.handle_timeout(now.into_std());
        self.adapt();
    }

    /// A participant has reported on our voice.
    pub(super) fn handle_report(&mut self, arrival: Instant, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let stats = peer.stats();
        // A report of somebody who has heard nothing yet says nothing about our voice.
        let (Some(loss), true) = (stats.remote_loss, peer.is_new_report(stats.remote_reports))
        else {
            return;
        };
        let reception = Reception {
            loss,
            longest_burst: stats.remote_longest_burst,
            mean_burst: stats.remote_mean_burst,
            jitter: stats.remote_jitter.unwrap_or_default(),
            round_trip: stats.round_trip_time,
        };
        self.adaptation
            .handle_report(arrival.into_std(), id, &reception);
        self.adapt();
    }

    /// Lets the encoder follow.
    pub(super) fn adapt(&mut self) {
        let settings = self.adaptation.settings();
        let Some(voice) = self.sound.voice() else {
            return;
        };
        if self.encoder != settings {
            tracing::debug!(?settings, "the encoder follows the network");
            self.encoder = settings;
            voice.set_encoder(settings);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cooee_audio::PeerStats;
    use cooee_core::media::MediaStats;
    use cooee_core::media::quality::{Reason, Verdict};
    use tokio::time::Instant;

    use super::Listening;

    #[test]
    fn silence_is_told_after_a_second_and_its_end_after_five() {
        let mut listening = Listening::default();
        let start = Instant::now();
        let voice = PeerStats::default();
        let mut media = MediaStats {
            burst_ratio: 1.0,
            ..MediaStats::default()
        };
        let mut told = Vec::new();
        for second in 0..30_u32 {
            let now = start + Duration::from_secs(1) * second;
            // Nothing comes from the tenth second to the fifteenth.
            if !(10..15).contains(&second) {
                media.packets_received += 50;
                media.bytes_received += 50 * (32 + 80);
            }
            if let Some(estimate) = listening.look(now, start, &media, &voice) {
                told.push((second, estimate.verdict, estimate.reason));
            }
        }
        assert_eq!(
            told,
            [
                (10, Verdict::Poor, Reason::Silence),
                (19, Verdict::Good, Reason::Nothing)
            ]
        );
    }

    #[test]
    fn concealed_frames_cost_and_recovered_ones_do_not() {
        let (mut bad, mut repaired) = (Listening::default(), Listening::default());
        let start = Instant::now();
        let (mut one, mut other) = (PeerStats::default(), PeerStats::default());
        let mut media = MediaStats {
            burst_ratio: 1.0,
            ..MediaStats::default()
        };
        for second in 0..10_u32 {
            let now = start + Duration::from_secs(1) * second;
            media.packets_received += 45;
            media.packets_lost += 5;
            media.bytes_received += 45 * (32 + 160);
            one.jitter.played += 45;
            one.jitter.concealed += 5;
            other.jitter.played += 45;
            other.jitter.recovered += 5;
            bad.look(now, start, &media, &one);
            repaired.look(now, start, &media, &other);
        }
        let bad = bad.estimate().map(|e| (e.verdict, e.reason));
        assert_eq!(bad, Some((Verdict::Fair, Reason::Loss)));
        let repaired = repaired.estimate().map(|e| (e.verdict, e.reason));
        assert_eq!(repaired, Some((Verdict::Good, Reason::Nothing)));
    }
}
