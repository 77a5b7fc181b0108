//! Handles to calls.

use std::sync::Arc;

use cooee_audio::{
    AudioError, AudioPlatform, Input, Levels, Output, Processing, RouteChange, SendMode,
};
use cooee_core::call::{CallPhase, EndReason};
use cooee_protocol::{GroupId, Username};
use tokio::sync::{mpsc, oneshot, watch};

use super::{CallOptions, CallSnapshot, CallStats, Live};
use crate::driver::{CallAct, Command};
use crate::error::CallActionError;

/// A call that the user placed or accepted.
///
/// The call belongs to the client: dropping this handle neither ends nor mutes it.
#[derive(Debug, Clone)]
pub struct Call {
    id: u64,
    commands: mpsc::WeakSender<Command>,
    snapshot: watch::Receiver<CallSnapshot>,
    live: Live,
    audio: Arc<dyn AudioPlatform>,
}

impl Call {
    pub(crate) fn new(
        id: u64,
        commands: mpsc::WeakSender<Command>,
        snapshot: watch::Receiver<CallSnapshot>,
        live: Live,
        audio: Arc<dyn AudioPlatform>,
    ) -> Self {
        Self {
            id,
            commands,
            snapshot,
            live,
            audio,
        }
    }

    /// Where the call is now.
    pub fn snapshot(&self) -> CallSnapshot {
        self.snapshot.borrow().clone()
    }

    /// How the voice is doing: renewed once a second, and once more at the end.
    pub fn stats(&self) -> CallStats {
        self.live.stats.borrow().clone()
    }

    /// Peaks of what is sent and played, for a meter; renewed ten times a second.
    pub fn levels(&self) -> Levels {
        *self.live.levels.borrow()
    }

    /// Waits until the first participant is reached; `false` when the call ended before.
    pub async fn connected(&self) -> bool {
        let reached = |snapshot: &CallSnapshot| {
            snapshot.ended.is_some()
                || matches!(
                    snapshot.phase,
                    Some(CallPhase::Connected | CallPhase::Reconnecting)
                )
        };
        let mut snapshot = self.snapshot.clone();
        match snapshot.wait_for(reached).await {
            Ok(snapshot) => snapshot.ended.is_none(),
            Err(_) => false,
        }
    }

    /// Waits until the call is over, files finished and devices closed, and says why it ended.
    pub async fn ended(&self) -> (EndReason, Option<String>) {
        let mut snapshot = self.snapshot.clone();
        match snapshot.wait_for(|snapshot| snapshot.ended.is_some()).await {
            Ok(snapshot) => snapshot.ended.clone().unwrap_or((EndReason::Unknown, None)),
            Err(_) => (EndReason::HungUp, None),
        }
    }

    /// Hangs up, or withdraws a call that still rings.
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn hang_up(&self) -> Result<(), CallActionError> {
        self.act(CallAct::HangUp).await
    }

    /// Mutes the microphone: silence is sent, so that nobody can tell from the packets.
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn set_muted(&self, muted: bool) -> Result<(), CallActionError> {
        self.act(CallAct::Mute(muted)).await
    }

    /// Silences the loudspeaker, and the microphone with it: who hears nobody is not heard either.
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn set_deafened(&self, deafened: bool) -> Result<(), CallActionError> {
        self.act(CallAct::Deafen(deafened)).await
    }

    /// Switches parts of the microphone's processing on and off, at once and without a click:
    /// for a musician in mid-call, or for headphones that need no echo cancellation.
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn set_processing(&self, processing: Processing) -> Result<(), CallActionError> {
        self.act(CallAct::Process(processing)).await
    }

    /// Listens to another microphone, or to a file, from now on. It is opened first, while the call
    /// goes on with what it has, so that nothing is missing between the two. How that went is told
    /// by [`Event::DeviceChanged`](crate::Event::DeviceChanged).
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn set_input(&self, input: Input) -> Result<(), CallActionError> {
        self.act(CallAct::Input(input)).await
    }

    /// Takes another way for sound: one of those that
    /// [`Client::audio_routes`](crate::Client::audio_routes) has, by its id.
    ///
    /// # Errors
    ///
    /// When there is no such way, the system refuses it, or the call is over.
    pub async fn set_route(&self, route: impl Into<String>) -> Result<(), CallActionError> {
        let (audio, route) = (Arc::clone(&self.audio), route.into());
        let selected = tokio::task::spawn_blocking(move || audio.select(&route)).await;
        let selected = selected.map_err(|_| CallActionError::Closed)?;
        match selected.map_err(AudioError::from)? {
            RouteChange::Device(device) => self.set_output(Output::Device(device)).await,
            _ => Ok(()),
        }
    }

