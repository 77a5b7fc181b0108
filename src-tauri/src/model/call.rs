//! Calls.

use serde::{Deserialize, Serialize};
use specta::Type;
use specta_typescript::Number;

use super::account::AccountId;
use super::settings::SendMode;

/// A call that rings here and waits for an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IncomingCall {
    /// Whose it is.
    pub(crate) account: AccountId,
    /// The group, or the id of the pair.
    pub(crate) conversation: String,
    /// Whether it is a group's call.
    pub(crate) group: bool,
    /// Who calls.
    pub(crate) from: String,
    /// Since when it rings.
    pub(crate) since: i64,
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallPhase {
    /// The user called, nobody accepted yet.
    RingingOut,
    /// Accepted; the others are being reached.
    Connecting,
    /// At least one participant is reached.
    Connected,
    /// Every way is lost for now; the call waits for one to come back.
    Reconnecting,
    /// Over; `ended` says why. The call is shown until `dismiss_call`.
    Ended,
}

/// How voice gets to a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Route {
    /// From one machine to the other.
    Direct,
    /// By way of a relay, sealed.
    Relayed,
    /// Through the server's connection, sealed, because nothing else gets through.
    Tunnelled,
}

/// How a participant sounds here, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Nobody would complain.
    Good,
    /// Some people would find fault.
    Fair,
    /// Most people would find fault.
    Poor,
}

/// What costs most of the quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QualityReason {
    /// Nothing to speak of.
    Nothing,
    /// Single packets are lost.
    Loss,
    /// Packets are lost in bursts.
    Bursts,
    /// The way is long.
    Delay,
    /// Packets come unevenly.
    Jitter,
    /// The network leaves room for few bits.
    Bitrate,
    /// Nothing comes any more.
    Silence,
}

/// How a participant sounds here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Quality {
    /// In a word; does not flicker.
    pub(crate) verdict: Verdict,
    /// What costs most.
    pub(crate) reason: QualityReason,
    /// The rating of ITU-T G.107, 0 to 93.2.
    #[specta(type = Number)]
    pub(crate) rating: f32,
    /// The mean opinion score that goes with it, 1 to 4.5.
    #[specta(type = Number)]
    pub(crate) opinion: f32,
}

/// How far a participant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ParticipantState {
    /// Is being rung.
    Ringing,
    /// Accepted, and is not reached yet.
    Connecting,
    /// Is heard.
    Connected,
    /// Cannot be reached; `trouble` says why.
    Unreachable,
}

/// Somebody else in the call.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Participant {
    /// Who.
    pub(crate) name: String,
    /// How far they are.
    pub(crate) state: ParticipantState,
    /// How voice gets there.
    pub(crate) route: Option<Route>,
    /// What both can compare to know that nobody sits between them.
    pub(crate) safety_code: Option<String>,
    /// Whether they speak now.
    pub(crate) speaking: bool,
    /// Whether the user has silenced them here.
    pub(crate) silenced: bool,
    /// How loud they are played, in percent: 0 to 200.
    pub(crate) volume: u16,
    /// How they sound.
    pub(crate) quality: Option<Quality>,
    /// Why they cannot be reached, in English, for the detail sheet.
    pub(crate) trouble: Option<String>,
}

/// Why a call is over: the SDK's reasons by its stable words, and those of the call history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndReason {
    /// The user hung up, or withdrew a call that still rang.
    HungUp,
    /// The others left.
    RemoteHungUp,
    /// The user declined.
    DeclinedHere,
    /// The person called declined.
    Declined,
    /// The person called is in another call.
    Busy,
    /// Nobody who was called is online.
    Offline,
    /// Nobody answered in time.
    Timeout,
    /// The caller gave up before the answer: a missed call.
    Cancelled,
    /// Another device of the user answered.
    AnsweredElsewhere,
    /// Another device of the user declined.
    DeclinedElsewhere,
    /// No way to any participant was found, or none came back.
    NoPath,
    /// The server refused the call.
    Refused,
    /// The connection to the server was lost before the call was connected.
    ServerLost,
    /// A participant, or this app, was away from the server for too long.
    Lost,
    /// The person left the group.
    LeftGroup,
    /// The microphone or the loudspeaker failed.
    Audio,
    /// The app was ended during the call.
    Interrupted,
    /// For a reason that this version does not know.
    Unknown,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallEnd {
    /// Why.
    pub(crate) reason: EndReason,
    /// What was said about it, in English, for the detail sheet.
    pub(crate) detail: Option<String>,
    /// When.
    pub(crate) at: i64,
}

