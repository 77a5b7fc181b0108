//! The Cooee SDK: contacts, groups and end-to-end encrypted voice calls over a server that you
//! own.
//!
//! Build a [`Client`], sign in, then act with its methods and follow its [`Event`]s. Snapshots
//! ([`Client::contacts`], [`Client::groups`], [`Client::history`]) are readable at any time, with or
//! without a network. A call is a [`Call`]: placed with [`Client::call`], or accepted from an
//! [`IncomingCall`]. No type here captures sound before that.
//!
//! ```no_run
//! use cooee_sdk::{CallOptions, Client, Credentials};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder()
//!     .server("wss://cooee.example.org")
//!     .data_folder("alice")
//!     .credentials(Credentials::Keyring)
//!     .build()
//!     .await?;
//! client.resume().await?;
//! let call = client
//!     .call("bob".parse()?, CallOptions::default())
//!     .await?;
//! let (reason, _) = call.ended().await;
//! println!("the call ended: {reason}");
//! # Ok(())
//! # }
//! ```

mod account;
mod address;
mod archive;
mod builder;
mod call;
mod chime;
mod client;
pub mod doctor;
mod driver;
mod error;
mod event;
mod events;
mod http;
mod keyring;
mod lifecycle;
mod messages;
mod pictures;
mod roster;
mod shared;
mod tls;
mod volumes;

pub use address::{AddressError, ServerAddress};
pub use builder::{ClientBuilder, Credentials};
pub use call::{AddressPrivacy, Call, CallOptions, CallSnapshot, CallStats, IncomingCall};
pub use chime::Chime;
pub use client::Client;
pub use error::{ActionError, BuildError, CallActionError, SignInError};
pub use event::Event;
pub use events::{EventOrGap, Events};
pub use keyring::check_keyring;
pub use lifecycle::{WakeReason, Woken};
pub use messages::{
    Body, Conversation, ConversationPlace, ExportProgress, FileInfo, Found, Mark, Message,
    MessageError, MessageEvent, MessagePage, NewMessage, Outgoing, OutgoingKind, Reaction,
    Recipient, message_json, refusal_words,
};
pub use roster::Me;
pub use shared::Connectivity;

pub use cooee_audio::{
    AudioPlatform, AudioRoute, AudioRouteKind, DesktopAudio, DeviceError, DeviceInfo, DeviceNews,
    DeviceReason, Direction, FRAME, Frame, Health, Input, LatencyProfile, Levels, LoopbackSink,
    LoopbackSource, Output, PcmSink, PcmSource, Permission, PlatformError, PlatformListener,
    PlatformNews, Processing, Recording, RouteChange, SAMPLE_RATE, ScriptedAudio, SendMode, Sink,
    SinkError, Source, UnknownProcessing, WavError, WavSink, WavSource, devices, loopback,
};
pub use cooee_core::call::{CallError, CallEvent, CallPhase, EndReason};
pub use cooee_core::media::adaptation::{EncoderSettings, FrameLength, MAX_BITRATE, MIN_BITRATE};
pub use cooee_core::media::quality::{Estimate, Reason, Verdict};
pub use cooee_core::path::RouteKind;
pub use cooee_protocol::{
    AmendProfile, AttachmentId, CallOutcome, Contact, EntryId, ErrorCode, ErrorReply, Group,
    GroupId, GroupName, NewPassword, NotSent, Password, PictureId, Status, Username,
};
#[cfg(target_os = "android")]
pub use cooee_store::android_context_is_ready;
pub use cooee_store::{
    CacheError, CallDirection, CallId, CallRecord, CredentialError, CredentialStore, Secret,
};
