//! What is counted in a call, from the media and the voice of each participant.

use super::Plane;
use crate::call::CallStats;

impl Plane {
    pub(super) fn publish(&self, with_stats: bool) {
        let Some(voice) = self.sound.voice() else {
            return;
        };
        let levels = voice.levels();
        let stats = with_stats.then(|| self.stats());
        self.live.levels.send_replace(levels);
        if let Some(stats) = stats {
            self.live.stats.send_replace(stats);
        }
    }

    pub(super) fn stats(&self) -> CallStats {
        let voices = self.sound.peers();
        let mut total = self.gone.clone();
        for (id, peer) in &self.peers {
            let media = peer.stats();
            let mut stats = CallStats {
                sent: media.packets_sent,
                received: media.packets_received,
                lost: media.packets_lost,
                dropped: media
                    .forged
                    .saturating_add(media.replayed)
                    .saturating_add(media.stray),
                jitter: media.jitter,
                round_trip_time: media.round_trip_time,
                quality: peer.listening.estimate(),
                ..CallStats::default()
            };
            if let Some(voice) = voices.get(id) {
                stats.late = voice.jitter.late;
                stats.concealed = voice.jitter.concealed;
                stats.recovered = voice.jitter.recovered;
                stats.buffer = voice.jitter.current_delay;
                stats.buffer_target = voice.jitter.target_delay;
                stats.redundancy_wait = voice.jitter.redundancy_delay;
            }
            total.add(&stats);
            if let Some(quality) = stats.quality
                && total.quality.is_none_or(|worst| quality.r < worst.r)
            {
                total.quality = Some(quality);
            }
            total.peers.insert(peer.name.clone(), stats);
        }
        (total.capture_gaps, total.playback_gaps) = self.sound.gaps();
        total.encoder = self.sound.voice().map(|_| self.encoder);
        total
    }
}

impl CallStats {
    pub(super) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.lost += other.lost;
        self.late += other.late;
        self.concealed += other.concealed;
        self.recovered += other.recovered;
        self.dropped += other.dropped;
        self.jitter = self.jitter.max(other.jitter);
        self.round_trip_time = self.round_trip_time.max(other.round_trip_time);
        self.buffer = self.buffer.max(other.buffer);
        self.buffer_target = self.buffer_target.max(other.buffer_target);
        self.redundancy_wait = self.redundancy_wait.max(other.redundancy_wait);
    }
}