/// The call that the user placed or accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    /// Names it in this run of the app: grows from call to call.
    pub(crate) id: u32,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// The group, or the id of the pair; `null` until the server has told it.
    pub(crate) conversation: Option<String>,
    /// Whether it is a group's call.
    pub(crate) group: bool,
    /// Whom the user called, or who called.
    pub(crate) with: Vec<String>,
    /// Whether the user placed it.
    pub(crate) outgoing: bool,
    /// Where it is.
    pub(crate) phase: CallPhase,
    /// When it was placed or accepted.
    pub(crate) since: i64,
    /// When the first participant was reached.
    pub(crate) connected_at: Option<i64>,
    /// The others.
    pub(crate) participants: Vec<Participant>,
    /// Whether the microphone is muted.
    pub(crate) muted: bool,
    /// Whether nobody is heard here, which mutes the microphone, too.
    pub(crate) deafened: bool,
    /// When the microphone is heard.
    pub(crate) send_mode: SendMode,
    /// Whether the push-to-talk key is held.
    pub(crate) talking: bool,
    /// Whether the user speaks.
    pub(crate) speaking: bool,
    /// Whether the user said that the safety codes are right.
    pub(crate) verified: bool,
    /// The microphone and the loudspeaker in use.
    pub(crate) sound: CallSound,
    /// How it ended.
    pub(crate) ended: Option<CallEnd>,
}

/// A call's microphone and loudspeaker. Without one of them the call goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallSound {
    /// What the others hear comes from here.
    pub(crate) microphone: CallDevice,
    /// The others are heard there.
    pub(crate) loudspeaker: CallDevice,
}

/// One of a call's devices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallDevice {
    /// What people call it; `null` before the call is answered, and where there is none.
    pub(crate) name: Option<String>,
    /// Whether there is none: it was lost, or never there.
    pub(crate) missing: bool,
}

/// Which of a call's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeviceKind {
    /// The microphone.
    Microphone,
    /// The loudspeaker.
    Loudspeaker,
}

/// What has become of it, as far as the user did not bring it about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeviceChange {
    /// It is gone, and another is used.
    Replaced,
    /// It is gone, and there is no other.
    Missing,
    /// The one that was chosen does not open; the one before stays.
    Refused,
    /// The one that was gone is back.
    Returned,
    /// The system's choice is another now, and is followed.
    Followed,
}

/// Meters, ten times a second during a call; full scale is 1.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Levels {
    /// What is sent; zero while muted.
    #[specta(type = Number)]
    pub(crate) input: f32,
    /// What is played.
    #[specta(type = Number)]
    pub(crate) output: f32,
}

/// One second of a call, over all participants. Counts are since its start.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatsSample {
    /// When.
    pub(crate) at: i64,
    /// Voice packets sent.
    pub(crate) sent: u32,
    /// Authentic voice packets received.
    pub(crate) received: u32,
    /// Packets that never arrived.
    pub(crate) lost: u32,
    /// Packets that arrived after their turn to be played.
    pub(crate) late: u32,
    /// Frames that were made up because nothing was there to play.
    pub(crate) concealed: u32,
    /// Frames recovered from the redundancy in a later packet.
    pub(crate) recovered: u32,
    /// Interarrival jitter (RFC 3550), in milliseconds.
    #[specta(type = Number)]
    pub(crate) jitter_ms: f32,
    /// Round-trip time, in milliseconds; `null` before the first report.
    #[specta(type = Option<Number>)]
    pub(crate) round_trip_ms: Option<f32>,
    /// Playout delay of the jitter buffer, in milliseconds.
    #[specta(type = Number)]
    pub(crate) buffer_ms: f32,
    /// The rating of ITU-T G.107, 0 to 93.2.
    #[specta(type = Option<Number>)]
    pub(crate) rating: Option<f32>,
    /// The encoder's bitrate, in bits in a second.
    pub(crate) bitrate: Option<u32>,
}

/// A call of the history that this device keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallRecord {
    /// Its place in the history, to continue after.
    pub(crate) id: i64,
    /// The group, or the id of the pair; `null` if the server never told it.
    pub(crate) conversation: Option<String>,
    /// Whether the user placed it.
    pub(crate) outgoing: bool,
    /// The others.
    pub(crate) people: Vec<String>,
    /// When it began to ring.
    pub(crate) started_at: i64,
    /// When it was accepted.
    pub(crate) accepted_at: Option<i64>,
    /// When it ended; `null` while it goes on.
    pub(crate) ended_at: Option<i64>,
    /// Why it ended.
    pub(crate) reason: Option<EndReason>,
    /// Whether the user never answered it: nobody declined it, and no other device answered.
    pub(crate) missed: bool,
}
