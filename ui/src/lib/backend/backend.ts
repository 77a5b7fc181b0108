import type {
  AccountId,
  AppEvent,
  AppInfo,
  Conversation,
  Devices,
  Export,
  Found,
  Group,
  Invitation,
  KeyringStatus,
  NewMessage,
  NewSession,
  OwnInvitation,
  Page,
  PageFrom,
  PickedFile,
  ServerAddress,
  Settings,
  Snapshot,
  StatsSample,
  Storage,
} from "./types";

/** Why something could not be done: a stable code, and in English words what was found. */
export class BackendError extends Error {
  constructor(
    readonly code: string,
    readonly detail: string | null = null,
  ) {
    super(detail ? `${code}: ${detail}` : code);
    this.name = "BackendError";
  }
}

/**
 * All that the UI can ask for. Each method answers when it was done, or throws a `BackendError`; what it changed
 * comes back as an event, never by the UI's own guess. Sounds are not among it: the native side plays
 * `ui/sounds/*.wav` by itself, since a webview that is hidden may sleep while the phone rings.
 */
export interface Backend {
  info(): Promise<AppInfo>;
  /** Everything as it is now. Events after this answer continue from it. */
  snapshot(): Promise<Snapshot>;
  /** Calls `listener` with each event from now on; the answer ends that. */
  subscribe(listener: (event: AppEvent) => void): Promise<() => void>;

  // Accounts.
  keyring(): Promise<KeyringStatus>;
  parseServer(address: string): Promise<ServerAddress>;
  parseLink(text: string): Promise<Invitation>;
  dismissInvitation(): Promise<void>;
  /** Both answer the account, which is shown from then on. */
  register(session: NewSession): Promise<AccountId>;
  signIn(session: NewSession): Promise<AccountId>;
  /** Tries again to continue a session, after what ended it was put right. */
  resume(account: AccountId): Promise<void>;
  signOut(account: AccountId): Promise<void>;
  /** Forgets an account here, with its cache. */
  forget(account: AccountId): Promise<void>;
  switchTo(account: AccountId): Promise<void>;
  deleteProfile(account: AccountId, password: string): Promise<void>;
  /** A lost connection is tried again at once. */
  reconnect(account: AccountId): Promise<void>;

  // The own profile.
  rename(account: AccountId, name: string): Promise<void>;
  changePassword(account: AccountId, password: string): Promise<void>;
  /** PNG, JPEG or WebP, at most 1 MiB; `null` removes the picture. */
  setPicture(account: AccountId, bytes: Uint8Array | null): Promise<void>;
  ownInvitation(account: AccountId): Promise<OwnInvitation>;
  /** Where an image element finds a profile's picture, or a picture in a conversation. */
  pictureUrl(account: AccountId, id: string): string;
  fileUrl(account: AccountId, id: string): string;

  // People and groups.
  addContact(account: AccountId, name: string): Promise<void>;
  removeContact(account: AccountId, name: string): Promise<void>;
  block(account: AccountId, name: string): Promise<void>;
  unblock(account: AccountId, name: string): Promise<void>;
  /** Who could not be added is missing among its members. */
  createGroup(account: AccountId, name: string, members: string[]): Promise<Group>;
  addToGroup(account: AccountId, group: string, name: string): Promise<void>;
  removeFromGroup(account: AccountId, group: string, name: string): Promise<void>;
  leaveGroup(account: AccountId, group: string): Promise<void>;

  // Conversations.
  conversations(account: AccountId): Promise<Conversation[]>;
  /** The conversation with a contact, also where nothing was said yet. */
  conversationWith(account: AccountId, contact: string): Promise<Conversation>;
  messages(account: AccountId, conversation: string, from: PageFrom): Promise<Page>;
  send(account: AccountId, conversation: string, message: NewMessage): Promise<void>;
  edit(account: AccountId, conversation: string, message: string, text: string): Promise<void>;
  deleteMessage(account: AccountId, conversation: string, message: string): Promise<void>;
  react(account: AccountId, conversation: string, message: string, reaction: string): Promise<void>;
  retry(account: AccountId, conversation: string, message: string): Promise<void>;
  discard(account: AccountId, conversation: string, message: string): Promise<void>;
  markRead(account: AccountId, conversation: string, sequence: number): Promise<void>;
  setTyping(account: AccountId, conversation: string, typing: boolean): Promise<void>;
  setDraft(account: AccountId, conversation: string, text: string): Promise<void>;
  search(account: AccountId, words: string, conversation: string | null): Promise<Found[]>;
  /** Lets the user pick files, in the system's own dialog. */
  pickFiles(account: AccountId): Promise<PickedFile[]>;
  /** A picture that was pasted or dropped. */
  addPicture(account: AccountId, name: string, bytes: Uint8Array): Promise<PickedFile>;
  /** Asks where to, then saves; false when the user thought better of it. */
  saveFile(account: AccountId, conversation: string, message: string, file: string): Promise<boolean>;
  /** Opens a web address in the system's browser. The UI has asked the user before. */
  openLink(url: string): Promise<void>;

  // Calls.
  callContact(account: AccountId, name: string): Promise<void>;
  callGroup(account: AccountId, group: string, people: string[]): Promise<void>;
  answer(account: AccountId): Promise<void>;
  decline(account: AccountId): Promise<void>;
  hangUp(): Promise<void>;
  dismissCall(): Promise<void>;
  /** Every second of the call so far, or of the one that is just over. */
  callStats(): Promise<StatsSample[]>;
  setMuted(muted: boolean): Promise<void>;
  setDeafened(deafened: boolean): Promise<void>;
  setTalking(talking: boolean): Promise<void>;
  setVolume(name: string, percent: number): Promise<void>;
  setSilenced(name: string, silenced: boolean): Promise<void>;
  addPeople(names: string[]): Promise<void>;
  setVerified(): Promise<void>;

  // Settings.
  changeSettings(settings: Settings): Promise<void>;
  devices(): Promise<Devices>;
  /** Whether events are to tell of devices that come and go. */
  watchDevices(watch: boolean): Promise<void>;
  /** Records two seconds and plays them back, and answers when it is over; events tell how far it is. */
  startSoundTest(): Promise<void>;
  stopSoundTest(): Promise<void>;
  playTestSound(): Promise<void>;
  storage(account: AccountId): Promise<Storage>;
  clearMedia(account: AccountId): Promise<void>;
  /** Asks where to, then writes everything; events tell how far it is. `null` when the user thought better of it. */
  exportData(account: AccountId): Promise<Export | null>;
  cancelExport(account: AccountId): Promise<void>;
  /** What helps with a fault report, without secrets and without what people wrote. */
  copyDiagnostics(): Promise<void>;
  copyText(text: string): Promise<void>;
}
