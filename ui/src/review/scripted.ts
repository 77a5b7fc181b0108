import { BackendError, type Backend } from "$lib/backend/backend";
import type {
  Account,
  AppEvent,
  AppInfo,
  Call,
  Contact,
  Conversation,
  Devices,
  Found,
  Group,
  IncomingCall,
  Invitation,
  KeyringStatus,
  Message,
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
} from "$lib/backend/types";
import { folded } from "$lib/stores/people.svelte";
import { defaults } from "$lib/stores/settings.svelte";

const PAGE = 60;

/** What the scripted backend begins with. */
export interface World {
  info: AppInfo;
  accounts: Account[];
  active: string | null;
  contacts: Contact[];
  groups: Group[];
  blocked: string[];
  conversations: Conversation[];
  messages: Map<string, Message[]>;
  typing: Map<string, string[]>;
  incoming: IncomingCall[];
  call: Call | null;
  stats: StatsSample[];
  devices: Devices;
  settings: Settings;
  keyring: KeyringStatus;
  invitation: Invitation | null;
  pictures: Map<string, string>;
  /** Methods that fail, and with what code. */
  faults: Map<string, string>;
  /** Methods that never answer. */
  stuck: Set<string>;
}

export const emptyWorld = (): World => ({
  info: { version: "0.1.0", system: "linux", locale: "en-GB", mediaRoot: "", dataFolder: "/home/ada/.local/share/cooee", tray: true, globalKeys: true, autostart: true },
  accounts: [],
  active: null,
  contacts: [],
  groups: [],
  blocked: [],
  conversations: [],
  messages: new Map(),
  typing: new Map(),
  incoming: [],
  call: null,
  stats: [],
  devices: { microphones: [], loudspeakers: [] },
  settings: structuredClone(defaults),
  keyring: { available: true, problem: null },
  invitation: null,
  pictures: new Map(),
  faults: new Map(),
  stuck: new Set(),
});

/**
 * A backend that plays a small world from memory, for tests and for looking at every state in a browser. It answers
 * as the shell does: what is done comes back as an event. It is not part of the app.
 */
export class ScriptedBackend implements Backend {
  /** What was asked for, in order, by tests. */
  readonly asked: { method: string; args: unknown[] }[] = [];
  readonly #listeners = new Set<(event: AppEvent) => void>();
  #next = 1;

  constructor(readonly world: World) {}

  emit(event: AppEvent): void {
    for (const listener of this.#listeners) listener(structuredClone(event));
  }

  async #does(method: string, ...args: unknown[]): Promise<void> {
    this.asked.push({ method, args });
    if (this.world.stuck.has(method)) await new Promise(() => {});
    const fault = this.world.faults.get(method);
    if (fault) throw new BackendError(fault, "scripted");
  }

  async info(): Promise<AppInfo> {
    await this.#does("info");
    return { ...this.world.info };
  }

  async snapshot(): Promise<Snapshot> {
    await this.#does("snapshot");
    return structuredClone(this.#snapshot());
  }

  #snapshot(): Snapshot {
    const { accounts, active, contacts, groups, blocked, incoming, call, settings, invitation } = this.world;
    const rosters = active === null ? [] : [{ account: active, roster: { contacts, groups, blocked } }];
    return { accounts, active, rosters, incoming, call, settings, invitation };
  }

