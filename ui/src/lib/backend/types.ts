/**
 * What the UI knows of people, conversations and calls: snapshots of the SDK's, in the words of the UI.
 * Times are milliseconds since the Unix epoch, durations milliseconds, unless a name says otherwise.
 */

export type Platform = "linux" | "macos" | "windows" | "android" | "ios";

export interface AppInfo {
  version: string;
  platform: Platform;
  /** Whether sessions can be kept for the next start. */
  keyring: "available" | "locked" | "missing";
  /** Whether the platform has what these settings switch. */
  autostart: boolean;
  globalShortcut: boolean;
}

/** An account on a server, of which one is shown. */
export interface Account {
  id: string;
  name: string;
  server: string;
  /** Whether only this run of the app knows the session. */
  sessionOnly: boolean;
  active: boolean;
  unread: number;
}

export type Status = "online" | "offline" | "in_call" | "pending" | "requested";

export interface Contact {
  name: string;
  /** The id of the picture; empty for none. */
  picture: string;
  status: Status;
}

export interface Group {
  id: string;
  name: string;
  members: string[];
  creator: string | null;
}

export interface Me {
  name: string;
  picture: string;
  server: string;
}

export type Connectivity =
  | { state: "signed_out" }
  | { state: "connecting" }
  | { state: "online" }
  | { state: "reconnecting"; retryIn: number; attempt: number };

// Conversations.

export interface Attachment {
  id: string;
  name: string;
  mediaType: string;
  size: number;
  width: number | null;
  height: number | null;
  /** The id of a smaller picture. */
  thumbnail: string | null;
}

export type Outbox = { state: "waiting" } | { state: "uploading"; share: number } | { state: "refused"; reason: string };

export interface Reaction {
  author: string;
  body: string;
}

export interface CallSummary {
  outcome: "finished" | "missed" | "declined";
  /** Seconds from the first answer on. */
  duration: number;
}

/** A message or call as it reads now, with its edits, reactions and deletion. */
export interface Entry {
  id: string;
  /** Its place; `null` while it waits in the outbox. */
  sequence: number | null;
  author: string;
  own: boolean;
  at: number;
  text: string;
  attachments: Attachment[];
  replyTo: string | null;
  edited: boolean;
  deleted: boolean;
  reactions: Reaction[];
  call: CallSummary | null;
  outbox: Outbox | null;
}

/** The line of a conversation in the list. */
export interface Conversation {
  id: string;
  /** The other person of a pair; `null` for a group. */
  peer: string | null;
  /** What was last said, for one line; `null` where nothing was yet. */
  latest: Entry | null;
  unread: number;
}

export interface Mark {
  name: string;
  delivered: number;
  read: number;
}

/** A run of entries in their order. */
export interface Page {
  entries: Entry[];
  /** Whether there are earlier ones. */
  more: boolean;
}

export interface Found {
  conversation: string;
  entry: Entry;
}

/** A file that the user picked: the path stays on the native side. */
export interface PickedFile {
  handle: string;
  name: string;
  size: number;
  mediaType: string;
}

// Calls.

export type CallPhase = "ringing_out" | "ringing_in" | "connecting" | "connected" | "reconnecting";
export type Route = "direct" | "relayed" | "tunnelled";
export type Verdict = "good" | "fair" | "poor";
export type QualityReason = "nothing" | "loss" | "bursts" | "delay" | "jitter" | "bitrate" | "silence";

export interface Participant {
  name: string;
  state: "ringing" | "connecting" | "connected" | "unreachable";
  speaking: boolean;
  route: Route | null;
  safetyCode: string | null;
  verdict: Verdict | null;
  reason: QualityReason;
  volume: number;
  silenced: boolean;
}

