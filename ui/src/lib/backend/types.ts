/**
 * What the UI knows of people, conversations and calls: snapshots of the SDK's, in the words of the shell. Times are
 * milliseconds since the Unix epoch.
 */

import type { AppEvent as ShellEvent, Settings as ShellSettings, Snapshot as ShellSnapshot } from "$lib/bindings";

export type {
  Account,
  AccountId,
  AddressPrivacy,
  AppError,
  AppInfo,
  Call,
  CallEnd,
  CallOutcome,
  CallPhase,
  Contact,
  Conversation,
  Destination,
  Device,
  DeviceChange,
  DeviceKind,
  Devices,
  EndReason,
  ErrorCode,
  Export,
  File,
  Found,
  Group,
  IncomingCall,
  Invitation,
  Keep,
  KeyringStatus,
  Language,
  Levels,
  Mark,
  Message,
  NewMessage,
  NewSession,
  OwnInvitation,
  Page,
  PageFrom,
  Participant,
  PickedFile,
  Presence,
  Profile,
  Quality,
  QualityReason,
  Quote,
  Reaction,
  Roster,
  Route,
  SendMode,
  ServerAddress,
  Session as SessionInfo,
  SoundTest,
  StatsSample,
  Storage,
  Theme,
  Transfer,
  Verdict,
} from "$lib/bindings";

/** A type with all that may be left out on the way in, and never is on the way out. */
type Complete<T> = T extends object ? { [K in keyof T]-?: Complete<Exclude<T[K], undefined>> } : T;

export type Settings = Complete<ShellSettings>;
export type Processing = Settings["sound"]["processing"];
export type Snapshot = Omit<ShellSnapshot, "settings"> & { settings: Settings };

/** What happened: each event is the new state of what it names. */
export type AppEvent =
  | Exclude<ShellEvent, { type: "settings" } | { type: "everything" }>
  | { type: "settings"; settings: Settings }
  | { type: "everything"; snapshot: Snapshot };
