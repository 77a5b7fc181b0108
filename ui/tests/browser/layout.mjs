// Runs in the page: what sticks out, and what is cut off without saying so.
export function layoutFaults() {
  const faults = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width + 1) faults.push(`the page is ${document.documentElement.scrollWidth} wide, the window ${width}`);
  const label = (element) => `${element.tagName.toLowerCase()}.${String(element.className?.baseVal ?? element.className).split(" ").slice(0, 4).join(".")} "${(element.textContent ?? "").trim().slice(0, 50)}"`;
  const hidden = (element) => element.closest(".sr-only, [aria-hidden=true] svg, option, script, style, title") !== null;
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    if (style.display === "none" || style.visibility === "hidden" || hidden(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    const scrollsX = ["auto", "scroll"].includes(style.overflowX);
    // Something wider than its place, where nothing lets one reach the rest.
    if (element.scrollWidth > element.clientWidth + 1 && scrollsX && element.clientWidth > 0) faults.push(`scrolls sideways: ${label(element)} ${element.scrollWidth} > ${element.clientWidth}`);
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!text) continue;
    if (box.right > width + 1 || box.left < -1) {
      const inside = element.closest("[data-allow-outside]");
      if (!inside) faults.push(`outside of the window: ${label(element)} ${Math.round(box.left)}..${Math.round(box.right)}`);
    }
    const ellipsis = style.textOverflow === "ellipsis";
    if (["hidden", "clip"].includes(style.overflowX) && element.scrollWidth > element.clientWidth + 1 && !ellipsis) faults.push(`cut off sideways: ${label(element)}`);
    if (["hidden", "clip"].includes(style.overflowY) && element.scrollHeight > element.clientHeight + 2 && element.clientHeight > 0 && !ellipsis) faults.push(`cut off below: ${label(element)} ${element.scrollHeight} > ${element.clientHeight}`);
    // Controls and headings must not be shortened either; what people wrote may be.
    if (ellipsis && element.scrollWidth > element.clientWidth + 1 && element.closest("button:not([data-row]), nav, label, legend") && !element.closest("[data-shortens], [data-row], header button, .max-w-full.truncate")) {
      const own = element.closest("button, label");
      if (!own?.querySelector("img, .avatar") && !own?.getAttribute("title")) faults.push(`shortened: ${label(element)}`);
    }
    // Text that another clipping box cuts.
    let around = element.parentElement;
    while (around && around !== document.body) {
      const outer = getComputedStyle(around);
      if (["hidden", "clip"].includes(outer.overflowX) && !["auto", "scroll"].includes(outer.overflowY)) {
        const limit = around.getBoundingClientRect();
        if (box.right > limit.right + 1.5 || box.left < limit.left - 1.5) {
          faults.push(`cut by its surroundings: ${label(element)}`);
          break;
        }
      }
      around = around.parentElement;
    }
  }
  return [...new Set(faults)];
}
