import { SvelteMap } from "svelte/reactivity";
import type { AccountId, AppEvent, Conversation, Export, Message, Transfer } from "$lib/backend/types";
import { backend } from "./backend";
import { Timeline } from "./timeline.svelte";

/** Timelines kept, so that going back and forth shows at once what was there. */
const OPEN_AT_MOST = 6;

/** Conversations of one account by id, who types, what is being transferred, and the timelines that are open. */
export class Conversations {
  readonly all = new SvelteMap<string, Conversation>();
  state: "loading" | "ready" | "failed" = $state("loading");
  readonly #typing = new SvelteMap<string, readonly string[]>();
  /** Uploads and downloads by file. */
  readonly transfers = new SvelteMap<string, Transfer>();
  readonly #timelines = new Map<string, Timeline>();
  /** How far an export is, while one goes on. */
  export: Export | null = $state.raw(null);

  /** Latest first. */
  readonly list: Conversation[] = $derived([...this.all.values()].sort((a, b) => (b.last?.at ?? 0) - (a.last?.at ?? 0)));
  readonly unread: number = $derived(this.list.reduce((sum, conversation) => sum + conversation.unread, 0));

  constructor(readonly account: AccountId) {}

  /** Asks for the list, at the start and after events were lost. */
  async load(): Promise<void> {
    try {
      const list = await backend().conversations(this.account);
      this.all.clear();
      for (const conversation of list) this.all.set(conversation.id, conversation);
      this.state = "ready";
    } catch {
      if (this.all.size === 0) this.state = "failed";
    }
  }

  /** The timeline of a conversation, opened when it is not yet. */
  timeline(id: string): Timeline {
    const known = this.#timelines.get(id);
    if (known) {
      this.#timelines.delete(id);
      this.#timelines.set(id, known);
      return known;
    }
    const timeline = new Timeline(this.account, id);
    this.#timelines.set(id, timeline);
    for (const oldest of this.#timelines.keys()) {
      if (this.#timelines.size <= OPEN_AT_MOST) break;
      this.#timelines.delete(oldest);
    }
    void timeline.open();
    return timeline;
  }

  typing(id: string): readonly string[] {
    return this.#typing.get(id) ?? [];
  }

  setTyping(id: string, names: readonly string[]): void {
    if (names.length > 0) this.#typing.set(id, names);
    else this.#typing.delete(id);
  }

  /** The id of the conversation with a contact. */
  async with(contact: string): Promise<string> {
    for (const conversation of this.all.values()) if (conversation.with === contact) return conversation.id;
    const conversation = await backend().conversationWith(this.account, contact);
    this.all.set(conversation.id, conversation);
    return conversation.id;
  }

  setMarks(id: string, marks: Conversation["marks"]): void {
    const conversation = this.all.get(id);
    if (conversation) this.all.set(id, { ...conversation, marks });
  }

  /** Messages come in crowds after an absence, so they are taken in together. */
  apply(id: string, messages: readonly Message[], removed: readonly string[]): void {
    this.#timelines.get(id)?.apply(messages, removed);
  }

  setTransfer(transfer: Transfer): void {
    const over = transfer.failure !== null || (transfer.size > 0 && transfer.done >= transfer.size);
    if (over) this.transfers.delete(transfer.file);
    else this.transfers.set(transfer.file, transfer);
  }

  /** More has changed than is told one by one. */
  reopen(id: string | null): void {
    for (const [known, timeline] of this.#timelines) if (id === null || id === known) void timeline.open();
  }
}

/** The conversations of every account. */
class Books {
  readonly #all = new SvelteMap<AccountId, Conversations>();

  /** Asked for outside of rendering: the first time, the list is loaded. */
  open(account: AccountId): Conversations {
    const known = this.#all.get(account);
    if (known) return known;
    const conversations = new Conversations(account);
    this.#all.set(account, conversations);
    void conversations.load();
    return conversations;
  }

  known(account: AccountId): Conversations | null {
    return this.#all.get(account) ?? null;
  }

  /** Events were lost, or this is the start: what is shown may be out of date. */
  reset(accounts: readonly AccountId[]): void {
    for (const [account, conversations] of this.#all) {
      if (!accounts.includes(account)) {
        this.#all.delete(account);
        continue;
      }
      void conversations.load();
      conversations.reopen(null);
    }
  }

  clear(): void {
    this.#all.clear();
  }

  handle(event: AppEvent): void {
    switch (event.type) {
      case "conversation":
        this.known(event.account)?.all.set(event.conversation.id, event.conversation);
        break;
      case "conversation_reset": {
        const conversations = this.known(event.account);
        conversations?.reopen(event.conversation);
        if (event.conversation === null) void conversations?.load();
        break;
      }
      case "marks":
        this.known(event.account)?.setMarks(event.conversation, event.marks);
        break;
      case "typing":
        this.known(event.account)?.setTyping(event.conversation, event.names);
        break;
      case "transfer":
        this.known(event.account)?.setTransfer(event.transfer);
        break;
      case "export": {
        const conversations = this.known(event.account);
        if (conversations) conversations.export = event.export;
        break;
      }
    }
  }
}

export const books = new Books();
