import { BackendError } from "$lib/backend/backend";
import type { Account, AccountId, AppEvent, AppInfo, Destination, Invitation, Message, Snapshot } from "$lib/backend/types";
import { errorWords } from "$lib/words/errors";
import { backend } from "./backend";
import { call } from "./call.svelte";
import { books, Conversations } from "./conversations.svelte";
import { devices } from "./devices.svelte";
import { nav } from "./nav.svelte";
import { notices } from "./notices.svelte";
import { People, rosters } from "./people.svelte";
import { settings } from "./settings.svelte";

const UNKNOWN: AppInfo = {
  version: "",
  system: "linux",
  locale: "en",
  mediaRoot: "",
  dataFolder: "",
  tray: false,
  globalKeys: false,
  autostart: false,
};

interface Gathered {
  account: AccountId;
  conversation: string;
  messages: Message[];
  removed: string[];
}

/** A connection that is lost for less than this is nobody's business. */
const PATIENCE = 1500;

/**
 * Who is signed in where, and how that stands; takes in every event and hands it to the store that it is for.
 *
 * ```text
 * starting ──▶ welcome ◀──▶ ready
 *     └──────▶ broken
 * ```
 */
class Session {
  started: "starting" | "broken" | "yes" = $state("starting");
  /** Why it is broken. */
  fault: BackendError | null = $state.raw(null);
  info: AppInfo = $state.raw(UNKNOWN);
  accounts: readonly Account[] = $state.raw([]);
  activeId: AccountId | null = $state(null);
  /** A link that was opened and waits for the user's decision. */
  invitation: Invitation | null = $state.raw(null);
  /** Whether the user is adding an account beside those there are. */
  adding = $state(false);
  /** Whether the connection has been lost for so long that it should be said. */
  troubled = $state(false);

  readonly account: Account | null = $derived(this.accounts.find((account) => account.id === this.activeId) ?? null);
  readonly phase: "starting" | "broken" | "welcome" | "ready" = $derived.by(() => {
    if (this.started !== "yes") return this.started;
    if (this.adding || this.account === null || this.account.session.state === "signed_out") return "welcome";
    return "ready";
  });
  readonly online: boolean = $derived(this.account?.session.state === "online");
  readonly people: People = $derived((this.activeId !== null && rosters.known(this.activeId)) || new People());
  readonly conversations: Conversations = $derived(
    (this.activeId !== null && books.known(this.activeId)) || new Conversations(""),
  );

  #queue: AppEvent[] = [];
  #scheduled = false;
  #listening = false;
  #unsubscribe: (() => void) | null = null;
  #patience: ReturnType<typeof setTimeout> | undefined;

  /** The account that is shown. Only to be asked for where there is one. */
  get id(): AccountId {
    if (this.activeId === null) throw new BackendError("no_account");
    return this.activeId;
  }

  async start(): Promise<void> {
    this.stop();
    this.started = "starting";
    this.fault = null;
    try {
      this.#unsubscribe = await backend().subscribe((event) => this.#enqueue(event));
      const [info, snapshot] = await Promise.all([backend().info(), backend().snapshot()]);
      this.info = info;
      settings.systemLocale = info.locale;
      this.#take(snapshot);
      this.started = "yes";
      this.#listening = true;
      this.flush();
    } catch (error) {
      this.fault = error instanceof BackendError ? error : new BackendError("internal", String(error));
      this.started = "broken";
    }
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#listening = false;
    this.#queue = [];
    clearTimeout(this.#patience);
  }

  /** Takes in what has queued up; done by itself soon after each event. */
  flush(): void {
    this.#scheduled = false;
    if (!this.#listening) return;
    const events = this.#queue;
    this.#queue = [];
    const gathered = new Map<string, Gathered>();
    for (const event of events) {
      if (event.type !== "messages") {
        this.#handle(event);
        continue;
      }
      const key = `${event.account} ${event.conversation}`;
      const known = gathered.get(key);
      if (known) {
        known.messages.push(...event.messages);
        known.removed.push(...event.removed);
      } else {
        gathered.set(key, { ...event, messages: [...event.messages], removed: [...event.removed] });
      }
    }
    for (const { account, conversation, messages, removed } of gathered.values()) {
      books.known(account)?.apply(conversation, messages, removed);
    }
  }

  #enqueue(event: AppEvent): void {
    this.#queue.push(event);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => this.flush(), 0);
  }

  #take(snapshot: Snapshot): void {
    settings.handle({ type: "settings", settings: snapshot.settings });
    rosters.reset(snapshot.rosters);
    this.invitation = snapshot.invitation;
    books.reset(snapshot.accounts.map((account) => account.id));
    this.#setAccounts(snapshot.accounts, snapshot.active);
    call.reset(snapshot.incoming, snapshot.call);
  }

  #handle(event: AppEvent): void {
    switch (event.type) {
      case "everything":
        this.#take(event.snapshot);
        break;
      case "accounts":
        this.#setAccounts(event.accounts, event.active);
        break;
      case "invitation":
        this.invitation = event.invitation;
        break;
      case "go":
        this.#go(event.destination);
        break;
      case "notice":
        notices.show(errorWords(event.notice.problem.code), "bad");
        break;
      default:
        settings.handle(event);
        devices.handle(event);
        rosters.handle(event);
        books.handle(event);
        call.handle(event);
    }
  }

  #setAccounts(accounts: readonly Account[], active: AccountId | null): void {
    const before = this.activeId;
    const known = new Set(this.accounts.map((account) => account.id));
    if (accounts.some((account) => !known.has(account.id))) this.adding = false;
    this.accounts = accounts;
    this.activeId = active;
    for (const account of accounts) books.open(account.id);
    if (before !== active) nav.reset();
    this.#watch();
  }

  /** Trouble is told only when it lasts, and what was told goes away at once. */
  #watch(): void {
    const state = this.account?.session.state;
    if (state === "reconnecting" || state === "connecting") {
      this.#patience ??= setTimeout(() => (this.troubled = true), PATIENCE);
      return;
    }
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.troubled = false;
  }

  #go(destination: Destination): void {
    call.shown = false;
    switch (destination.to) {
      case "conversation":
        nav.go({ view: "chat", id: destination.conversation });
        break;
      case "people":
        nav.go({ view: "people" });
        break;
    }
  }
}

export const session = new Session();
