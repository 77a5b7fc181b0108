import { layers } from "./layers";

export type SettingsPage =
  | "sound"
  | "privacy"
  | "notifications"
  | "appearance"
  | "account"
  | "storage"
  | "about";

export type Place =
  | { view: "chats" }
  | { view: "chat"; id: string; at?: number }
  | { view: "people" }
  | { view: "person"; name: string }
  | { view: "groups" }
  | { view: "group"; id: string }
  | { view: "settings" }
  | { view: "profile" }
  | { view: "setting"; page: SettingsPage };

export type Tab = "chats" | "people" | "groups" | "settings";

const START: Place = { view: "chats" };

export function tabOf(place: Place): Tab {
  switch (place.view) {
    case "chats":
    case "chat":
      return "chats";
    case "people":
    case "person":
      return "people";
    case "groups":
    case "group":
      return "groups";
    case "settings":
    case "setting":
    case "profile":
      return "settings";
  }
}

/** Whether a place fills the main pane, or is a list beside it. */
export function isDetail(place: Place): boolean {
  return !(place.view === "chats" || place.view === "people" || place.view === "groups" || place.view === "settings");
}

const same = (one: Place, other: Place | undefined): boolean => JSON.stringify(one) === JSON.stringify(other);

interface Entry {
  place: Place;
  /** How many places lie before it. */
  depth: number;
}

const isEntry = (state: unknown): state is Entry => typeof state === "object" && state !== null && "place" in state && "depth" in state;

/**
 * Where the user is, and the places they came from. The page's history goes along, so that a phone's back gesture works
 * in any webview: it closes what lies over the page, then goes back.
 */
class Nav {
  place: Place = $state.raw(START);
  #past: Place[] = [];
  /** The history's own entry. */
  #depth = 0;
  /** The history is on its way to another entry; it takes its time. */
  #moving = false;

  constructor() {
    if (typeof window === "undefined") return;
    window.addEventListener("popstate", (event: PopStateEvent) => {
      if (!isEntry(event.state)) return;
      const { place, depth } = event.state;
      const before = this.#depth;
      this.#depth = depth;
      if (this.#moving) {
        this.#moving = false;
      } else if (depth >= before || !layers.closeTop()) {
        while (this.#past.length < depth) this.#past.push(this.place);
        this.#past.length = depth;
        this.place = place;
      }
      this.#follow();
    });
  }

  readonly tab: Tab = $derived(tabOf(this.place));

  go(place: Place): void {
    if (same(place, this.place)) return;
    if (same(place, this.#past.at(-1))) {
      this.back();
      return;
    }
    // From one detail to another of the same list, back leads to the list.
    const aside = isDetail(place) && isDetail(this.place) && tabOf(place) === tabOf(this.place) && place.view === this.place.view;
    if (!aside) this.#past.push(this.place);
    this.place = place;
    this.#follow();
  }

  /** Back to where one came from, or to the list that the place belongs to. */
  back(): void {
    this.place = this.#past.pop() ?? { view: this.tab };
    this.#follow();
  }

  /** Goes back if there is anything to go back from. */
  leave(): boolean {
    if (this.#past.length === 0 && !isDetail(this.place)) return false;
    this.back();
    return true;
  }

  reset(): void {
    this.place = START;
    this.#past = [];
    this.#follow();
  }

  /** Lets the history have as many entries as there are places. */
  #follow(): void {
    if (typeof history === "undefined" || this.#moving) return;
    const wanted = this.#past.length;
    if (wanted < this.#depth) {
      this.#moving = true;
      history.go(wanted - this.#depth);
      return;
    }
    const entry = (depth: number): Entry => ({ place: this.#past[depth] ?? this.place, depth });
    history.replaceState(entry(this.#depth), "");
    while (this.#depth < wanted) {
      this.#depth += 1;
      history.pushState(entry(this.#depth), "");
    }
  }
}

export const nav = new Nav();
