/** Less is no keyboard, but a bar of the browser. */
const LEAST = 80;

/** How many pixels of the page the keyboard covers, by the sizes of what is laid out and of what is in sight. */
export function covered(laidOut: number, inSight: number, scale: number): number {
  // Somebody who has zoomed in sees less of the page, and not for a keyboard.
  if (Math.abs(scale - 1) > 0.01) return 0;
  const rest = Math.round(laidOut - inSight);
  return rest < LEAST ? 0 : rest;
}

const isField = (element: Element | null): element is HTMLElement =>
  element instanceof HTMLElement && (element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName));

/**
 * Keeps what is used above the on-screen keyboard. Where the system makes the page smaller for it (Android, by the
 * viewport's `interactive-widget` and the activity's insets), there is only the field to be kept in sight. Where it lies
 * over the page (iOS), the page ends where it begins: `--keyboard` in app.css.
 */
export function followKeyboard(): () => void {
  const view = window.visualViewport;
  const follow = () => {
    const keyboard = view ? covered(window.innerHeight, view.height, view.scale) : 0;
    document.documentElement.style.setProperty("--keyboard", `${keyboard}px`);
    // iOS moves the whole page up for a field that is in sight already.
    if (keyboard > 0) window.scrollTo(0, 0);
    const { activeElement } = document;
    if (isField(activeElement)) activeElement.scrollIntoView({ block: "nearest" });
  };
  view?.addEventListener("resize", follow);
  window.addEventListener("resize", follow);
  return () => {
    view?.removeEventListener("resize", follow);
    window.removeEventListener("resize", follow);
  };
}
