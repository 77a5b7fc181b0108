import { BackendError } from "$lib/backend/backend";
import type { Backend } from "$lib/backend/backend";
import type { Call, Devices, Export, Settings, StatsSample, Storage } from "$lib/backend/types";
import { ScriptedMessages } from "./scripted/messages";

export { emptyWorld, type World } from "./scripted/state";

/**
 * A backend that plays a small world from memory, for tests and for looking at every state in a browser. It answers
 * as the shell does: what is done comes back as an event. It is not part of the app.
 */
export class ScriptedBackend extends ScriptedMessages implements Backend {
  // Calls.

  /** Changes the call and tells so. */
  setCall(changes: Partial<Call> | null): void {
    this.world.call = changes === null || this.world.call === null ? null : { ...this.world.call, ...changes };
    this.emit({ type: "call", call: this.world.call });
  }

  #place(people: string[], conversation: string | null, group: boolean, outgoing: boolean): void {
    this.world.call = {
      id: this.next++,
      account: this.active(),
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
      sound: { microphone: { name: null, missing: false }, loudspeaker: { name: null, missing: false } },
      ended: null,
    };
    this.emit({ type: "call", call: this.world.call });
  }

  async callContact(_account: string, name: string): Promise<void> {
    await this.does("callContact", name);
    this.#place([name], `pair-${name}`, false, true);
  }

  async callGroup(_account: string, group: string, people: string[]): Promise<void> {
    await this.does("callGroup", group, people);
    const members = this.world.groups.find((one) => one.id === group)?.members.filter((one) => one !== this.me()) ?? [];
    this.#place(people.length > 0 ? people : members, group, true, true);
  }

  async answer(account: string): Promise<void> {
    await this.does("answer", account);
    const ring = this.world.incoming.find((one) => one.account === account);
    if (!ring) throw new BackendError("no_call");
    this.world.incoming = this.world.incoming.filter((one) => one !== ring);
    this.emit({ type: "incoming", incoming: this.world.incoming });
    this.#place([ring.from], ring.conversation, ring.group, false);
  }

  async decline(account: string): Promise<void> {
    await this.does("decline", account);
    this.world.incoming = this.world.incoming.filter((one) => one.account !== account);
    this.emit({ type: "incoming", incoming: this.world.incoming });
  }

  async hangUp(): Promise<void> {
    await this.does("hangUp");
    this.setCall({ phase: "ended", ended: { reason: "hung_up", detail: null, at: Date.now() } });
  }

  async dismissCall(): Promise<void> {
    await this.does("dismissCall");
    this.setCall(null);
  }

  async callStats(): Promise<StatsSample[]> {
    await this.does("callStats");
    return structuredClone(this.world.stats);
  }

  async setMuted(muted: boolean): Promise<void> {
    await this.does("setMuted", muted);
    this.setCall({ muted });
  }

  async setDeafened(deafened: boolean): Promise<void> {
    await this.does("setDeafened", deafened);
    this.setCall({ deafened });
  }

  async setTalking(talking: boolean): Promise<void> {
    await this.does("setTalking", talking);
    this.setCall({ talking });
  }

  #participant(name: string, changes: Partial<Call["participants"][number]>): void {
    this.setCall({
      participants: this.world.call?.participants.map((one) => (one.name === name ? { ...one, ...changes } : one)) ?? [],
    });
  }

  async setVolume(name: string, percent: number): Promise<void> {
    await this.does("setVolume", name, percent);
    this.#participant(name, { volume: percent });
  }

  async setSilenced(name: string, silenced: boolean): Promise<void> {
    await this.does("setSilenced", name, silenced);
    this.#participant(name, { silenced });
  }

  async addPeople(names: string[]): Promise<void> {
    await this.does("addPeople", names);
  }

  async setVerified(): Promise<void> {
    await this.does("setVerified");
    this.setCall({ verified: true });
  }

  // Settings.

  async changeSettings(settings: Settings): Promise<void> {
    await this.does("changeSettings", settings);
    this.world.settings = settings;
    this.emit({ type: "settings", settings });
  }

  async devices(): Promise<Devices> {
    await this.does("devices");
    return structuredClone(this.world.devices);
  }

  async watchDevices(watch: boolean): Promise<void> {
    await this.does("watchDevices", watch);
  }

  async startSoundTest(): Promise<void> {
    await this.does("startSoundTest");
    this.emit({ type: "sound_test", test: { stage: "recording", level: 0.2, progress: 0.3, silent: false } });
  }

  async stopSoundTest(): Promise<void> {
    await this.does("stopSoundTest");
    this.emit({ type: "sound_test", test: { stage: "done", level: 0, progress: 1, silent: false } });
  }

  async playTestSound(): Promise<void> {
    await this.does("playTestSound");
  }

  async storage(): Promise<Storage> {
    await this.does("storage");
    return { cache: 18_400_000, media: 264_000_000, log: 1_200_000 };
  }

  async clearMedia(): Promise<void> {
    await this.does("clearMedia");
  }

  async exportData(): Promise<Export | null> {
    await this.does("exportData");
    return { messages: 1204, conversations: 9, allConversations: 9, files: 31, allFiles: 31, missingFiles: 0, incomplete: 0 };
  }

  async cancelExport(account: string): Promise<void> {
    await this.does("cancelExport", account);
  }

  async copyDiagnostics(): Promise<void> {
    await this.does("copyDiagnostics");
  }

  async copyText(text: string): Promise<void> {
    await this.does("copyText", text);
  }
}
