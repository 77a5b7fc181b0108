/** Pixels between what floats and the edge of the window. */
const LEAST = 12;

/** How far what floats over the page keeps from each edge: out of what a phone's notch and its like take. */
export function edges(): { top: number; right: number; bottom: number; left: number } {
  const style = getComputedStyle(document.documentElement);
  const from = (side: string) => LEAST + (Number.parseFloat(style.getPropertyValue(`--inset-${side}`)) || 0);
  return { top: from("top"), right: from("right"), bottom: from("bottom"), left: from("left") };
}
