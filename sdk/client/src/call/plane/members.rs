//! Who is in a call, as far as the media plane goes.

use cooee_core::call::PeerInfo;
use cooee_core::media::{CallContext, MediaConfig, PeerMedia};
use cooee_core::path::PeerId;
use cooee_protocol::{CallInfo, GroupId, Username};
use tokio::time::Instant;

use super::peer::Peer;
use super::{Plane, now};
use crate::call::trace::Step;

impl Plane {
    pub(super) fn add_peer(
        &mut self,
        id: PeerId,
        name: Username,
        own: &Username,
        id_group: &GroupId,
        info: &CallInfo,
    ) -> Result<(), String> {
        let info = PeerInfo::parse(info).map_err(|error| error.to_string())?;
        // Names are bound in their folded form: both sides may write them differently.
        let context = CallContext {
            id_group: id_group.as_str(),
            own_name: own.key(),
            peer_name: name.key(),
        };
        let keys = self
            .key
            .agree(&info.key, &context)
            .map_err(|error| error.to_string())?;
        self.live.trace.mark(Step::KeysAgreed);
        let safety_code = keys.safety_code();
        let media =
            PeerMedia::new(keys, MediaConfig::default()).map_err(|error| error.to_string())?;
        let controlling = self.key.outranks(&info.key);
        self.agent
            .add_peer(now(), id, &info.path, controlling)
            .map_err(|error| error.to_string())?;
        if let Some(voice) = self.sound.voice() {
            voice.add_peer(id).map_err(|error| error.to_string())?;
        }
        self.peers
            .insert(id, Peer::new(Instant::now(), name, safety_code, media));
        self.begin_sound();
        Ok(())
    }

    pub(super) fn remove_peer(&mut self, id: PeerId) {
        let left = self.stats().peers;
        self.agent.remove_peer(id);
        self.adaptation.remove_peer(now(), id);
        if let Some(peer) = self.peers.remove(&id) {
            if let Some(stats) = left.get(&peer.name) {
                self.gone.add(stats);
            }
            if let Some(voice) = self.sound.voice()
                && let Err(error) = voice.remove_peer(id)
            {
                tracing::warn!(%error, "a participant could not be taken out of the mix");
            }
        }
    }
}
