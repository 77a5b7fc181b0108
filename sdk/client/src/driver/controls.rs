//! What the user sets in a call, on its way to the media plane.

use cooee_core::path::PeerId;
use cooee_protocol::Username;

use super::active::ActiveCall;
use crate::call::plane::Control;

impl ActiveCall {
    pub(super) fn control(&self, control: Control) {
        self.tell(control.into());
    }

    pub(super) fn set_muted(&self, muted: bool) {
        self.control(Control::Muted(muted));
        self.snapshot.send_modify(|call| call.muted = muted);
    }

    pub(super) fn set_deafened(&self, deafened: bool) {
        self.control(Control::Deafened(deafened));
        self.snapshot.send_modify(|call| call.deafened = deafened);
    }

    pub(super) fn set_volume(&self, who: &Username, percent: u16) {
        if let Some(peer) = self.peer(who) {
            self.control(Control::Volume(peer, f32::from(percent) / 100.0));
        }
    }

    pub(super) fn set_silenced(&self, who: &Username, silenced: bool) {
        let Some(peer) = self.peer(who) else { return };
        self.control(Control::PeerMuted(peer, silenced));
        self.snapshot.send_modify(|call| {
            if silenced {
                call.silenced.insert(who.clone());
            } else {
                call.silenced.remove(who);
            }
        });
    }

    fn peer(&self, who: &Username) -> Option<PeerId> {
        let mut names = self.names.iter();
        names.find(|(_, name)| *name == who).map(|(peer, _)| *peer)
    }
}
