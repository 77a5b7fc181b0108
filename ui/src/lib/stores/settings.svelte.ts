import { MediaQuery } from "svelte/reactivity";
import type { AppEvent, Language, Settings } from "$lib/backend/types";
import { overwriteGetLocale, type Locale } from "$lib/paraglide/runtime.js";
import { backend } from "./backend";

export const defaults: Settings = {
  sound: {
    microphone: null,
    loudspeaker: null,
    processing: { echoCancellation: true, noiseSuppression: true, gainControl: true, highPass: true },
    lowLatency: false,
    sendMode: "continuous",
    bitrate: null,
  },
  talkKey: null,
  addresses: "direct",
  notifications: { calls: true, messages: true, preview: true, sounds: true },
  appearance: { theme: "system", textSize: 100, reducedMotion: false },
  language: "system",
  start: { autostart: false, closeToTray: true },
  conversations: { readMarks: true, typing: true },
};

/** The language to speak where the user left it to the system. */
export function localeFor(language: Language, preferred: readonly string[]): Locale {
  if (language !== "system") return language;
  for (const tag of preferred) {
    const base = tag.toLowerCase().split(/[-_]/)[0];
    if (base === "fr" || base === "en") return base;
  }
  return "en";
}

/** A part of the settings to change, at any depth. */
export type Changes<T> = { [K in keyof T]?: T[K] extends object ? Changes<T[K]> : T[K] };

/** `settings` with some of it changed. */
export function changed<T extends object>(settings: T, changes: Changes<T>): T {
  const next: T = { ...settings };
  for (const key in changes) {
    const change = changes[key];
    const before = settings[key];
    if (change === undefined) continue;
    if (typeof before === "object" && before !== null && typeof change === "object" && change !== null) {
      next[key] = changed(before, change);
    } else {
      next[key] = change as T[typeof key];
    }
  }
  return next;
}

/** What the user has chosen, as the native side keeps it. */
class SettingsStore {
  current: Settings = $state.raw(defaults);
  /** The system's language, as the shell found it. */
  systemLocale: string | null = $state(null);
  readonly #dark = new MediaQuery("(prefers-color-scheme: dark)");
  readonly #reduced = new MediaQuery("(prefers-reduced-motion: reduce)");

  readonly theme: "light" | "dark" = $derived.by(() => {
    const { theme } = this.current.appearance;
    if (theme === "system") return this.#dark.current ? "dark" : "light";
    return theme;
  });
  readonly locale: Locale = $derived(
    localeFor(this.current.language, this.systemLocale ? [this.systemLocale] : navigator.languages),
  );
  readonly calm: boolean = $derived(this.current.appearance.reducedMotion || this.#reduced.current);

  constructor() {
    overwriteGetLocale(() => this.locale);
  }

  handle(event: AppEvent): void {
    if (event.type === "settings") this.current = event.settings;
  }

  async change(changes: Changes<Settings>): Promise<void> {
    await backend().changeSettings(changed(this.current, changes));
  }
}

export const settings = new SettingsStore();