  async subscribe(listener: (event: AppEvent) => void): Promise<() => void> {
    await this.#does("subscribe");
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What a running call and whoever types tell once somebody listens. */
  replay(): void {
    const { call, typing, active } = this.world;
    if (call && call.phase !== "ended") this.emit({ type: "levels", levels: { input: call.muted ? 0 : 0.14, output: 0.2 } });
    if (active !== null) {
      for (const [conversation, names] of typing) this.emit({ type: "typing", account: active, conversation, names });
    }
  }

  // Accounts.

  async keyring(): Promise<KeyringStatus> {
    await this.#does("keyring");
    return this.world.keyring;
  }

  async parseServer(address: string): Promise<ServerAddress> {
    await this.#does("parseServer", address);
    if (!/^[\w.:/-]+$/.test(address) || !address.includes(".")) throw new BackendError("address_malformed");
    const serverName = address.replace(/^\w+:\/\//, "");
    const plaintext = address.startsWith("ws://");
    return { server: `${plaintext ? "ws" : "wss"}://${serverName}`, serverName, plaintext };
  }

  async parseLink(text: string): Promise<Invitation> {
    await this.#does("parseLink", text);
    const match = /^cooee:\/\/([\w.:-]+)(?:\/add\/([^/?#]+))?$/.exec(text);
    if (!match?.[1]) throw new BackendError("link_invalid");
    return { server: `wss://${match[1]}`, serverName: match[1], plaintext: false, name: match[2] ? decodeURIComponent(match[2]) : null };
  }

  async dismissInvitation(): Promise<void> {
    await this.#does("dismissInvitation");
    this.world.invitation = null;
    this.emit({ type: "invitation", invitation: null });
  }

  async register(session: NewSession): Promise<void> {
    await this.#does("register", session);
    if (session.password.length < 8) throw new BackendError("password_invalid");
    this.#signedIn(session);
  }

  async signIn(session: NewSession): Promise<void> {
    await this.#does("signIn", session);
    this.#signedIn(session);
  }

  #signedIn(session: NewSession): void {
    const id = `${session.name}@${session.server}`;
    const account: Account = {
      id,
      server: session.server,
      serverName: session.server.replace(/^\w+:\/\//, ""),
      plaintext: false,
      profile: { name: session.name, picture: null },
      keep: session.keep,
      session: { state: "online", attempt: 0, retryAt: null, ended: null },
    };
    this.world.accounts = [...this.world.accounts.filter((one) => one.id !== id), account];
    this.world.active = id;
    this.#accountsChanged();
    this.emit({ type: "roster", account: id, roster: { contacts: this.world.contacts, groups: this.world.groups, blocked: this.world.blocked } });
  }

  #accountsChanged(): void {
    this.emit({ type: "accounts", accounts: this.world.accounts, active: this.world.active });
  }

  async resume(account: string): Promise<void> {
    await this.#does("resume", account);
  }

  async signOut(account: string): Promise<void> {
    await this.#does("signOut", account);
    this.world.accounts = this.world.accounts.filter((one) => one.id !== account);
    this.world.active = this.world.accounts[0]?.id ?? null;
    this.#accountsChanged();
  }

  async forget(account: string): Promise<void> {
    await this.signOut(account);
  }

  async switchTo(account: string): Promise<void> {
    await this.#does("switchTo", account);
    this.world.active = account;
    this.#accountsChanged();
  }

  async deleteProfile(account: string, password: string): Promise<void> {
    await this.#does("deleteProfile", account, password);
    await this.signOut(account);
  }

  async reconnect(account: string): Promise<void> {
    await this.#does("reconnect", account);
  }

  // The own profile.

  #amend(profile: Partial<Account["profile"]>): void {
    this.world.accounts = this.world.accounts.map((one) =>
      one.id === this.world.active ? { ...one, profile: { ...one.profile, ...profile } } : one,
    );
    this.#accountsChanged();
  }

  async rename(_account: string, name: string): Promise<void> {
    await this.#does("rename", name);
    if (/\s/.test(name)) throw new BackendError("name_invalid");
    this.#amend({ name });
  }

  async changePassword(_account: string, password: string): Promise<void> {
    await this.#does("changePassword");
    if (password.length < 8) throw new BackendError("password_invalid");
  }

  async setPicture(_account: string, bytes: Uint8Array | null): Promise<void> {
    await this.#does("setPicture", bytes?.length ?? null);
    if (bytes === null) {
      this.#amend({ picture: null });
      return;
    }
    const id = `own-${this.#next++}`;
    this.world.pictures.set(id, URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type: "image/jpeg" })));
    this.#amend({ picture: id });
  }

