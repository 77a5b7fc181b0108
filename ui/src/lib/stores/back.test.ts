import { screen } from "@testing-library/svelte";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../App.svelte";
import { settle, show } from "../../../tests/render";
import { callOf, week } from "../../review/world";
import { goBack } from "./back";
import { call } from "./call.svelte";
import { layers } from "./layers";
import { nav } from "./nav.svelte";

/** The gesture, where the webview itself goes back. */
async function gesture(): Promise<void> {
  history.back();
  await settle();
}

describe("where one came from", () => {
  beforeEach(async () => {
    nav.reset();
    await settle();
  });

  test("back goes the way that one came", async () => {
    nav.go({ view: "people" });
    nav.go({ view: "person", name: "Bruno" });
    nav.go({ view: "chat", id: "pair-bruno" });
    await gesture();
    expect(nav.place).toEqual({ view: "person", name: "Bruno" });
    expect(nav.leave()).toBe(true);
    expect(nav.place).toEqual({ view: "people" });
    await settle();
    await gesture();
    expect(nav.place).toEqual({ view: "chats" });
    expect(nav.leave()).toBe(false);
  });

  test("the arrow to a list is a way back, not another place", async () => {
    nav.go({ view: "chat", id: "pair-bruno" });
    nav.go({ view: "chats" });
    expect(nav.leave()).toBe(false);
    // At once, while the history is still on its way.
    nav.go({ view: "settings" });
    expect(nav.place).toEqual({ view: "settings" });
    await settle();
    expect(history.state).toEqual({ place: { view: "settings" }, depth: 1 });
    await gesture();
    expect(nav.place).toEqual({ view: "chats" });
  });

  test("from one detail to another, back leads to the list", async () => {
    nav.go({ view: "people" });
    nav.go({ view: "person", name: "Bruno" });
    nav.go({ view: "person", name: "Wirrin" });
    await gesture();
    expect(nav.place).toEqual({ view: "people" });
  });

  test("a place that one did not come to from its list leads there", () => {
    nav.go({ view: "chat", id: "pair-bruno" });
    nav.reset();
    nav.place = { view: "chat", id: "pair-bruno" };
    expect(nav.leave()).toBe(true);
    expect(nav.place).toEqual({ view: "chats" });
    expect(nav.leave()).toBe(false);
  });

  test("what lies on top goes before the place, and the last first", async () => {
    const closed: string[] = [];
    const first = layers.add(() => {
      closed.push("first");
      first();
    });
    const second = layers.add(() => {
      closed.push("second");
      second();
    });
    nav.go({ view: "chat", id: "pair-bruno" });
    await gesture();
    expect(closed).toEqual(["second"]);
    expect(nav.place).toEqual({ view: "chat", id: "pair-bruno" });
    await gesture();
    expect(closed).toEqual(["second", "first"]);
    expect(nav.place).toEqual({ view: "chat", id: "pair-bruno" });
    await gesture();
    expect(nav.place).toEqual({ view: "chats" });
  });
});

describe("back, in the app", () => {
  async function app(change: (world: ReturnType<typeof week>) => void = () => {}) {
    const world = week();
    change(world);
    const backend = await show(world, App, {});
    backend.replay();
    await settle();
    return backend;
  }
  const methods = (backend: { asked: { method: string }[] }) => backend.asked.map((one) => one.method);

  test("a dialog, then the pane, then nothing is left", async () => {
    await app();
    nav.go({ view: "setting", page: "account" });
    await settle();
    const remove = screen.getAllByRole("button").find((button) => button.querySelector("svg.lucide-trash-2"));
    remove?.click();
    await settle();
    expect(screen.getByRole("dialog")).toBeTruthy();
    expect(goBack()).toBe(true);
    await settle();
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(nav.place).toEqual({ view: "setting", page: "account" });
    expect(goBack()).toBe(true);
    expect(nav.place).toEqual({ view: "chats" });
    expect(goBack()).toBe(false);
  });

  test("a call goes on, above the app", async () => {
    const backend = await app((world) => (world.call = callOf({})));
    expect(call.shown).toBe(true);
    expect(goBack()).toBe(true);
    await settle();
    expect(call.shown).toBe(false);
    expect(call.active).toBe(true);
    expect(screen.getByRole("button", { name: "Hang up" })).toBeTruthy();
    expect(goBack()).toBe(false);
    expect(call.active).toBe(true);
    expect(methods(backend)).not.toContain("hangUp");
  });

  test("a call that is over is put away", async () => {
    const backend = await app((world) => (world.call = callOf({ id: 8 })));
    backend.setCall({ phase: "ended", ended: { reason: "remote_hung_up", detail: null, at: Date.now() } });
    await settle();
    expect(goBack()).toBe(true);
    await settle();
    expect(methods(backend)).toContain("dismissCall");
  });

  test("nobody answers or declines by it, and nothing beneath moves", async () => {
    const backend = await app((world) => {
      const [account] = world.accounts;
      world.incoming = [{ account: account?.id ?? "", conversation: "pair-bruno", group: false, from: "Bruno", since: Date.now() }];
    });
    nav.go({ view: "settings" });
    await settle();
    expect(goBack()).toBe(true);
    await settle();
    expect(call.incoming).toHaveLength(1);
    expect(nav.place).toEqual({ view: "settings" });
    expect(methods(backend)).not.toContain("decline");
    expect(methods(backend)).not.toContain("answer");
  });
});
