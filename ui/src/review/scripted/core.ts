import { BackendError } from "$lib/backend/backend";
import type { AppEvent, AppInfo, Snapshot } from "$lib/backend/types";
import type { World } from "./state";

/** What every part of the scripted backend needs: its world, its listeners, its faults. */
export abstract class ScriptedCore {
  /** What was asked for, in order, by tests. */
  readonly asked: { method: string; args: unknown[] }[] = [];
  readonly #listeners = new Set<(event: AppEvent) => void>();
  protected next = 1;

  constructor(readonly world: World) {}

  emit(event: AppEvent): void {
    for (const listener of this.#listeners) listener(structuredClone(event));
  }

  protected async does(method: string, ...args: unknown[]): Promise<void> {
    this.asked.push({ method, args });
    if (this.world.stuck.has(method)) await new Promise(() => {});
    const fault = this.world.faults.get(method);
    if (fault) throw new BackendError(fault, "scripted");
  }

  async info(): Promise<AppInfo> {
    await this.does("info");
    return { ...this.world.info };
  }

  async snapshot(): Promise<Snapshot> {
    await this.does("snapshot");
    return structuredClone(this.#snapshot());
  }

  #snapshot(): Snapshot {
    const { accounts, active, contacts, groups, blocked, incoming, call, settings, invitation } = this.world;
    const rosters = active === null ? [] : [{ account: active, roster: { contacts, groups, blocked } }];
    return { accounts, active, rosters, incoming, call, settings, invitation };
  }

  async subscribe(listener: (event: AppEvent) => void): Promise<() => void> {
    await this.does("subscribe");
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

  protected active(): string {
    return this.world.active ?? "";
  }

  protected me(): string {
    return this.world.accounts.find((one) => one.id === this.world.active)?.profile.name ?? "";
  }
}
