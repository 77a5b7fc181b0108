import { Channel } from "@tauri-apps/api/core";
import { type AppError, type AppEvent as ShellEvent, commands, type Settings as ShellSettings, type Snapshot as ShellSnapshot } from "$lib/bindings";
import { changed, defaults } from "$lib/stores/settings.svelte";
import { type Backend, BackendError } from "./backend";
import type { AppEvent, Settings, Snapshot } from "./types";

/** Messages of one page. */
const PAGE = 60;
const FOUND_AT_MOST = 100;

const isAppError = (error: unknown): error is AppError =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string";

/** Waits for a command; what it refuses with becomes an error with its code. */
async function ask<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (isAppError(error)) throw new BackendError(error.code, error.detail);
    throw new BackendError("internal", String(error));
  }
}

const done = async (answer: Promise<unknown>): Promise<void> => void (await ask(answer));

/** Settings with a default for whatever the shell left out. */
const complete = (settings: ShellSettings): Settings => changed(defaults, settings as Parameters<typeof changed<Settings>>[1]);
const completeSnapshot = (snapshot: ShellSnapshot): Snapshot => ({ ...snapshot, settings: complete(snapshot.settings) });

function completeEvent(event: ShellEvent): AppEvent {
  if (event.type === "settings") return { ...event, settings: complete(event.settings) };
  if (event.type === "everything") return { ...event, snapshot: completeSnapshot(event.snapshot) };
  return event;
}

function base64(bytes: Uint8Array): string {
  const PART = 0x8000;
  let text = "";
  for (let at = 0; at < bytes.length; at += PART) text += String.fromCharCode(...bytes.subarray(at, at + PART));
  return btoa(text);
}

/** The shell's commands and its event channel. */
class Shell implements Backend {
  #snapshot: Snapshot | null = null;
  #mediaRoot = "";

  async info() {
    const info = await ask(commands.appInfo());
    this.#mediaRoot = info.mediaRoot;
    return info;
  }

  async snapshot() {
    if (!this.#snapshot) throw new BackendError("internal", "no subscription");
    return this.#snapshot;
  }

  async subscribe(listener: (event: AppEvent) => void) {
    const channel = new Channel<ShellEvent>();
    let over = false;
    channel.onmessage = (event) => {
      if (!over) listener(completeEvent(event));
    };
    this.#snapshot = completeSnapshot(await ask(commands.subscribe(channel)));
    return () => {
      over = true;
    };
  }

  keyring = () => ask(commands.keyringStatus());
  parseServer = (address: string) => ask(commands.checkServer(address));
  parseLink = (text: string) => ask(commands.parseLink(text));
  dismissInvitation = () => done(commands.dismissInvitation());
  register: Backend["register"] = (session) => ask(commands.signUp(session));
  signIn: Backend["signIn"] = (session) => ask(commands.signIn(session));
  resume = (account: string) => done(commands.resumeAccount(account));
  signOut = (account: string) => done(commands.signOut(account));
  forget = (account: string) => done(commands.removeAccount(account));
  switchTo = (account: string) => done(commands.switchAccount(account));
  deleteProfile = (account: string, password: string) => done(commands.deleteProfile(account, password));
  reconnect = (account: string) => done(commands.reconnectNow(account));

  rename = (account: string, name: string) => done(commands.renameProfile(account, name));
  changePassword = (account: string, password: string) => done(commands.changePassword(account, password));
  setPicture = (account: string, bytes: Uint8Array | null) =>
    done(commands.setPicture(account, bytes === null ? null : base64(bytes)));
  ownInvitation = (account: string) => ask(commands.ownInvitation(account));
  pictureUrl = (account: string, id: string) => this.#media("picture", account, id);
  fileUrl = (account: string, id: string) => this.#media("file", account, id);

  #media(kind: string, account: string, id: string): string {
    return `${this.#mediaRoot}/${kind}/${encodeURIComponent(account)}/${encodeURIComponent(id)}`;
  }

