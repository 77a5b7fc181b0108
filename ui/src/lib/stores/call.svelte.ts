import type { AppEvent, Call, IncomingCall, Levels, StatsSample } from "$lib/backend/types";
import { deviceWords } from "$lib/words/devices";
import { backend } from "./backend";
import { notices } from "./notices.svelte";

/** Seconds of figures that the detail sheet plots. */
export const PLOTTED = 120;

const SILENT: Levels = { input: 0, output: 0 };

/** What rings here, the one call there can be, and how it sounds. */
class CallStore {
  incoming: readonly IncomingCall[] = $state.raw([]);
  current: Call | null = $state.raw(null);
  levels: Levels = $state.raw(SILENT);
  stats: readonly StatsSample[] = $state.raw([]);
  /** Whether the call's own screen is shown, or the app with a bar above it. */
  shown = $state(false);

  readonly active: boolean = $derived(this.current !== null && this.current.phase !== "ended");

  reset(incoming: readonly IncomingCall[], call: Call | null): void {
    this.incoming = incoming;
    this.#take(call);
    if (call !== null) void this.#recall(call.id);
  }

  /** Figures from before this page knew of the call. */
  async #recall(id: number): Promise<void> {
    try {
      const samples = await backend().callStats();
      if (this.current?.id === id) this.stats = samples.slice(-PLOTTED);
    } catch {
      // Those of the coming seconds will do.
    }
  }

  handle(event: AppEvent): void {
    switch (event.type) {
      case "incoming":
        this.incoming = event.incoming;
        break;
      case "call":
        this.#take(event.call);
        break;
      case "call_device":
        notices.show(deviceWords(event.kind, event.change, event.device), event.change === "missing" || event.change === "refused" ? "bad" : "plain");
        break;
      case "levels":
        this.levels = event.levels;
        break;
      case "stats":
        this.stats = [...this.stats.slice(1 - PLOTTED), event.sample];
        break;
    }
  }

  /** Takes the ended call from the screen. */
  async dismiss(): Promise<void> {
    this.shown = false;
    await backend().dismissCall();
  }

  toggleMuted(): Promise<void> {
    return backend().setMuted(!(this.current?.muted ?? false));
  }

  toggleDeafened(): Promise<void> {
    return backend().setDeafened(!(this.current?.deafened ?? false));
  }

  #take(call: Call | null): void {
    const before = this.current;
    this.current = call;
    if (call === null) {
      this.shown = false;
    } else if (before?.id !== call.id) {
      // A call that was placed or accepted comes up; later it stays where the user put it.
      this.shown = call.phase !== "ended";
      this.stats = [];
      this.levels = SILENT;
    }
    if (call?.phase === "ended") this.levels = SILENT;
  }
}

export const call = new CallStore();
