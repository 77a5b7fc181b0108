// Runs in the page: what can be read or pressed and lies under the notch, the home indicator or outside of the window,
// and what no scrolling brings out of there.
export function insetFaults(insets) {
  const faults = [];
  const free = { top: insets.top, left: insets.left, right: innerWidth - insets.right, bottom: innerHeight - insets.bottom };
  const label = (element) => `${element.tagName.toLowerCase()} "${(element.getAttribute("aria-label") ?? element.textContent ?? "").trim().slice(0, 40)}"`;
  /** The box around it that scrolls, if there is one. */
  const scroller = (element) => {
    for (let around = element.parentElement; around; around = around.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(around).overflowY)) return around;
    }
    return null;
  };
  const top = [...document.querySelectorAll("[role=dialog], [role=menu]")].at(-1) ?? null;
  const wanted = document.querySelectorAll("button, input, select, textarea, summary, a[href], h1, h2, p, [role=status] p");
  for (const element of wanted) {
    const style = getComputedStyle(element);
    if (style.display === "none" || style.visibility === "hidden" || element.closest(".sr-only, [inert], [aria-hidden=true]")) continue;
    // What lies under a dialog is not used now.
    if (top && !top.contains(element) && !element.closest("[role=status]")) continue;
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    if (box.left < free.left - 1 || box.right > free.right + 1) {
      faults.push(`beside the safe area: ${label(element)} ${Math.round(box.left)}..${Math.round(box.right)}`);
      continue;
    }
    const around = scroller(element);
    if (!around) {
      if (box.top < free.top - 1 || box.bottom > free.bottom + 1) faults.push(`above or below the safe area: ${label(element)} ${Math.round(box.top)}..${Math.round(box.bottom)}`);
      continue;
    }
    // Scrolled as far as it goes, it must come out.
    const at = around.getBoundingClientRect();
    const least = box.top + around.scrollTop;
    const most = box.bottom - (around.scrollHeight - around.clientHeight - around.scrollTop);
    if (at.bottom > free.bottom + 1 && most > free.bottom + 1) faults.push(`cannot be scrolled above the home indicator: ${label(element)} ${Math.round(most)}`);
    if (at.top < free.top - 1 && least < free.top - 1) faults.push(`cannot be scrolled below the notch: ${label(element)} ${Math.round(least)}`);
    if (around.clientHeight < Math.min(box.height, 40)) faults.push(`no room to show it: ${label(element)}, ${around.clientHeight} pixels`);
  }
  return [...new Set(faults)];
}
