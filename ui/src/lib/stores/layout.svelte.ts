import { settings } from "./settings.svelte";

/** How many panes fit, by the width in the size that text has. */
export function panesFor(width: number, fontSize: number): 1 | 2 | 3 {
  const rem = width / fontSize;
  if (rem >= 82) return 3;
  if (rem >= 44) return 2;
  return 1;
}

/** The room there is. */
class Layout {
  width = $state(typeof window === "undefined" ? 1024 : window.innerWidth);

  constructor() {
    if (typeof window === "undefined") return;
    window.addEventListener("resize", () => (this.width = window.innerWidth));
  }

  /** The root's font size, by the setting. A system's own text size comes with the zoom of the webview. */
  readonly fontSize: number = $derived((16 * settings.current.appearance.textSize) / 100);
  readonly panes: 1 | 2 | 3 = $derived(panesFor(this.width, this.fontSize));
}

export const layout = new Layout();
