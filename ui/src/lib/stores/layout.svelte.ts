import { settings } from "./settings.svelte";

/** How many panes fit, by the width in the size that text has. */
export function panesFor(width: number, fontSize: number): 1 | 2 | 3 {
  const rem = width / fontSize;
  if (rem >= 82) return 3;
  if (rem >= 44) return 2;
  return 1;
}

declare global {
  interface Window {
    /** What an Android phone tells the page (`MainActivity.kt`). */
    phone?: { fontScale: () => number };
  }
}

/** The size of iOS's text where nobody has changed it. */
const IOS_BODY = 17;

/**
 * How large the phone's own setting wants text: on Android as it says, on iOS as large as its text style is. On a
 * computer the zoom of the webview does that.
 */
export function systemScale(): number {
  if (window.phone) return window.phone.fontScale();
  if (navigator.maxTouchPoints < 2 || !CSS.supports("font", "-apple-system-body")) return 1;
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.font = "-apple-system-body";
  const size = Number.parseFloat(getComputedStyle(probe).fontSize);
  probe.remove();
  return size > 0 ? size / IOS_BODY : 1;
}

/** The root's font size: the app's setting on top of the system's, and never beyond what every screen is made for. */
export function fontSizeFor(percent: number, scale: number): number {
  return 16 * Math.min(2, Math.max(0.8, (percent / 100) * scale));
}

/** Whether the window is so low that what lies above each other had better stand beside each other. One that is low only
 * because of a keyboard is a phone that stands, and narrow. */
export function isLow(width: number, height: number): boolean {
  return height < 480 && width >= 560;
}

/** The room there is. */
class Layout {
  width = $state(typeof window === "undefined" ? 1024 : window.innerWidth);
  height = $state(typeof window === "undefined" ? 768 : window.innerHeight);
  #scale = $state(typeof window === "undefined" ? 1 : systemScale());

  constructor() {
    if (typeof window === "undefined") return;
    const look = () => {
      this.width = window.innerWidth;
      this.height = window.innerHeight;
      this.#scale = systemScale();
    };
    window.addEventListener("resize", look);
    // The setting is changed in another app.
    document.addEventListener("visibilitychange", look);
  }

  readonly fontSize: number = $derived(fontSizeFor(settings.current.appearance.textSize, this.#scale));
  readonly low: boolean = $derived(isLow(this.width, this.height));
  readonly panes: 1 | 2 | 3 = $derived(panesFor(this.width, this.fontSize));
}

export const layout = new Layout();
