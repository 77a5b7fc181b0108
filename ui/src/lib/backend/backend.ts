import type {
  AppEvent,
  Conversation,
  Found,
  Invitation,
  Mark,
  Page,
  PickedFile,
  Settings,
  Snapshot,
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

/** What was posted beside the text. */
export interface Outgoing {
  text: string;
  replyTo: string | null;
  files: PickedFile[];
}

/** Who is to be called. */
export type CallTarget = { kind: "contact"; name: string } | { kind: "group"; id: string; people: string[] };

/**
 * All that the UI can ask for. Each method answers when it was done, or throws a `BackendError`; what it
 * changed comes back as an event, never by the UI's own guess.
 */
export interface Backend {
  /** Everything as it is now. Events after this answer continue from it. */
  snapshot(): Promise<Snapshot>;
  /** Calls `listener` with each event from now on; the answer ends that. */
  subscribe(listener: (event: AppEvent) => void): Promise<() => void>;

  // Sessions.
  /** Whether a Cooee server answers there, before a password is typed. Gives the address in full. */
  probeServer(address: string): Promise<string>;
  parseInvitation(text: string): Promise<Invitation>;
  register(server: string, name: string, password: string, sessionOnly: boolean): Promise<void>;
  signIn(server: string, name: string, password: string, sessionOnly: boolean): Promise<void>;
  signOut(): Promise<void>;
  switchAccount(id: string): Promise<void>;
  deleteProfile(password: string): Promise<void>;
  reconnect(): Promise<void>;

  // The own profile.
  rename(name: string): Promise<void>;
  changePassword(password: string): Promise<void>;
  /** PNG, JPEG or WebP, at most 1 MiB; `null` removes the picture. */
  setPicture(bytes: Uint8Array | null): Promise<void>;
  /** An address for an image element. */
  picture(id: string): Promise<string>;
  /** The link that adds this profile together with its server. */
  invitation(): Promise<string>;

  // People and groups.
  addContact(name: string): Promise<void>;
  removeContact(name: string): Promise<void>;
  block(name: string): Promise<void>;
  unblock(name: string): Promise<void>;
  createGroup(name: string, people: string[]): Promise<string>;
  addToGroup(id: string, name: string): Promise<void>;
  removeFromGroup(id: string, name: string): Promise<void>;
  leaveGroup(id: string): Promise<void>;

  // Conversations.
  /** The conversation with a contact or of a group, also where nothing was said yet. */
  conversationWith(contact: string): Promise<Conversation>;
  /** The entries before `before`, or the newest. */
  entries(conversation: string, before: number | null, limit: number): Promise<Page>;
  marks(conversation: string): Promise<Mark[]>;
  post(conversation: string, message: Outgoing): Promise<void>;
  edit(conversation: string, id: string, text: string): Promise<void>;
  deleteEntry(conversation: string, id: string): Promise<void>;
  react(conversation: string, id: string, reaction: string): Promise<void>;
  retry(conversation: string, id: string): Promise<void>;
  discard(conversation: string, id: string): Promise<void>;
  markRead(conversation: string, sequence: number): Promise<void>;
  setTyping(conversation: string, typing: boolean): Promise<void>;
  search(words: string, conversation: string | null): Promise<Found[]>;
  /** Lets the user pick files, in the system's own dialog. */
  pickFiles(): Promise<PickedFile[]>;
  /** An address for an image element, or nothing where it is no picture. */
  attachmentImage(id: string): Promise<string>;
  /** Asks where to, then saves; false when the user thought better of it. */
  saveAttachment(id: string, name: string): Promise<boolean>;
  /** Opens a web address in the system's browser. The UI has asked the user before. */
  openLink(url: string): Promise<void>;

  // Calls.
  call(target: CallTarget): Promise<void>;
  answer(): Promise<void>;
  decline(): Promise<void>;
  hangUp(): Promise<void>;
  dismissCall(): Promise<void>;
  setMuted(muted: boolean): Promise<void>;
  setDeafened(deafened: boolean): Promise<void>;
  setTalking(talking: boolean): Promise<void>;
  setVolume(name: string, percent: number): Promise<void>;
  setSilenced(name: string, silenced: boolean): Promise<void>;
  addPeople(names: string[]): Promise<void>;
  setVerified(): Promise<void>;

  // Settings.
  changeSettings(changes: Partial<Settings>): Promise<void>;
  /** Levels come as events until it is stopped. `playBack` lets one hear oneself. */
  startMicrophoneTest(playBack: boolean): Promise<void>;
  stopMicrophoneTest(): Promise<void>;
  playTestSound(): Promise<void>;
  storage(): Promise<Storage>;
  clearCache(): Promise<void>;
  exportData(): Promise<boolean>;
  /** What helps with a fault report, without secrets and without what people wrote. */
  diagnostics(): Promise<string>;
  copyText(text: string): Promise<void>;
}

