import type { Phone } from "@lucide/svelte";

/** An icon of the set that is used throughout. */
export type Icon = typeof Phone;