  addContact = (account: string, name: string) => done(commands.addContact(account, name));
  removeContact = (account: string, name: string) => done(commands.removeContact(account, name));
  block = (account: string, name: string) => done(commands.block(account, name));
  unblock = (account: string, name: string) => done(commands.unblock(account, name));
  createGroup = (account: string, name: string, members: string[]) => ask(commands.createGroup(account, name, members));
  addToGroup = (account: string, group: string, name: string) => done(commands.addToGroup(account, group, name));
  removeFromGroup = (account: string, group: string, name: string) => done(commands.removeFromGroup(account, group, name));
  leaveGroup = (account: string, group: string) => done(commands.leaveGroup(account, group));

  conversations = (account: string) => ask(commands.conversations(account));
  conversationWith = (account: string, contact: string) => ask(commands.conversationWith(account, contact));
  messages: Backend["messages"] = (account, conversation, from) => ask(commands.messages(account, conversation, from, PAGE));
  send: Backend["send"] = (account, conversation, message) => done(commands.sendMessage(account, conversation, message));
  edit: Backend["edit"] = (account, conversation, message, text) => done(commands.editMessage({ account, conversation, message }, text));
  deleteMessage: Backend["deleteMessage"] = (account, conversation, message) =>
    done(commands.deleteMessage({ account, conversation, message }));
  react: Backend["react"] = (account, conversation, message, reaction) =>
    done(commands.react({ account, conversation, message }, reaction));
  retry: Backend["retry"] = (account, conversation, message) => done(commands.retryMessage({ account, conversation, message }));
  discard: Backend["discard"] = (account, conversation, message) =>
    done(commands.discardMessage({ account, conversation, message }));
  markRead: Backend["markRead"] = (account, conversation, sequence) => done(commands.markRead(account, conversation, sequence));
  setTyping: Backend["setTyping"] = (account, conversation, typing) => done(commands.setTyping(account, conversation, typing));
  setDraft: Backend["setDraft"] = (account, conversation, text) => done(commands.setDraft(account, conversation, text));
  search: Backend["search"] = (account, words, conversation) =>
    ask(commands.searchMessages(account, conversation, words, FOUND_AT_MOST));
  pickFiles = (account: string) => ask(commands.pickFiles(account));
  addPicture: Backend["addPicture"] = (account, name, bytes) => ask(commands.addPicture(account, name, base64(bytes)));
  saveFile: Backend["saveFile"] = (account, conversation, message, file) =>
    ask(commands.saveFile({ account, conversation, message }, file));
  openLink = (url: string) => done(commands.openLink(url));

  callContact = (account: string, name: string) => done(commands.placeCall(account, name));
  callGroup = (account: string, group: string, people: string[]) => done(commands.placeGroupCall(account, group, people));
  answer = (account: string) => done(commands.acceptCall(account));
  decline = (account: string) => done(commands.declineCall(account));
  hangUp = () => done(commands.hangUp());
  dismissCall = () => done(commands.dismissCall());
  callStats = () => ask(commands.callStatistics());
  setMuted = (muted: boolean) => done(commands.setMuted(muted));
  setDeafened = (deafened: boolean) => done(commands.setDeafened(deafened));
  setTalking = (talking: boolean) => done(commands.setTalking(talking));
  setVolume = (name: string, percent: number) => done(commands.setVolume(name, percent));
  setSilenced = (name: string, silenced: boolean) => done(commands.setSilenced(name, silenced));
  addPeople = (names: string[]) => done(commands.addToCall(names));
  setVerified = () => done(commands.confirmSafetyCodes());

  changeSettings = (settings: Settings) => done(commands.saveSettings(settings));
  devices = () => ask(commands.devices());
  watchDevices = (watch: boolean) => done(commands.watchDevices(watch));
  startSoundTest = () => done(commands.testSound());
  stopSoundTest = () => done(commands.stopSoundTest());
  playTestSound = () => done(commands.playTestSound());
  storage = (account: string) => ask(commands.storage(account));
  clearMedia = (account: string) => done(commands.clearMedia(account));
  exportData = (account: string) => ask(commands.exportData(account));
  cancelExport = (account: string) => done(commands.cancelExport(account));
  copyDiagnostics = async () => done(commands.copyText(await ask(commands.diagnostics())));
  copyText = (text: string) => done(commands.copyText(text));
}

export const shell = (): Backend => new Shell();