  async ownInvitation(): Promise<OwnInvitation> {
    await this.#does("ownInvitation");
    const account = this.world.accounts.find((one) => one.id === this.world.active);
    // Any pattern will do for looking at; the shell makes real ones.
    const qr = Array.from({ length: 29 }, (_, y) =>
      Array.from({ length: 29 }, (_, x) => {
        const finder = (left: number, top: number): boolean | null => {
          const dx = x - left;
          const dy = y - top;
          if (dx < 0 || dy < 0 || dx > 6 || dy > 6) return null;
          const ring = Math.max(Math.abs(dx - 3), Math.abs(dy - 3));
          return ring !== 2;
        };
        const dark = finder(0, 0) ?? finder(22, 0) ?? finder(0, 22) ?? (x * 7 + y * 13 + x * y * 3) % 5 < 2;
        return dark ? "1" : "0";
      }).join(""),
    );
    return { link: `cooee://${account?.serverName ?? ""}/add/${account?.profile.name ?? ""}`, qr };
  }

  pictureUrl(_account: string, id: string): string {
    return this.world.pictures.get(id) ?? "";
  }

  fileUrl(_account: string, id: string): string {
    return this.world.pictures.get(id) ?? "";
  }

  // People and groups.

  #contact(contact: Contact): void {
    this.world.contacts = [...this.world.contacts.filter((one) => one.name !== contact.name), contact];
    this.emit({ type: "contact", account: this.#active(), contact, previous: null });
  }

  #active(): string {
    return this.world.active ?? "";
  }

  async addContact(_account: string, name: string): Promise<void> {
    await this.#does("addContact", name);
    const known = this.world.contacts.find((one) => one.name === name);
    if (known && known.presence !== "requested") throw new BackendError("already_contact");
    if (!known && name === "nobody") throw new BackendError("not_added");
    this.#contact({ name, picture: known?.picture ?? null, presence: known ? "online" : "pending" });
  }

