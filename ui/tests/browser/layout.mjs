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
  for (const fault of textFaults()) faults.push(fault);
  return [...new Set(faults)];

  // Words themselves, which may be wider than the element that holds them: beyond the window or their button, or
  // running into other words.
  function textFaults() {
    const found = [];
    const runs = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      if (!node.textContent.trim() || !element || hidden(element)) continue;
      if (getComputedStyle(element).visibility === "hidden") continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const button = element.closest("button, [role=button], a");
      for (const rect of range.getClientRects()) {
        const box = clipped(rect, element);
        if (box.right - box.left < 2 || box.bottom - box.top < 2) continue;
        // Only what is seen: not what a dialog covers.
        const top = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
        if (!top || !(top === element || element.contains(top) || top.contains(element))) continue;
        if (box.right > width + 1 || box.left < -1) found.push(`words outside of the window: ${label(element)}`);
        const place = button?.getBoundingClientRect();
        if (place && (rect.right > place.right + 1 || rect.left < place.left - 1) && box.right > place.right + 1) found.push(`words wider than their button: ${label(element)}`);
        runs.push({ box, element, block: blockOf(element) });
      }
    }
    for (const [index, one] of runs.entries()) {
      for (const other of runs.slice(index + 1)) {
        if (one.block === other.block || one.element.contains(other.element) || other.element.contains(one.element)) continue;
        const beside = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
        const gap = Math.max(one.box.left, other.box.left) - Math.min(one.box.right, other.box.right);
        if (beside > 4 && gap < 1.5) found.push(`words run into each other: ${label(one.element)} and ${label(other.element)}`);
      }
    }
    return found;
  }

  /** What of a box is not cut off by what is around it. */
  function clipped(rect, element) {
    const box = { left: rect.left, right: rect.right, top: rect.top, bottom: rect.bottom };
    for (let around = element; around && around !== document.body; around = around.parentElement) {
      const style = getComputedStyle(around);
      const limit = around.getBoundingClientRect();
      if (style.overflowX !== "visible") {
        box.left = Math.max(box.left, limit.left);
        box.right = Math.min(box.right, limit.right);
      }
      if (style.overflowY !== "visible") {
        box.top = Math.max(box.top, limit.top);
        box.bottom = Math.min(box.bottom, limit.bottom);
      }
    }
    return box;
  }

  function blockOf(element) {
    let block = element;
    while (block.parentElement && getComputedStyle(block).display.startsWith("inline")) block = block.parentElement;
    return block;
  }
}
