import type { Backend } from "$lib/backend/backend";

let current: Backend | null = null;

/** The way to the SDK. There is one for the life of the page; tests set their own. */
export function backend(): Backend {
  if (!current) throw new Error("no backend was set");
  return current;
}

export function setBackend(next: Backend | null): void {
  current = next;
}
