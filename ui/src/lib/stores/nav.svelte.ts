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

function isPlace(state: unknown): state is { place: Place; depth: number } {
  return typeof state === "object" && state !== null && "place" in state && "depth" in state;
}

/** Where the user is. Goes along with the history of the page, so that a phone's back gesture works. */
class Nav {
  place: Place = $state.raw(START);
  #depth = 0;

  constructor() {
    if (typeof window === "undefined") return;
    window.addEventListener("popstate", (event: PopStateEvent) => {
      if (!isPlace(event.state)) return;
      this.place = event.state.place;
      this.#depth = event.state.depth;
    });
  }

  readonly tab: Tab = $derived(tabOf(this.place));

  go(place: Place): void {
    if (JSON.stringify(place) === JSON.stringify(this.place)) return;
    // From one detail to another of the same list, back leads to the list.
    const aside = isDetail(place) && isDetail(this.place) && tabOf(place) === tabOf(this.place) && place.view === this.place.view;
    this.place = place;
    if (aside) {
      history.replaceState({ place, depth: this.#depth }, "");
    } else {
      this.#depth += 1;
      history.pushState({ place, depth: this.#depth }, "");
    }
  }

  /** Back to where one came from, or to the list that the place belongs to. */
  back(): void {
    if (this.#depth > 0) {
      history.back();
      return;
    }
    this.place = { view: this.tab };
    history.replaceState({ place: this.place, depth: 0 }, "");
  }

  reset(): void {
    this.place = START;
    this.#depth = 0;
    if (typeof history !== "undefined") history.replaceState({ place: START, depth: 0 }, "");
  }
}

export const nav = new Nav();
