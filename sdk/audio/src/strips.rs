//! Each talker's strip on the mixing desk: volume, mute, fades, and who is worth decoding.

use std::collections::BTreeMap;

use cooee_core::path::PeerId;

/// The most that a talker can be turned up: twice as loud.
pub const MAX_VOLUME: f32 = 2.0;

/// Talkers decoded at once unless told otherwise: the loudest.
pub const DEFAULT_LOUDEST: usize = 8;

/// Samples over which a talker's volume changes, joining and leaving included: 10 ms.
const FADE: usize = 480;

/// Of the talkers who are not among the loudest, each frame in this many is looked at and not
/// played, to learn how loud they are. Odd, so that the beginnings of packets are met as well, where
/// something is decoded. Packets do not tell: their size is constant, and a level in
/// a header would tell everybody on the way who speaks.
const PROBES: u64 = 5;

/// Power that is left of a loud moment a frame later.
const DECAY: f32 = 0.975;

/// How much more powerful (6 dB) somebody has to be to take another one's place.
const ADVANTAGE: f32 = 4.0;

/// What to do with a talker's next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attention {
    /// Decode and mix it.
    Play,
    /// Decode it, and only note how loud it is.
    Probe,
    /// Let it pass.
    Skip,
}

#[derive(Debug)]
struct Strip {
    volume: f32,
    muted: bool,
    /// The gain at the end of the last frame: what the next one begins with.
    gain: f32,
    /// The mean square of the latest frames, falling slowly.
    power: f32,
    chosen: bool,
    leaving: bool,
}

impl Strip {
    fn target(&self) -> f32 {
        if self.muted || self.leaving || !self.chosen {
            0.0
        } else {
            self.volume
        }
    }
}

/// The strips of everybody who is mixed.
///
/// Each frame: [`choose`](Self::choose), then for each talker what [`attention`](Self::attention)
/// says, and [`mix`](Self::mix) or [`pause`](Self::pause).
#[derive(Debug)]
pub(crate) struct Strips {
    by_peer: BTreeMap<PeerId, Strip>,
    loudest: usize,
    frames: u64,
    /// Kept, so that choosing needs no memory of its own.
    order: Vec<(f32, PeerId)>,
}

impl Strips {
    pub(crate) fn new() -> Self {
        Self {
            by_peer: BTreeMap::new(),
            loudest: DEFAULT_LOUDEST,
            frames: 0,
            order: Vec::new(),
        }
    }

    /// How many talkers are decoded at once; at least one.
    pub(crate) fn set_loudest(&mut self, loudest: usize) {
        self.loudest = loudest.max(1);
    }

    /// A talker comes, faded in from silence.
    pub(crate) fn join(&mut self, peer: PeerId) {
        let strip = Strip {
            volume: 1.0,
            muted: false,
            gain: 0.0,
            power: 0.0,
            chosen: self.by_peer.len() < self.loudest,
            leaving: false,
        };
        self.by_peer.insert(peer, strip);
    }

    /// A talker goes, faded out. Whether there is something to fade.
    pub(crate) fn leave(&mut self, peer: PeerId) -> bool {
        match self.by_peer.get_mut(&peer) {
            Some(strip) if strip.gain > 0.0 => {
                strip.leaving = true;
                true
            }
            Some(_) | None => {
                self.by_peer.remove(&peer);
                false
            }
        }
    }

    /// Whether a talker is going.
    pub(crate) fn is_leaving(&self, peer: PeerId) -> bool {
        self.by_peer.get(&peer).is_some_and(|strip| strip.leaving)
    }

    /// A talker who was going and has been faded out, and is forgotten with this.
    pub(crate) fn take_gone(&mut self) -> Option<PeerId> {
        let mut strips = self.by_peer.iter();
        let gone = strips.find(|(_, strip)| strip.leaving && strip.gain <= 0.0);
        let peer = gone.map(|(peer, _)| *peer)?;
        self.by_peer.remove(&peer);
        Some(peer)
    }

    /// Sets how loud a talker is played: 0 to [`MAX_VOLUME`].
    pub(crate) fn set_volume(&mut self, peer: PeerId, volume: f32) {
        if let Some(strip) = self.by_peer.get_mut(&peer)
            && !volume.is_nan()
        {
            strip.volume = volume.clamp(0.0, MAX_VOLUME);
        }
    }

    /// Silences a talker, or no longer.
    pub(crate) fn set_muted(&mut self, peer: PeerId, muted: bool) {
        if let Some(strip) = self.by_peer.get_mut(&peer) {
            strip.muted = muted;
        }
    }

    /// Begins a frame: chooses the loudest. Who is among them stays, unless somebody else is
    /// clearly louder.
    pub(crate) fn choose(&mut self) {
        self.frames = self.frames.wrapping_add(1);
        if self.by_peer.len() <= self.loudest {
            for strip in self.by_peer.values_mut() {
                strip.chosen = true;
            }
            return;
        }
        self.order.clear();
        for (peer, strip) in &self.by_peer {
            // Who is silenced here takes nobody's place.
            let power = match (strip.muted, strip.chosen) {
                (true, _) => -1.0,
                (false, true) => strip.power * ADVANTAGE + f32::MIN_POSITIVE,
                (false, false) => strip.power,
            };
            self.order.push((power, *peer));
        }
        self.order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        for (place, (_, peer)) in self.order.iter().enumerate() {
            if let Some(strip) = self.by_peer.get_mut(peer) {
                strip.chosen = place < self.loudest;
            }
        }
    }

    /// What to do with a talker's next frame.
    pub(crate) fn attention(&self, peer: PeerId) -> Attention {
        let Some(strip) = self.by_peer.get(&peer) else {
            return Attention::Skip;
        };
        // Turns are spread over the frames, so that no frame takes all of the work.
        let turn = self.frames.wrapping_add(u64::from(peer.0));
        if strip.chosen || strip.gain > 0.0 {
            Attention::Play
        } else if turn.is_multiple_of(PROBES) {
            Attention::Probe
        } else {
            Attention::Skip
        }
    }

    /// Notes how loud a talker's frame is, and gives it the volume that it is played with.
    pub(crate) fn mix(&mut self, peer: PeerId, frame: &mut [f32]) {
        let Some(strip) = self.by_peer.get_mut(&peer) else {
            frame.fill(0.0);
            return;
        };
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>();
        let power = power / frame.len().max(1) as f32;
        strip.power = f32::max(strip.power * DECAY, power);
        let (from, to) = (strip.gain, strip.target());
        strip.gain = to;
        if from == 1.0 && to == 1.0 {
            return;
        }
        let ramp = FADE.min(frame.len()).max(1) as f32;
        for (index, sample) in frame.iter_mut().enumerate() {
            let way = ((index + 1) as f32 / ramp).min(1.0);
            *sample *= from + (to - from) * way;
        }
    }

    /// A talker says nothing in this frame; what comes next is faded in.
    pub(crate) fn pause(&mut self, peer: PeerId) {
        if let Some(strip) = self.by_peer.get_mut(&peer) {
            strip.power *= DECAY;
            strip.gain = 0.0;
        }
    }
}
