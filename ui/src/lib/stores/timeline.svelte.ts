import { tick } from "svelte";
import type { AccountId, Message } from "$lib/backend/types";
import { backend } from "./backend";

/** Messages held at most: reading far back drops the far end, to be asked for again. */
export const HELD = 1200;

/**
 * The part of a conversation that is on the screen: a run of messages, which grows by a page at either end.
 *
 * What waits to be sent has no sequence yet and stands behind everything else.
 */
export class Timeline {
  messages: readonly Message[] = $state.raw([]);
  state: "loading" | "ready" | "failed" = $state("loading");
  /** Whether there is more before, or after, what is held. */
  earlier = $state(false);
  later = $state(false);
  loadingEarlier = $state(false);
  loadingLater = $state(false);
  /** Whether the list last changed at its top, so that it can keep its place. */
  grewAtTop = $state(false);
  /** Which opening this is: answers to an earlier one are too late. */
  #turn = 0;

  constructor(
    readonly account: AccountId,
    readonly id: string,
  ) {}

  /** Shows the newest messages. */
  open(): Promise<void> {
    return this.#show("newest");
  }

  /** Shows the messages around one, such as a search has found. */
  async showAround(sequence: number): Promise<void> {
    if (this.messages.some((message) => message.sequence === sequence)) return;
    await this.#show({ around: sequence });
  }

  async loadEarlier(): Promise<void> {
    const first = this.#first();
    if (this.loadingEarlier || !this.earlier || first === null) return;
    const turn = this.#turn;
    this.loadingEarlier = true;
    try {
      const page = await backend().messages(this.account, this.id, { before: first });
      if (turn !== this.#turn) return;
      const older = page.messages.filter((message) => message.sequence !== null && message.sequence < first);
      this.grewAtTop = true;
      this.messages = [...older, ...this.messages];
      this.earlier = page.earlier && older.length > 0;
      // At one end after the other: a list can keep its place only over one change at a time.
      await tick();
      if (turn === this.#turn && this.messages.length > HELD) {
        this.later = true;
        this.grewAtTop = false;
        this.messages = this.messages.slice(0, HELD);
      }
    } catch {
      // It is asked for again when one scrolls there again.
    } finally {
      if (turn === this.#turn) this.loadingEarlier = false;
    }
  }

  async loadLater(): Promise<void> {
    const last = this.lastSequence();
    if (this.loadingLater || !this.later || last === 0) return;
    const turn = this.#turn;
    this.loadingLater = true;
    try {
      const page = await backend().messages(this.account, this.id, { after: last });
      if (turn !== this.#turn) return;
      const newer = page.messages.filter((message) => message.sequence === null || message.sequence > last);
      this.grewAtTop = false;
      this.messages = sorted([...this.messages, ...newer]);
      this.later = page.later && newer.length > 0;
      await tick();
      if (turn === this.#turn && this.messages.length > HELD) {
        this.earlier = true;
        this.grewAtTop = true;
        this.messages = this.messages.slice(-HELD);
      }
    } catch {
      // As above.
    } finally {
      if (turn === this.#turn) this.loadingLater = false;
    }
  }

  /** Takes in what has come, changed or gone. */
  apply(changes: readonly Message[], removed: readonly string[]): void {
    if (this.state !== "ready") return;
    const byId = new Map(changes.map((message) => [message.id, message]));
    const gone = new Set(removed);
    const first = this.#first();
    const last = this.lastSequence();
    let moved = false;
    const next: Message[] = [];
    for (const message of this.messages) {
      if (gone.has(message.id)) continue;
      const now = byId.get(message.id);
      byId.delete(message.id);
      moved ||= now !== undefined && now.sequence !== message.sequence;
      next.push(now ?? message);
    }
    for (const message of byId.values()) {
      if (gone.has(message.id)) continue;
      // A change to something that lies beyond either end of what is held.
      if (this.later && (message.sequence === null || message.sequence > last)) continue;
      if (this.earlier && message.sequence !== null && first !== null && message.sequence < first) continue;
      next.push(message);
      moved = true;
    }
    this.grewAtTop = false;
    this.messages = moved ? sorted(next) : next;
  }

  /** The highest sequence that is held; 0 for none. */
  lastSequence(): number {
    return this.messages.findLast((message) => message.sequence !== null)?.sequence ?? 0;
  }

  async #show(from: "newest" | { around: number }): Promise<void> {
    const turn = ++this.#turn;
    this.loadingEarlier = false;
    this.loadingLater = false;
    if (this.state === "failed") this.state = "loading";
    try {
      const page = await backend().messages(this.account, this.id, from);
      if (turn !== this.#turn) return;
      this.grewAtTop = false;
      this.messages = sorted(page.messages);
      this.earlier = page.earlier;
      this.later = page.later;
      this.state = "ready";
    } catch {
      // What was shown stays; only where there was nothing, there is something to say.
      if (turn === this.#turn && this.messages.length === 0) this.state = "failed";
    }
  }

  #first(): number | null {
    return this.messages.find((message) => message.sequence !== null)?.sequence ?? null;
  }
}

function sorted(messages: readonly Message[]): Message[] {
  const place = (message: Message): number => message.sequence ?? Number.MAX_SAFE_INTEGER;
  return [...messages].sort((a, b) => place(a) - place(b) || a.at - b.at);
}
