import type { Attachment } from "svelte/attachments";

/** Arrow keys, Home and End go from row to row of a list; Tab still works as anywhere. */
export const rove: Attachment<HTMLElement> = (list) => {
  const move = (event: KeyboardEvent): void => {
    if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...list.querySelectorAll<HTMLElement>("[data-row]")].filter((row) => row.offsetParent !== null);
    const here = rows.findIndex((row) => row === document.activeElement);
    if (here < 0) return;
    const next =
      event.key === "Home" ? 0 : event.key === "End" ? rows.length - 1 : here + (event.key === "ArrowDown" ? 1 : -1);
    const row = rows[next];
    if (!row) return;
    event.preventDefault();
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  list.addEventListener("keydown", move);
  return () => list.removeEventListener("keydown", move);
};