  async removeContact(_account: string, name: string): Promise<void> {
    await this.#does("removeContact", name);
    this.world.contacts = this.world.contacts.filter((one) => one.name !== name);
    this.emit({ type: "contact_removed", account: this.#active(), name });
  }

  async block(_account: string, name: string): Promise<void> {
    await this.#does("block", name);
    this.world.blocked = [...this.world.blocked, name];
    this.emit({ type: "blocked", account: this.#active(), names: this.world.blocked });
  }

  async unblock(_account: string, name: string): Promise<void> {
    await this.#does("unblock", name);
    this.world.blocked = this.world.blocked.filter((one) => one !== name);
    this.emit({ type: "blocked", account: this.#active(), names: this.world.blocked });
  }

  #group(group: Group): void {
    this.world.groups = [...this.world.groups.filter((one) => one.id !== group.id), group];
    this.emit({ type: "group", account: this.#active(), group });
  }

  #me(): string {
    return this.world.accounts.find((one) => one.id === this.world.active)?.profile.name ?? "";
  }

  async createGroup(_account: string, name: string, members: string[]): Promise<Group> {
    await this.#does("createGroup", name, members);
    const group: Group = { id: `group-${this.#next++}`, name, members: [this.#me(), ...members], creator: this.#me(), changed: "2026-11-30T09:00:00Z" };
    this.#group(group);
    return group;
  }

  async addToGroup(_account: string, group: string, name: string): Promise<void> {
    await this.#does("addToGroup", group, name);
    const known = this.world.groups.find((one) => one.id === group);
    if (known) this.#group({ ...known, members: [...known.members, name] });
  }

  async removeFromGroup(_account: string, group: string, name: string): Promise<void> {
    await this.#does("removeFromGroup", group, name);
    const known = this.world.groups.find((one) => one.id === group);
    if (known) this.#group({ ...known, members: known.members.filter((one) => one !== name) });
  }

  async leaveGroup(_account: string, group: string): Promise<void> {
    await this.#does("leaveGroup", group);
    this.world.groups = this.world.groups.filter((one) => one.id !== group);
    this.emit({ type: "group_removed", account: this.#active(), group });
  }

  // Conversations.

  async conversations(): Promise<Conversation[]> {
    await this.#does("conversations");
    return structuredClone(this.world.conversations);
  }

  async conversationWith(_account: string, contact: string): Promise<Conversation> {
    await this.#does("conversationWith", contact);
    const known = this.world.conversations.find((one) => one.with === contact);
    if (known) return structuredClone(known);
    const conversation: Conversation = { id: `pair-${contact}`, with: contact, last: null, unread: 0, read: 0, marks: [], draft: "" };
    this.world.conversations = [...this.world.conversations, conversation];
    return structuredClone(conversation);
  }

  #list(conversation: string): Message[] {
    return this.world.messages.get(conversation) ?? [];
  }

  async messages(_account: string, conversation: string, from: PageFrom): Promise<Page> {
    await this.#does("messages", conversation, from);
    const all = this.#list(conversation);
    const place = (sequence: number): number => {
      const index = all.findIndex((one) => one.sequence === null || one.sequence >= sequence);
      return index < 0 ? all.length : index;
    };
    let end = all.length;
    if (from !== "newest") {
      if (from.before !== undefined) end = place(from.before);
      else if (from.after !== undefined) end = Math.min(all.length, place(from.after + 1) + PAGE);
      else end = Math.min(all.length, place(from.around) + PAGE / 2);
    }
    const first = Math.max(0, end - PAGE);
    return structuredClone({ messages: all.slice(first, end), earlier: first > 0, later: end < all.length });
  }

  #change(conversation: string, messages: Message[], removed: string[] = []): void {
    let all = this.#list(conversation).filter((one) => !removed.includes(one.id));
    for (const message of messages) {
      const index = all.findIndex((one) => one.id === message.id);
      all = index < 0 ? [...all, message] : all.with(index, message);
    }
    this.world.messages.set(conversation, all);
    this.emit({ type: "messages", account: this.#active(), conversation, messages, removed });
    const last = all.at(-1) ?? null;
    const known = this.world.conversations.find((one) => one.id === conversation);
    if (!known) return;
    const changed = { ...known, last };
    this.world.conversations = this.world.conversations.map((one) => (one.id === conversation ? changed : one));
    this.emit({ type: "conversation", account: this.#active(), conversation: changed });
  }

  /** The next place in a conversation. */
  place(conversation: string): number {
    return Math.max(0, ...this.#list(conversation).map((one) => one.sequence ?? 0)) + 1;
  }

  /** Somebody else writes. */
  receive(conversation: string, message: Message): void {
    this.#change(conversation, [message]);
  }

  #find(conversation: string, id: string): Message {
    const message = this.#list(conversation).find((one) => one.id === id);
    if (!message) throw new BackendError("no_target");
    return message;
  }

  async send(_account: string, conversation: string, message: NewMessage): Promise<void> {
    await this.#does("send", conversation, message);
    const target = this.#list(conversation).find((one) => one.id === message.replyTo);
    const waiting: Message = {
      id: `sent-${this.#next++}`,
      sequence: null,
      author: this.#me(),
      own: true,
      at: Date.now(),
      text: message.text,
      files: message.files.map((token) => ({ id: token, name: `${token}.pdf`, mediaType: "application/pdf", size: 48213, width: null, height: null, thumbnail: null })),
      call: null,
      replyTo: target ? { id: target.id, author: target.author, text: target.text } : null,
      editedAt: null,
      deleted: false,
      reactions: [],
      state: "sending",
      failure: null,
    };
    this.#change(conversation, [waiting]);
    const account = this.world.accounts.find((one) => one.id === this.world.active);
    if (account?.session.state === "online") this.#change(conversation, [{ ...waiting, sequence: this.place(conversation), state: "sent" }]);
  }

  async edit(_account: string, conversation: string, id: string, text: string): Promise<void> {
    await this.#does("edit", conversation, id, text);
    this.#change(conversation, [{ ...this.#find(conversation, id), text, editedAt: Date.now() }]);
  }

  async deleteMessage(_account: string, conversation: string, id: string): Promise<void> {
    await this.#does("deleteMessage", conversation, id);
    this.#change(conversation, [{ ...this.#find(conversation, id), text: "", files: [], reactions: [], deleted: true }]);
  }

  async react(_account: string, conversation: string, id: string, reaction: string): Promise<void> {
    await this.#does("react", conversation, id, reaction);
    const message = this.#find(conversation, id);
    const others = message.reactions.filter((one) => one.name !== this.#me());
    this.#change(conversation, [{ ...message, reactions: reaction ? [...others, { name: this.#me(), text: reaction }] : others }]);
  }

  async retry(_account: string, conversation: string, id: string): Promise<void> {
    await this.#does("retry", conversation, id);
    this.#change(conversation, [{ ...this.#find(conversation, id), state: "sent", failure: null, sequence: this.place(conversation) }]);
  }

  async discard(_account: string, conversation: string, id: string): Promise<void> {
    await this.#does("discard", conversation, id);
    this.#change(conversation, [], [id]);
  }

  async markRead(_account: string, conversation: string, sequence: number): Promise<void> {
    await this.#does("markRead", conversation, sequence);
    const known = this.world.conversations.find((one) => one.id === conversation);
    if (!known) return;
    const changed = { ...known, unread: 0, read: sequence };
    this.world.conversations = this.world.conversations.map((one) => (one.id === conversation ? changed : one));
    this.emit({ type: "conversation", account: this.#active(), conversation: changed });
  }

  async setTyping(_account: string, conversation: string, typing: boolean): Promise<void> {
    await this.#does("setTyping", conversation, typing);
  }

  async setDraft(_account: string, conversation: string, text: string): Promise<void> {
    await this.#does("setDraft", conversation, text);
  }

  async search(_account: string, words: string, conversation: string | null): Promise<Found[]> {
    await this.#does("search", words, conversation);
    const wanted = folded(words);
    const found: Found[] = [];
    for (const [id, messages] of this.world.messages) {
      if (conversation !== null && conversation !== id) continue;
      for (const message of messages) if (folded(message.text).includes(wanted)) found.push({ conversation: id, message });
    }
    return structuredClone(found.sort((a, b) => b.message.at - a.message.at).slice(0, 100));
  }

  async pickFiles(): Promise<PickedFile[]> {
    await this.#does("pickFiles");
    return [{ token: `picked-${this.#next++}`, name: "timetable.pdf", size: 48213, mediaType: "application/pdf" }];
  }

  async addPicture(_account: string, name: string, bytes: Uint8Array): Promise<PickedFile> {
    await this.#does("addPicture", name, bytes.length);
    return { token: `pasted-${this.#next++}`, name, size: bytes.length, mediaType: "image/png" };
  }

  async saveFile(_account: string, _conversation: string, _message: string, file: string): Promise<boolean> {
    await this.#does("saveFile", file);
    return true;
  }

  async openLink(url: string): Promise<void> {
    await this.#does("openLink", url);
  }

  // Calls.

  /** Changes the call and tells so. */
  setCall(changes: Partial<Call> | null): void {
    this.world.call = changes === null || this.world.call === null ? null : { ...this.world.call, ...changes };
    this.emit({ type: "call", call: this.world.call });
  }

  #place(people: string[], conversation: string | null, group: boolean, outgoing: boolean): void {
    this.world.call = {
      id: this.#next++,
      account: this.#active(),
      conversation,
      group,
      with: people,
      outgoing,
      phase: outgoing ? "ringing_out" : "connecting",
      since: Date.now(),
      connectedAt: null,
      participants: people.map((name) => ({
        name,
        state: outgoing ? ("ringing" as const) : ("connecting" as const),
        route: null,
        safetyCode: null,
        speaking: false,
        silenced: false,
        volume: 100,
        quality: null,
        trouble: null,
      })),
      muted: false,
      deafened: false,
      sendMode: this.world.settings.sound.sendMode,
      talking: false,
      speaking: false,
      verified: false,
      sound: { microphone: false, loudspeaker: false },
      ended: null,
    };
    this.emit({ type: "call", call: this.world.call });
  }

  async callContact(_account: string, name: string): Promise<void> {
    await this.#does("callContact", name);
    this.#place([name], `pair-${name}`, false, true);
  }

  async callGroup(_account: string, group: string, people: string[]): Promise<void> {
    await this.#does("callGroup", group, people);
    const members = this.world.groups.find((one) => one.id === group)?.members.filter((one) => one !== this.#me()) ?? [];
    this.#place(people.length > 0 ? people : members, group, true, true);
  }

  async answer(account: string): Promise<void> {
    await this.#does("answer", account);
    const ring = this.world.incoming.find((one) => one.account === account);
    if (!ring) throw new BackendError("no_call");
    this.world.incoming = this.world.incoming.filter((one) => one !== ring);
    this.emit({ type: "incoming", incoming: this.world.incoming });
    this.#place([ring.from], ring.conversation, ring.group, false);
  }

  async decline(account: string): Promise<void> {
    await this.#does("decline", account);
    this.world.incoming = this.world.incoming.filter((one) => one.account !== account);
    this.emit({ type: "incoming", incoming: this.world.incoming });
  }

  async hangUp(): Promise<void> {
    await this.#does("hangUp");
    this.setCall({ phase: "ended", ended: { reason: "hung_up", detail: null, at: Date.now() } });
  }

  async dismissCall(): Promise<void> {
    await this.#does("dismissCall");
    this.setCall(null);
  }

  async callStats(): Promise<StatsSample[]> {
    await this.#does("callStats");
    return structuredClone(this.world.stats);
  }

  async setMuted(muted: boolean): Promise<void> {
    await this.#does("setMuted", muted);
    this.setCall({ muted });
  }

  async setDeafened(deafened: boolean): Promise<void> {
    await this.#does("setDeafened", deafened);
    this.setCall({ deafened });
  }

  async setTalking(talking: boolean): Promise<void> {
    await this.#does("setTalking", talking);
    this.setCall({ talking });
  }

  #participant(name: string, changes: Partial<Call["participants"][number]>): void {
    this.setCall({
      participants: this.world.call?.participants.map((one) => (one.name === name ? { ...one, ...changes } : one)) ?? [],
    });
  }

  async setVolume(name: string, percent: number): Promise<void> {
    await this.#does("setVolume", name, percent);
    this.#participant(name, { volume: percent });
  }

  async setSilenced(name: string, silenced: boolean): Promise<void> {
    await this.#does("setSilenced", name, silenced);
    this.#participant(name, { silenced });
  }

  async addPeople(names: string[]): Promise<void> {
    await this.#does("addPeople", names);
  }

  async setVerified(): Promise<void> {
    await this.#does("setVerified");
    this.setCall({ verified: true });
  }

  // Settings.

  async changeSettings(settings: Settings): Promise<void> {
    await this.#does("changeSettings", settings);
    this.world.settings = settings;
    this.emit({ type: "settings", settings });
  }

  async devices(): Promise<Devices> {
    await this.#does("devices");
    return structuredClone(this.world.devices);
  }

  async startSoundTest(): Promise<void> {
    await this.#does("startSoundTest");
    this.emit({ type: "sound_test", test: { stage: "recording", level: 0.2, progress: 0.3 } });
  }

  async stopSoundTest(): Promise<void> {
    await this.#does("stopSoundTest");
    this.emit({ type: "sound_test", test: { stage: "done", level: 0, progress: 1 } });
  }

  async playTestSound(): Promise<void> {
    await this.#does("playTestSound");
  }

  async storage(): Promise<Storage> {
    await this.#does("storage");
    return { cache: 18_400_000, media: 264_000_000, log: 1_200_000 };
  }

  async clearMedia(): Promise<void> {
    await this.#does("clearMedia");
  }

  async exportData(): Promise<boolean> {
    await this.#does("exportData");
    return true;
  }

  async copyDiagnostics(): Promise<void> {
    await this.#does("copyDiagnostics");
  }

  async copyText(text: string): Promise<void> {
    await this.#does("copyText", text);
  }
}