/** A call: ringing, going on, or over. */
export interface Call {
  /** The call's id, once the server has told it. */
  id: string | null;
  phase: CallPhase | "ended";
  /** Who rings here, or `null` for a call that this user placed. */
  from: string | null;
  /** The group that is called, or `null` for a pair. */
  group: string | null;
  participants: Participant[];
  /** When the first participant was reached. */
  connectedAt: number | null;
  muted: boolean;
  deafened: boolean;
  /** Whether a push-to-talk key is held. */
  talking: boolean;
  verified: boolean;
  /** A stable word, once it is over. */
  endReason: string | null;
}

/** Ten times a second in a call, and in the microphone test: 0 to 1. */
export interface Levels {
  input: number;
  output: number;
  speaking: boolean;
}

/** Once a second in a call. */
export interface CallStats {
  at: number;
  /** Of packets, since the last figures: 0 to 1. */
  loss: number;
  jitter: number;
  roundTrip: number | null;
  buffer: number;
  mos: number | null;
  /** Bits in a second. */
  bitrate: number | null;
}

export interface AudioDevice {
  id: string;
  name: string;
  input: boolean;
  output: boolean;
  isDefault: boolean;
}

// Settings.

export type Theme = "system" | "light" | "dark";
export type Language = "system" | "en" | "fr";
export type AddressPrivacy = "direct" | "relay_until_verified" | "always_relay";
export type SendMode = "continuous" | "voice_activated" | "push_to_talk";

export interface Settings {
  theme: Theme;
  language: Language;
  /** `null` is the system's choice. */
  microphone: string | null;
  speaker: string | null;
  echoCancellation: boolean;
  noiseSuppression: boolean;
  gainControl: boolean;
  highPass: boolean;
  lowLatency: boolean;
  sendMode: SendMode;
  /** An accelerator such as "Ctrl+Space"; empty for none. */
  pushToTalkKey: string;
  addressPrivacy: AddressPrivacy;
  notifyCalls: boolean;
  notifyMessages: boolean;
  /** Whether notifications show who wrote and what. */
  notifyContent: boolean;
  sounds: boolean;
  sendReadMarks: boolean;
  autostart: boolean;
  closeToTray: boolean;
}

export interface Storage {
  /** Bytes on this device. */
  cache: number;
  attachments: number;
  folder: string;
}

/** What happened; each is a hint with the snapshot that it changed. */
export type AppEvent =
  | { kind: "accounts"; accounts: Account[] }
  | { kind: "connectivity"; connectivity: Connectivity }
  | { kind: "signed_out"; reason: string | null }
  | { kind: "me"; me: Me }
  | { kind: "contact"; contact: Contact; previous: string | null }
  | { kind: "contact_removed"; name: string }
  | { kind: "group"; group: Group }
  | { kind: "group_removed"; id: string }
  | { kind: "blocked"; names: string[] }
  | { kind: "conversation"; conversation: Conversation }
  | { kind: "conversation_removed"; id: string }
  | { kind: "entry"; conversation: string; entry: Entry }
  | { kind: "entry_removed"; conversation: string; id: string }
  | { kind: "marks"; conversation: string; marks: Mark[] }
  | { kind: "typing"; conversation: string; name: string; typing: boolean }
  | { kind: "call"; call: Call | null }
  | { kind: "levels"; levels: Levels }
  | { kind: "stats"; stats: CallStats }
  | { kind: "devices"; devices: AudioDevice[] }
  | { kind: "settings"; settings: Settings }
  | { kind: "link"; link: Invitation }
  | { kind: "open"; conversation: string }
  | { kind: "notice"; code: string; detail: string | null }
  /** Events were lost: read the snapshot again. */
  | { kind: "missed" };

/** What a `cooee://` link or QR code says. */
export interface Invitation {
  server: string;
  name: string | null;
}

/** All that is known at a start, or after events were lost. */
export interface Snapshot {
  info: AppInfo;
  accounts: Account[];
  connectivity: Connectivity;
  /** `null` where nobody is signed in. */
  me: Me | null;
  contacts: Contact[];
  groups: Group[];
  blocked: string[];
  conversations: Conversation[];
  call: Call | null;
  settings: Settings;
  devices: AudioDevice[];
}
