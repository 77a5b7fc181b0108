//! What a client tells its user.

use std::time::Duration;

use cooee_core::call::CallEvent;
use cooee_core::media::quality::Estimate;
use cooee_protocol::{Contact, ErrorReply, Group, GroupId, Username};

use crate::call::CallStats;
use crate::messages::MessageEvent;

/// One thing that happened.
///
/// An event is a hint to look again: the snapshots of [`Client`](crate::Client) hold the truth.
/// The stream is bounded; a reader that falls behind finds [`Events::recv`] saying how many
/// events it missed, and repairs that by reading the snapshots.
///
/// [`Events::recv`]: crate::Events::recv
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Signed in and in step with the server.
    Online {
        /// Whether this continues an earlier session after a break.
        resumed: bool,
    },
    /// The connection is lost; the client tries again by itself.
    Reconnecting {
        /// Until the next attempt.
        retry_in: Duration,
        /// How many attempts have failed in a row.
        attempt: u32,
    },
    /// The session is over; sign in again.
    SignedOut {
        /// What the server said, or nothing when the user signed out.
        reason: Option<ErrorReply>,
    },
    /// The own profile changed.
    ProfileChanged,
    /// A contact was added, asked for, confirmed, or changed name, picture or presence.
    ContactChanged {
        /// The contact as they are now.
        contact: Contact,
        /// Their name before, after a rename.
        previous: Option<Username>,
    },
    /// A contact is none any more.
    ContactRemoved {
        /// Who.
        name: Username,
    },
    /// A group is new or changed.
    GroupChanged {
        /// The group as it is now.
        group: Group,
    },
    /// The own profile is not in this group any more.
    GroupRemoved {
        /// The group.
        id_group: GroupId,
    },
    /// Something happened in conversations.
    Messages(MessageEvent),
    /// Something happened in a call.
    Call(CallEvent),
    /// A route to a participant was chosen.
    Route {
        /// Who.
        who: Username,
        /// How voice gets there.
        route: cooee_core::path::RouteKind,
        /// Short decimal code that both can compare to know that nobody sits between them.
        safety_code: String,
    },
    /// Somebody in the call began or stopped speaking; pauses between words do not count. At most
    /// ten times a second for each.
    SpeakingChanged {
        /// Who; `None` is the local user, who never speaks while muted.
        who: Option<Username>,
        /// Whether they speak now.
        speaking: bool,
    },
    /// The verdict on how a participant sounds here has changed, with the reason. It takes a few
    /// seconds, so that it does not flicker; [`CallStats`] has the estimate of every second.
    QualityChanged {
        /// Who.
        who: Username,
        /// How it sounds now.
        estimate: Estimate,
    },
    /// A call has another microphone or loudspeaker, or none: the user chose it, one was lost and
    /// another stands in, or it is back. Also told of those that the call begins with. A call
    /// without a microphone goes on, and nobody hears anything of the local user.
    DeviceChanged(cooee_audio::DeviceNews),
    /// Something else has the device's sound, such as a telephone call, or has it no more. In
    /// between nothing is sent or played; the call goes on.
    SoundInterrupted {
        /// Whether it has the sound now.
        interrupted: bool,
    },
    /// Sound goes another way now, or may: see
    /// [`audio_routes`](crate::Client::audio_routes).
    AudioRoutesChanged,
    /// Once a second during a call.
    Stats(CallStats),
    /// A participant cannot be reached, in words.
    Unreachable {
        /// Who.
        who: Username,
        /// Why.
        why: String,
    },
    /// The server's certificate is refused: it is not valid at this moment or for this name, or nobody vouches
    /// for it. A wrong clock on either side does that. The client goes on trying; told once until it is online.
    CertificateRefused {
        /// What is wrong with it.
        why: String,
    },
    /// The disk is full: what changes from here on is not kept on this device. Told again when there was room
    /// meanwhile.
    DiskFull,
    /// The session cannot be kept for the next start, in words.
    CredentialsNotKept {
        /// Why.
        why: String,
    },
}
