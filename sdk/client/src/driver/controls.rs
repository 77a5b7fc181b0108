//! What the user sets in a call, on its way to the media plane.

use cooee_audio::{DeviceNews, DeviceReason, Direction, Input, Output};
use cooee_core::path::PeerId;
use cooee_protocol::Username;

use super::active::ActiveCall;
use crate::call::plane::{Control, PlaneCommand};

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

    /// Before the voice opens, the choice that was made with the call is changed.
    pub(super) fn set_input(&mut self, input: Input) {
        match &mut self.options {
            Some(options) => options.input = input,
            None => self.tell(PlaneCommand::SetInput(input)),
        }
    }

    pub(super) fn set_output(&mut self, output: Output) {
        match &mut self.options {
            Some(options) => options.output = output,
            None => self.tell(PlaneCommand::SetOutput(output)),
        }
    }

    pub(super) fn note_device(&self, news: &DeviceNews) {
        // One that was refused leaves the other as it was.
        if news.reason == DeviceReason::Refused {
            return;
        }
        self.snapshot.send_modify(|call| match news.direction {
            Direction::Output => call.loudspeaker = news.device.clone(),
            _ => call.microphone = news.device.clone(),
        });
    }

    fn peer(&self, who: &Username) -> Option<PeerId> {
        let mut names = self.names.iter();
        names.find(|(_, name)| *name == who).map(|(peer, _)| *peer)
    }
}