    /// Plays on another loudspeaker, or into a file, from now on; as [`set_input`](Self::set_input).
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn set_output(&self, output: Output) -> Result<(), CallActionError> {
        self.act(CallAct::Output(output)).await
    }

    /// Sets when the microphone is heard.
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn set_send_mode(&self, mode: SendMode) -> Result<(), CallActionError> {
        self.act(CallAct::SendMode(mode)).await
    }

    /// Whether the user means to talk: a key is held, for [`SendMode::PushToTalk`].
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn set_talking(&self, talking: bool) -> Result<(), CallActionError> {
        self.act(CallAct::Talk(talking)).await
    }

    /// Sets how many bits in a second the voice may take at most: 12,000 to 64,000.
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn set_bitrate(&self, bitrate: u32) -> Result<(), CallActionError> {
        self.act(CallAct::Bitrate(bitrate)).await
    }

    /// Sets how loud somebody is played, in percent: 100 as it comes, 0 not at all, 200 at most.
    /// Remembered for this and later calls ([`Client::volumes`](crate::Client::volumes)), also of
    /// people who are not in this one.
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn set_volume(&self, who: Username, percent: u16) -> Result<(), CallActionError> {
        self.act(CallAct::Volume(who, percent)).await
    }

    /// Silences a participant here for this call, or no longer. They do not learn of it.
    ///
    /// # Errors
    ///
    /// When the call is over already. Nothing happens with somebody who is not in it.
    pub async fn set_silenced(&self, who: Username, silenced: bool) -> Result<(), CallActionError> {
        self.act(CallAct::Silence(who, silenced)).await
    }

    /// Rings more members of the group into the call.
    ///
    /// # Errors
    ///
    /// When the call is over already. Whom the server does not ring is told by events.
    pub async fn add_people(&self, people: Vec<Username>) -> Result<(), CallActionError> {
        self.act(CallAct::AddPeople(people)).await
    }

    /// The safety codes of everybody in this call were compared and are right. Under
    /// [`AddressPrivacy::RelayUntilVerified`](crate::AddressPrivacy) the call may take the
    /// shortest way from here on.
    ///
    /// # Errors
    ///
    /// When the call is over already.
    pub async fn set_verified(&self) -> Result<(), CallActionError> {
        self.act(CallAct::Verified).await
    }

    async fn act(&self, act: CallAct) -> Result<(), CallActionError> {
        let (reply, answer) = oneshot::channel();
        let commands = self.commands.upgrade().ok_or(CallActionError::Closed)?;
        let call = self.id;
        commands
            .send(Command::Call { call, act, reply })
            .await
            .map_err(|_| CallActionError::Closed)?;
        answer.await.map_err(|_| CallActionError::Closed)?
    }
}

/// A call that rings here. It goes on ringing when this is dropped.
#[derive(Debug)]
pub struct IncomingCall {
    id_group: GroupId,
    from: Username,
    commands: mpsc::WeakSender<Command>,
}

impl IncomingCall {
    pub(crate) fn new(
        id_group: GroupId,
        from: Username,
        commands: mpsc::WeakSender<Command>,
    ) -> Self {
        Self {
            id_group,
            from,
            commands,
        }
    }

    /// The call.
    pub fn id_group(&self) -> &GroupId {
        &self.id_group
    }

    /// Who calls.
    pub fn from(&self) -> &Username {
        &self.from
    }

    /// Accepts. Only from here on can sound be captured.
    ///
    /// # Errors
    ///
    /// When it does not ring any more, or no socket for voice can be opened.
    pub async fn accept(self, options: CallOptions) -> Result<Call, CallActionError> {
        let (reply, answer) = oneshot::channel();
        let id_group = self.id_group;
        let command = Command::Accept {
            id_group,
            options,
            reply,
        };
        let commands = self.commands.upgrade().ok_or(CallActionError::Closed)?;
        commands
            .send(command)
            .await
            .map_err(|_| CallActionError::Closed)?;
        answer.await.map_err(|_| CallActionError::Closed)?
    }

    /// Declines.
    ///
    /// # Errors
    ///
    /// When it does not ring any more.
    pub async fn decline(self) -> Result<(), CallActionError> {
        let (reply, answer) = oneshot::channel();
        let id_group = self.id_group;
        let commands = self.commands.upgrade().ok_or(CallActionError::Closed)?;
        commands
            .send(Command::Decline { id_group, reply })
            .await
            .map_err(|_| CallActionError::Closed)?;
        answer.await.map_err(|_| CallActionError::Closed)?
    }
}
