/**
 * What the UI knows of people, conversations and calls: snapshots of the SDK's, in the words of the shell.
 * Times are milliseconds since the Unix epoch.
 */

export type AccountId = string;

export type ErrorCode = string;

export interface AppError {
  code: ErrorCode;
  /** In English, for the log and the detail sheet. */
  detail: string | null;
}

export interface AppInfo {
  version: string;
  system: string;
  locale: string;
  mediaRoot: string;
  dataFolder: string;
  tray: boolean;
  globalKeys: boolean;
  autostart: boolean;
}

// Accounts.

export type Keep = "keyring" | "session";
export type SessionState = "signed_out" | "connecting" | "online" | "reconnecting";

export interface SessionInfo {
  state: SessionState;
  attempt: number;
  retryAt: number | null;
  ended: AppError | null;
}

export interface Profile {
  name: string;
  picture: string | null;
}

export interface Account {
  id: AccountId;
  server: string;
  serverName: string;
  plaintext: boolean;
  profile: Profile;
  keep: Keep;
  session: SessionInfo;
}

export interface NewSession {
  server: string;
  name: string;
  password: string;
  keep: Keep;
  allowPlaintext: boolean;
}

export interface KeyringStatus {
  available: boolean;
  problem: AppError | null;
}

export interface ServerAddress {
  server: string;
  serverName: string;
  plaintext: boolean;
}

// People.

export type Presence = "online" | "offline" | "in_call" | "pending" | "requested";

export interface Contact {
  name: string;
  picture: string | null;
  presence: Presence;
}

export interface Group {
  id: string;
  name: string;
  members: string[];
  creator: string | null;
  changed: string;
}

export interface Roster {
  contacts: Contact[];
  groups: Group[];
  blocked: string[];
}

export interface Invitation {
  server: string;
  serverName: string;
  plaintext: boolean;
  name: string | null;
}

export interface OwnInvitation {
  link: string;
  /** Rows of `1` (dark) and `0`, without the quiet zone. */
  qr: string[];
}

// Conversations.

export interface Mark {
  name: string;
  delivered: number;
  read: number;
}

export interface Quote {
  id: string;
  author: string | null;
  text: string;
}

export interface CallOutcome {
  result: "finished" | "missed" | "declined";
  seconds: number;
}

export interface Reaction {
  name: string;
  text: string;
}

export interface File {
  id: string;
  name: string;
  mediaType: string;
  size: number;
  width: number | null;
  height: number | null;
  thumbnail: string | null;
}

export type MessageState = "sending" | "failed" | "sent";

/** A message or call as it reads now, with its edits, reactions and deletion. */
export interface Message {
  id: string;
  /** Its place; `null` while it waits to be sent: such messages stand behind all others. */
  sequence: number | null;
  author: string | null;
  own: boolean;
  at: number;
  text: string;
  files: File[];
  call: CallOutcome | null;
  replyTo: Quote | null;
  editedAt: number | null;
  deleted: boolean;
  reactions: Reaction[];
  state: MessageState;
  failure: ErrorCode | null;
}

export interface Conversation {
  id: string;
  /** The other person, when it is a pair's. */
  with: string | null;
  last: Message | null;
  unread: number;
  /** How far the user has read. */
  read: number;
  marks: Mark[];
  draft: string;
}

/** A run of messages, oldest first. */
export interface Page {
  messages: Message[];
  earlier: boolean;
  later: boolean;
}

export type PageFrom = "newest" | { before: number } | { after: number } | { around: number };

export interface NewMessage {
  text: string;
  replyTo: string | null;
  /** Tokens of picked files. */
  files: string[];
}

/** A file that the user picked: its path stays on the native side. */
export interface PickedFile {
  token: string;
  name: string;
  size: number;
  mediaType: string;
}

export interface Found {
  conversation: string;
  message: Message;
}

export interface Transfer {
  message: string;
  file: string;
  done: number;
  size: number;
  failure: ErrorCode | null;
}

// Calls.

export interface IncomingCall {
  account: AccountId;
  conversation: string;
  group: boolean;
  from: string;
  since: number;
}

export type CallPhase = "ringing_out" | "connecting" | "connected" | "reconnecting" | "ended";
export type Route = "direct" | "relayed" | "tunnelled";
export type Verdict = "good" | "fair" | "poor";
export type QualityReason = "nothing" | "loss" | "bursts" | "delay" | "jitter" | "bitrate" | "silence";

export interface Quality {
  verdict: Verdict;
  reason: QualityReason;
  rating: number;
  opinion: number;
}

export interface Participant {
  name: string;
  state: "ringing" | "connecting" | "connected" | "unreachable";
  route: Route | null;
  safetyCode: string | null;
  speaking: boolean;
  silenced: boolean;
  /** In percent, 0 to 200. */
  volume: number;
  quality: Quality | null;
  trouble: string | null;
}

