import { call } from "./call.svelte";
import { nav, type Tab } from "./nav.svelte";
import { session } from "./session.svelte";

const TABS: readonly Tab[] = ["chats", "people", "groups", "settings"];

const types = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));

/** Keys that work everywhere: Ctrl+1 to 4 for the tabs, Ctrl+Shift+M and D in a call, M where nothing is typed. */
export function shortcuts(event: KeyboardEvent): void {
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (call.active) {
    const mute = (command && event.shiftKey && key === "m") || (call.shown && !command && !event.altKey && key === "m" && !types(event.target));
    if (mute) {
      event.preventDefault();
      void call.toggleMuted();
      return;
    }
    if (command && event.shiftKey && key === "d") {
      event.preventDefault();
      void call.toggleDeafened();
      return;
    }
  }
  const tab = command && !event.shiftKey && !event.altKey ? TABS[Number(event.key) - 1] : undefined;
  if (tab && session.phase === "ready") {
    event.preventDefault();
    call.shown = false;
    nav.go({ view: tab });
  }
}
