//! What the call machine takes and gives.

use std::time::Duration;

use cooee_protocol::{CallInfo, ClientMessage, GroupId, Username};

use super::permit::CapturePermit;
use super::reason::EndReason;
use crate::path::PeerId;

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One confirmed contact.
    Contact(Username),
    /// The members of a group; nobody named means all of them.
    Group(GroupId, Vec<Username>),
}

/// Limits of the call machine.
#[derive(Debug, Clone)]
pub struct CallConfig {
    /// How long a 501 waits for the local addresses, so that they travel with it.
    pub gathering_grace: Duration,
    /// How long a call that was accepted may take to find a first path; somebody who joins
    /// before there is one gets this time afresh.
    pub path_timeout: Duration,
    /// How long a call that lost its last path waits for another.
    pub reconnect_timeout: Duration,
    /// How long a call goes on alone after the last participant has said goodbye, unless the
    /// server says more.
    pub goodbye_grace: Duration,
    /// How long a ring is believed after the connection to the server came back, until the
    /// server repeats it.
    pub ring_confirmation: Duration,
    /// How long a call that nobody has accepted outlives the connection to the server.
    pub server_timeout: Duration,
    /// How long a call rings, or waits alone for somebody who is rung, when the server never
    /// says that it is over. The server's own limit is meant to be shorter.
    pub ring_limit: Duration,
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            gathering_grace: Duration::from_millis(150),
            path_timeout: Duration::from_secs(30),
            reconnect_timeout: Duration::from_secs(30),
            goodbye_grace: Duration::from_secs(2),
            ring_confirmation: Duration::from_secs(5),
            server_timeout: Duration::from_secs(60),
            ring_limit: Duration::from_secs(15 * 60),
        }
    }
}

/// Where the call is; see [`CallMachine`](crate::call::CallMachine) for the diagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallPhase {
    /// The local user called, nobody accepted yet.
    RingingOut,
    /// Somebody calls, the local user has not decided.
    RingingIn,
    /// Accepted; no path has opened yet.
    Connecting,
    /// At least one participant is reached.
    Connected,
    /// Was connected; every path is lost for now.
    Reconnecting,
}

/// Why a call cannot be placed, accepted, declined or hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is a call already.
    #[error("there is a call already; hang up first")]
    Busy,
    /// There is no such call.
    #[error("there is no such call (any more)")]
    NoCall,
    /// The call is not ringing here.
    #[error("the call is not waiting for an answer")]
    NotRinging,
}

/// A request that the machine sent, to give back with its answer. It knows which call it was
/// for, so that a late answer does not touch the next call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRequest {
    pub(super) call: u64,
    pub(super) kind: RequestKind,
}

/// What a [`CallRequest`] asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// 501 that places the call.
    Ring,
    /// 501 that rings further people.
    RingMore(GroupId, Vec<Username>),
    /// 502, under the name that the profile had.
    Accept(Username),
    /// 503, under the name that the profile had.
    Quit(Username, GroupId),
    /// 506.
    Info,
}

/// What the caller of the machine has to do, in order.
#[derive(Debug)]
pub enum CallOutput {
    /// Send this to the server and report the answer to [`CallMachine::handle_answer`](crate::call::CallMachine::handle_answer).
    Request(CallRequest, ClientMessage),
    /// Open sockets and gather candidates; report them to [`CallMachine::handle_local_info`](crate::call::CallMachine::handle_local_info).
    /// Nothing of it is told to anybody before the call is placed or accepted.
    Prepare,
    /// The call was placed and accepted: open microphone and loudspeaker.
    OpenVoice(CapturePermit),
    /// A participant told their addresses and keys.
    AddPeer {
        /// The number that this machine gave the participant.
        peer: PeerId,
        /// Their name as both sides know it now: keys are bound to it.
        name: Username,
        /// What they said.
        info: CallInfo,
    },
    /// A participant told new addresses under the same keys.
    UpdatePeer {
        /// The participant.
        peer: PeerId,
        /// What they said.
        info: CallInfo,
    },
    /// A participant has another name now. The keys stay bound to the name of
    /// [`AddPeer`](Self::AddPeer).
    RenamePeer {
        /// The participant.
        peer: PeerId,
        /// Their name from now on.
        name: Username,
    },
    /// A participant is gone.
    RemovePeer(PeerId),
    /// The call is over: close devices and sockets.
    Close,
    /// Tell the user.
    Event(CallEvent),
}

/// What the user is told of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEvent {
    /// Somebody calls.
    RingingIn {
        /// The call.
        id_group: GroupId,
        /// The caller.
        from: Username,
    },
    /// The call rings at these people.
    RingingOut {
        /// The call.
        id_group: GroupId,
        /// Who is being rung.
        ringing: Vec<Username>,
    },
    /// Accepted, here or there; a path is being opened.
    Connecting {
        /// The call.
        id_group: GroupId,
    },
    /// The first participant is reached.
    Connected {
        /// The call.
        id_group: GroupId,
        /// Since the accept.
        since_accept: Duration,
    },
    /// A participant accepted.
    Joined {
        /// The call.
        id_group: GroupId,
        /// Who.
        who: Username,
    },
    /// A participant left, declined or did not answer.
    Left {
        /// The call.
        id_group: GroupId,
        /// Who.
        who: Username,
        /// Why.
        reason: EndReason,
    },
    /// Every path is lost; the call waits for one to come back.
    Reconnecting {
        /// The call.
        id_group: GroupId,
    },
    /// A path came back.
    Reconnected {
        /// The call.
        id_group: GroupId,
    },
    /// The call is over.
    Ended {
        /// The call, when the server had given it an id.
        id_group: Option<GroupId>,
        /// Why.
        reason: EndReason,
        /// What the server said about it.
        detail: Option<String>,
    },
}
