import { layers } from "./layers";
import { nav } from "./nav.svelte";
import { session } from "./session.svelte";

/**
 * A phone's way back: what lies on top goes first, then the pane, then the tab. `false` when there is nothing to go
 * back from: then the app is left, and what goes on in it goes on.
 */
export function goBack(): boolean {
  if (layers.closeTop()) return true;
  if (session.phase !== "ready") return false;
  return nav.leave();
}

declare global {
  interface Window {
    /** Called by the phone (`MainActivity.kt`), which leaves the app where it answers `false`. */
    cooeeBack?: () => boolean;
  }
}

export function hearBack(): void {
  window.cooeeBack = goBack;
}
