//! Who is speaking in a call, told when it changes.

use std::collections::BTreeSet;

use cooee_core::path::PeerId;

use super::{Plane, PlaneSignal};

/// Who was speaking when it was told last.
#[derive(Debug, Default)]
pub(super) struct Speakers {
    own: bool,
    peers: BTreeSet<PeerId>,
}

impl Speakers {
    /// Learns who is speaking now, and gives what is different; nobody is the local user.
    pub(super) fn changes(
        &mut self,
        own: bool,
        peers: BTreeSet<PeerId>,
    ) -> Vec<(Option<PeerId>, bool)> {
        let mut changes = Vec::new();
        if std::mem::replace(&mut self.own, own) != own {
            changes.push((None, own));
        }
        let before = std::mem::replace(&mut self.peers, peers);
        let ended = before.difference(&self.peers);
        changes.extend(ended.map(|peer| (Some(*peer), false)));
        let begun = self.peers.difference(&before);
        changes.extend(begun.map(|peer| (Some(*peer), true)));
        changes
    }
}

impl Plane {
    /// Called ten times a second, so that nobody is told of more often.
    pub(super) async fn tell_speaking(&mut self) {
        let Some(voice) = self.sound.voice() else {
            return;
        };
        let speaking = voice.stats().peers.into_iter();
        let peers = speaking
            .filter(|(_, stats)| stats.speaking)
            .map(|(peer, _)| peer)
            .collect();
        for (peer, speaking) in self.speakers.changes(voice.levels().speaking, peers) {
            self.tell(PlaneSignal::Speaking { peer, speaking }).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use cooee_core::path::PeerId;

    use super::Speakers;

    #[test]
    fn only_what_changes_is_told() {
        let mut speakers = Speakers::default();
        let (alice, bob) = (PeerId(1), PeerId(2));
        assert_eq!(speakers.changes(false, [].into()), []);
        assert_eq!(
            speakers.changes(true, [alice].into()),
            [(None, true), (Some(alice), true)]
        );
        assert_eq!(speakers.changes(true, [alice].into()), []);
        assert_eq!(
            speakers.changes(false, [bob].into()),
            [(None, false), (Some(alice), false), (Some(bob), true)]
        );
    }
}
