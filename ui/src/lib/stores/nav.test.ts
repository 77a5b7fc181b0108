import { afterEach, describe, expect, test, vi } from "vitest";
import { BackendError } from "$lib/backend/backend";
import { rove } from "$lib/ui/rove";
import { attempt } from "./attempt";
import { panesFor } from "./layout.svelte";
import { isDetail, nav, tabOf, type Place } from "./nav.svelte";
import { notices } from "./notices.svelte";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  nav.reset();
  notices.clear();
  document.body.replaceChildren();
});

describe("where one is", () => {
  test.each<[Place, string, boolean]>([
    [{ view: "chats" }, "chats", false],
    [{ view: "chat", id: "x" }, "chats", true],
    [{ view: "people" }, "people", false],
    [{ view: "person", name: "Bruno" }, "people", true],
    [{ view: "groups" }, "groups", false],
    [{ view: "group", id: "x" }, "groups", true],
    [{ view: "settings" }, "settings", false],
    [{ view: "profile" }, "settings", true],
    [{ view: "setting", page: "sound" }, "settings", true],
  ])("%o belongs to %s", (place, tab, detail) => {
    expect(tabOf(place)).toBe(tab);
    expect(isDetail(place)).toBe(detail);
  });

  test("from one chat to another is no way back to the first", () => {
    const pushed = vi.spyOn(history, "pushState");
    nav.go({ view: "chats" });
    expect(pushed).not.toHaveBeenCalled();
    nav.go({ view: "chat", id: "one" });
    nav.go({ view: "chat", id: "two" });
    expect(pushed).toHaveBeenCalledTimes(1);
    expect(nav.place).toEqual({ view: "chat", id: "two" });
    expect(nav.tab).toBe("chats");
    nav.back();
    expect(nav.place).toEqual({ view: "chats" });
  });

  test("a history that is not its own moves nothing", () => {
    nav.go({ view: "people" });
    for (const state of [null, 7, "people", {}, { place: { view: "groups" } }]) {
      window.dispatchEvent(new PopStateEvent("popstate", { state }));
      expect(nav.place).toEqual({ view: "people" });
    }
  });
});

describe("panes", () => {
  test.each([
    [360, 16, 1],
    [703, 16, 1],
    [704, 16, 2],
    [1311, 16, 2],
    [1312, 16, 3],
    [1312, 32, 1],
    [2624, 32, 3],
  ])("%i wide with text of %i make %i", (width, text, panes) => expect(panesFor(width, text)).toBe(panes));
});

describe("what belongs to no field", () => {
  test("is told when it fails, and only then", async () => {
    expect(await attempt(async () => {})).toBe(true);
    expect(notices.list).toEqual([]);
    expect(await attempt(() => Promise.reject(new BackendError("offline")))).toBe(false);
    expect(notices.list).toMatchObject([{ tone: "bad", text: "You are offline. This can be done when the connection is back." }]);
  });

  test("stays in sight for a while, three at the most, and no sentence twice", () => {
    vi.useFakeTimers();
    for (const text of ["one", "two", "two", "three", "four"]) notices.show(text, text === "four" ? "bad" : "good");
    expect(notices.list.map((notice) => notice.text)).toEqual(["two", "three", "four"]);
    vi.advanceTimersByTime(6_000);
    expect(notices.list.map((notice) => notice.text)).toEqual(["four"]);
    vi.advanceTimersByTime(6_000);
    expect(notices.list).toEqual([]);
  });
});

describe("arrow keys in a list", () => {
  function list() {
    const list = document.createElement("div");
    for (const name of ["a", "b", "c"]) {
      const row = document.createElement("button");
      row.dataset.row = "";
      row.textContent = name;
      row.scrollIntoView = () => {};
      Object.defineProperty(row, "offsetParent", { value: list });
      list.append(row);
    }
    document.body.append(list);
    const end = rove(list);
    const press = (key: string, more: KeyboardEventInit = {}) => {
      document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
      return document.activeElement?.textContent;
    };
    return { list, press, end };
  }

  test("go from row to row and stop at the ends", () => {
    const { list: rows, press, end } = list();
    (rows.children[0] as HTMLElement).focus();
    expect(["ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "Home", "End", "x"].map((key) => press(key))).toEqual(["b", "c", "c", "b", "a", "c", "c"]);
    expect(press("ArrowUp", { ctrlKey: true })).toBe("c");
    if (typeof end === "function") end();
    expect(press("Home")).toBe("c");
  });
});