export type EndReason =
  | "hung_up"
  | "remote_hung_up"
  | "declined_here"
  | "declined"
  | "busy"
  | "offline"
  | "timeout"
  | "cancelled"
  | "answered_elsewhere"
  | "declined_elsewhere"
  | "no_path"
  | "refused"
  | "server_lost"
  | "lost"
  | "left_group"
  | "audio"
  | "interrupted"
  | "unknown";

export interface CallEnd {
  reason: EndReason;
  detail: string | null;
  at: number;
}

export interface Call {
  id: number;
  account: AccountId;
  conversation: string | null;
  group: boolean;
  with: string[];
  outgoing: boolean;
  phase: CallPhase;
  since: number;
  connectedAt: number | null;
  participants: Participant[];
  muted: boolean;
  deafened: boolean;
  sendMode: SendMode;
  talking: boolean;
  speaking: boolean;
  verified: boolean;
  sound: { microphone: boolean; loudspeaker: boolean };
  ended: CallEnd | null;
}

/** Full scale is 1. */
export interface Levels {
  input: number;
  output: number;
}

export interface ParticipantStats {
  name: string;
  received: number;
  lost: number;
  concealed: number;
  jitterMs: number;
  roundTripMs: number | null;
  bufferMs: number;
  rating: number | null;
}

/** One second of a call. Counts are since its start. */
export interface StatsSample {
  at: number;
  sent: number;
  received: number;
  lost: number;
  late: number;
  concealed: number;
  recovered: number;
  jitterMs: number;
  roundTripMs: number | null;
  bufferMs: number;
  rating: number | null;
  bitrate: number | null;
  participants: ParticipantStats[];
}

// Settings.

export type SendMode = "continuous" | "push_to_talk" | "voice_activated";
export type AddressPrivacy = "direct" | "relay_until_verified" | "always_relay";
export type Theme = "system" | "light" | "dark";
export type Language = "system" | "en" | "fr";

export interface Processing {
  echoCancellation: boolean;
  noiseSuppression: boolean;
  gainControl: boolean;
  highPass: boolean;
}

export interface Settings {
  sound: {
    microphone: string | null;
    loudspeaker: string | null;
    processing: Processing;
    lowLatency: boolean;
    sendMode: SendMode;
    bitrate: number | null;
  };
  talkKey: string | null;
  addresses: AddressPrivacy;
  notifications: { calls: boolean; messages: boolean; preview: boolean; sounds: boolean };
  appearance: { theme: Theme; textSize: number; reducedMotion: boolean };
  language: Language;
  start: { autostart: boolean; closeToTray: boolean };
  conversations: { readMarks: boolean; typing: boolean };
}

export interface Device {
  id: string;
  name: string;
  default: boolean;
}

export interface Devices {
  microphones: Device[];
  loudspeakers: Device[];
}

export interface SoundTest {
  stage: "recording" | "playing" | "done";
  level: number;
  progress: number;
}

/** Bytes on this device. */
export interface Storage {
  cache: number;
  media: number;
  log: number;
}

// Events.

export interface Snapshot {
  accounts: Account[];
  active: AccountId | null;
  rosters: { account: AccountId; roster: Roster }[];
  incoming: IncomingCall[];
  call: Call | null;
  settings: Settings;
  invitation: Invitation | null;
}

export type Destination =
  | { to: "conversation"; account: AccountId; conversation: string }
  | { to: "people"; account: AccountId }
  | { to: "call" }
  | { to: "settings" };

/** What happened: each event is the new state of what it names. */
export type AppEvent =
  | { type: "everything"; snapshot: Snapshot }
  | { type: "accounts"; accounts: Account[]; active: AccountId | null }
  | { type: "roster"; account: AccountId; roster: Roster }
  | { type: "contact"; account: AccountId; contact: Contact; previous: string | null }
  | { type: "contact_removed"; account: AccountId; name: string }
  | { type: "group"; account: AccountId; group: Group }
  | { type: "group_removed"; account: AccountId; group: string }
  | { type: "blocked"; account: AccountId; names: string[] }
  | { type: "incoming"; incoming: IncomingCall[] }
  | { type: "call"; call: Call | null }
  | { type: "levels"; levels: Levels }
  | { type: "stats"; sample: StatsSample }
  | { type: "devices"; devices: Devices }
  | { type: "sound_test"; test: SoundTest }
  | { type: "settings"; settings: Settings }
  | { type: "invitation"; invitation: Invitation | null }
  | { type: "conversation"; account: AccountId; conversation: Conversation }
  | { type: "messages"; account: AccountId; conversation: string; messages: Message[]; removed: string[] }
  | { type: "conversation_reset"; account: AccountId; conversation: string | null }
  | { type: "marks"; account: AccountId; conversation: string; marks: Mark[] }
  | { type: "typing"; account: AccountId; conversation: string; names: string[] }
  | { type: "transfer"; account: AccountId; transfer: Transfer }
  | { type: "go"; destination: Destination }
  | { type: "notice"; notice: { account: AccountId | null; problem: AppError } };
