import { BackendError } from "$lib/backend/backend";
import type { Conversation, Found, Message, NewMessage, Page, PageFrom, PickedFile } from "$lib/backend/types";
import { folded } from "$lib/stores/people.svelte";
import { ScriptedPeople } from "./people";

const PAGE = 60;

/** Conversations. */
export abstract class ScriptedMessages extends ScriptedPeople {
  // Conversations.

  async conversations(): Promise<Conversation[]> {
    await this.does("conversations");
    return structuredClone(this.world.conversations);
  }

  async conversationWith(_account: string, contact: string): Promise<Conversation> {
    await this.does("conversationWith", contact);
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
    await this.does("messages", conversation, from);
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
    this.emit({ type: "messages", account: this.active(), conversation, messages, removed });
    const last = all.at(-1) ?? null;
    const known = this.world.conversations.find((one) => one.id === conversation);
    if (!known) return;
    const changed = { ...known, last };
    this.world.conversations = this.world.conversations.map((one) => (one.id === conversation ? changed : one));
    this.emit({ type: "conversation", account: this.active(), conversation: changed });
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
    await this.does("send", conversation, message);
    const target = this.#list(conversation).find((one) => one.id === message.replyTo);
    const waiting: Message = {
      id: `sent-${this.next++}`,
      sequence: null,
      author: this.me(),
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
    await this.does("edit", conversation, id, text);
    this.#change(conversation, [{ ...this.#find(conversation, id), text, editedAt: Date.now() }]);
  }

  async deleteMessage(_account: string, conversation: string, id: string): Promise<void> {
    await this.does("deleteMessage", conversation, id);
    this.#change(conversation, [{ ...this.#find(conversation, id), text: "", files: [], reactions: [], deleted: true }]);
  }

  async react(_account: string, conversation: string, id: string, reaction: string): Promise<void> {
    await this.does("react", conversation, id, reaction);
    const message = this.#find(conversation, id);
    const others = message.reactions.filter((one) => one.name !== this.me());
    this.#change(conversation, [{ ...message, reactions: reaction ? [...others, { name: this.me(), text: reaction }] : others }]);
  }

  async retry(_account: string, conversation: string, id: string): Promise<void> {
    await this.does("retry", conversation, id);
    this.#change(conversation, [{ ...this.#find(conversation, id), state: "sent", failure: null, sequence: this.place(conversation) }]);
  }

  async discard(_account: string, conversation: string, id: string): Promise<void> {
    await this.does("discard", conversation, id);
    this.#change(conversation, [], [id]);
  }

  async markRead(_account: string, conversation: string, sequence: number): Promise<void> {
    await this.does("markRead", conversation, sequence);
    const known = this.world.conversations.find((one) => one.id === conversation);
    if (!known) return;
    const changed = { ...known, unread: 0, read: sequence };
    this.world.conversations = this.world.conversations.map((one) => (one.id === conversation ? changed : one));
    this.emit({ type: "conversation", account: this.active(), conversation: changed });
  }

  async setTyping(_account: string, conversation: string, typing: boolean): Promise<void> {
    await this.does("setTyping", conversation, typing);
  }

  async setDraft(_account: string, conversation: string, text: string): Promise<void> {
    await this.does("setDraft", conversation, text);
  }

  async search(_account: string, words: string, conversation: string | null): Promise<Found[]> {
    await this.does("search", words, conversation);
    const wanted = folded(words);
    const found: Found[] = [];
    for (const [id, messages] of this.world.messages) {
      if (conversation !== null && conversation !== id) continue;
      for (const message of messages) if (folded(message.text).includes(wanted)) found.push({ conversation: id, message });
    }
    return structuredClone(found.sort((a, b) => b.message.at - a.message.at).slice(0, 100));
  }

  async pickFiles(): Promise<PickedFile[]> {
    await this.does("pickFiles");
    return [{ token: `picked-${this.next++}`, name: "timetable.pdf", size: 48213, mediaType: "application/pdf" }];
  }

  async addPicture(_account: string, name: string, bytes: Uint8Array): Promise<PickedFile> {
    await this.does("addPicture", name, bytes.length);
    return { token: `pasted-${this.next++}`, name, size: bytes.length, mediaType: "image/png" };
  }

  async saveFile(_account: string, _conversation: string, _message: string, file: string): Promise<boolean> {
    await this.does("saveFile", file);
    return true;
  }

  async openLink(url: string): Promise<void> {
    await this.does("openLink", url);
  }
}
