//! The one event channel.

use serde::Serialize;
use specta::Type;

use super::account::{Account, AccountId};
use super::call::{Call, DeviceChange, DeviceKind, IncomingCall, Levels, StatsSample};
use super::conversation::{Conversation, Export, Mark, Message, Transfer};
use super::people::{Contact, Group, Invitation, Roster};
use super::settings::{Devices, Settings, SoundTest};
use crate::error::AppError;

/// Everything that the UI mirrors, at one moment. What the user has written to each other is
/// asked for in pages.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    /// The accounts, in the order in which they were added.
    pub(crate) accounts: Vec<Account>,
    /// The account that is shown; `null` when there is none.
    pub(crate) active: Option<AccountId>,
    /// Each account's people.
    pub(crate) rosters: Vec<AccountRoster>,
    /// The calls that ring here: at most one for each account.
    pub(crate) incoming: Vec<IncomingCall>,
    /// The call that the user is in, or has just left.
    pub(crate) call: Option<Call>,
    /// What the user has chosen.
    pub(crate) settings: Settings,
    /// A link that was opened and waits for the user's decision.
    pub(crate) invitation: Option<Invitation>,
}

/// One account's people.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountRoster {
    /// Whose.
    pub(crate) account: AccountId,
    /// They.
    pub(crate) roster: Roster,
}

/// Where the shell asks the UI to go, because the user clicked on a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(tag = "to", rename_all = "snake_case")]
pub(crate) enum Destination {
    /// To a conversation.
    Conversation {
        /// Whose.
        account: AccountId,
        /// Which.
        conversation: String,
    },
    /// To the people of an account.
    People {
        /// Whose.
        account: AccountId,
    },
}

/// Something that the user should know and that belongs to no command.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notice {
    /// Whose, if anybody's.
    pub(crate) account: Option<AccountId>,
    /// What.
    pub(crate) problem: AppError,
}

/// What the shell tells the UI. Each is the new state of what it names: nothing has to be
/// remembered, and one that comes twice changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub(crate) enum AppEvent {
    /// Everything anew: events were lost in between.
    Everything {
        /// All of it.
        snapshot: Box<Snapshot>,
    },
    /// The accounts, their sessions, or which of them is shown.
    Accounts {
        /// In the order in which they were added.
        accounts: Vec<Account>,
        /// The one that is shown.
        active: Option<AccountId>,
    },
    /// All people of an account, after each sign-in.
    Roster {
        /// Whose.
        account: AccountId,
        /// They.
        roster: Roster,
    },
    /// A contact is new or changed.
    Contact {
        /// Whose.
        account: AccountId,
        /// As they are now.
        contact: Contact,
        /// Their name before, after a rename.
        previous: Option<String>,
    },
    /// A contact is none any more.
    ContactRemoved {
        /// Whose.
        account: AccountId,
        /// Who.
        name: String,
    },
    /// A group is new or changed.
    Group {
        /// Whose.
        account: AccountId,
        /// As it is now.
        group: Group,
    },
    /// The account is not in this group any more.
    GroupRemoved {
        /// Whose.
        account: AccountId,
        /// Which.
        group: String,
    },
    /// Whom the account blocks.
    Blocked {
        /// Whose.
        account: AccountId,
        /// They.
        names: Vec<String>,
    },
    /// The calls that ring.
    Incoming {
        /// All of them.
        incoming: Vec<IncomingCall>,
    },
    /// The call; `null` after `dismiss_call`.
    Call {
        /// As it is now.
        call: Option<Box<Call>>,
    },
    /// Meters of the call.
    Levels {
        /// Now.
        levels: Levels,
    },
    /// A second of the call.
    Stats {
        /// The newest.
        sample: StatsSample,
    },
    /// The sound devices, while somebody looks at them.
    Devices {
        /// Those that there are now.
        devices: Devices,
    },
    /// Something has become of the call's microphone or loudspeaker; the call goes on.
    CallDevice {
        /// Of which.
        kind: DeviceKind,
        /// What.
        change: DeviceChange,
        /// The one that is used now, if there is one.
        device: Option<String>,
    },
    /// The test of the microphone.
    SoundTest {
        /// As it is now.
        test: SoundTest,
    },
    /// What the user has chosen.
    Settings {
        /// All of it.
        settings: Box<Settings>,
    },
    /// A link waits for the user's decision; `null` when it was taken.
    Invitation {
        /// The link.
        invitation: Option<Invitation>,
    },
    /// A conversation is new or changed: its last message, unread count, marks or draft.
    Conversation {
        /// Whose.
        account: AccountId,
        /// As it is now.
        conversation: Box<Conversation>,
    },
    /// Messages are new or changed; merge them by `id`, order by `sequence`.
    Messages {
        /// Whose.
        account: AccountId,
        /// The conversation.
        conversation: String,
        /// As they are now.
        messages: Vec<Message>,
        /// Messages that are gone, such as discarded ones.
        removed: Vec<String>,
    },
    /// Ask for the conversation's pages again: more has changed than is told one by one.
    ConversationReset {
        /// Whose.
        account: AccountId,
        /// The conversation; `null` for all of them.
        conversation: Option<String>,
    },
    /// How far the others have come in a conversation.
    Marks {
        /// Whose.
        account: AccountId,
        /// The conversation.
        conversation: String,
        /// Everybody's.
        marks: Vec<Mark>,
    },
    /// Who types in a conversation; goes away by itself.
    Typing {
        /// Whose.
        account: AccountId,
        /// The conversation.
        conversation: String,
        /// Everybody who types now.
        names: Vec<String>,
    },
    /// How far a file is on its way.
    Transfer {
        /// Whose.
        account: AccountId,
        /// As it is now.
        transfer: Transfer,
    },
    /// How far an export has come; `null` when none goes on any more.
    Export {
        /// Whose.
        account: AccountId,
        /// As it is now.
        export: Option<Export>,
    },
    /// Go there.
    Go {
        /// Where.
        destination: Destination,
    },
    /// Say this.
    Notice {
        /// What.
        notice: Notice,
    },
}
