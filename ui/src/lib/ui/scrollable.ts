import type { Attachment } from "svelte/attachments";

/** What scrolls can be reached and scrolled with the keyboard; what does not is no stop on the way. */
export function scrollable(label: string): Attachment<HTMLElement> {
  return (element) => {
    const look = (): void => {
      const scrolls = element.scrollHeight > element.clientHeight + 1;
      if (scrolls === element.hasAttribute("tabindex")) return;
      if (scrolls) {
        element.tabIndex = 0;
        element.setAttribute("role", "region");
        element.setAttribute("aria-label", label);
      } else {
        for (const name of ["tabindex", "role", "aria-label"]) element.removeAttribute(name);
      }
    };
    const observer = new ResizeObserver(look);
    observer.observe(element);
    for (const child of element.children) observer.observe(child);
    look();
    return () => observer.disconnect();
  };
}
