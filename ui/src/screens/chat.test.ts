import { fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { call } from "$lib/stores/call.svelte";
import { nav } from "$lib/stores/nav.svelte";
import { notices } from "$lib/stores/notices.svelte";
import { session } from "$lib/stores/session.svelte";
import { begin, settle, show } from "../../tests/render";
import { callOf, message, minutes, participant, week } from "../review/world";
import CallBar from "./call/CallBar.svelte";
import QualitySheet from "./call/QualitySheet.svelte";
import Tile from "./call/Tile.svelte";
import Chat from "./chats/Chat.svelte";
import ChatSearch from "./chats/ChatSearch.svelte";
import MessageEntry from "./chats/MessageEntry.svelte";

const asked = (backend: { asked: { method: string; args: unknown[] }[] }, method: string) => backend.asked.filter((one) => one.method === method);
const press = async (name: string | RegExp): Promise<void> => {
  await fireEvent.click(screen.getByRole("button", { name }));
  await settle();
};

// Where what floats is shown, as in the page.
beforeEach(() => {
  const content = document.createElement("main");
  content.id = "content";
  document.body.append(content);
});
afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
  notices.clear();
});

describe("a message", () => {
  const at = Date.now();
  async function entry(changes: Partial<Parameters<typeof message>[0]>, more: Record<string, unknown> = {}) {
    await begin(week());
    const menu = vi.fn();
    const react = vi.fn();
    const goTo = vi.fn();
    const one = message({ author: "Bruno", at, text: "Doing it now", ...changes });
    const props = { message: one, first: true, last: true, group: false, conversation: session.conversations.all.get("pair-bruno") ?? null, highlighted: false, menu, show: goTo, react, ...more };
    render(MessageEntry, { props });
    await settle();
    return { one, menu, react, goTo };
  }

  test("says whose it is and how far it has come", async () => {
    await entry({ author: "Ada", sequence: null, state: "sending" });
    expect(screen.getByRole("article", { name: "Your message" })).toBeTruthy();
    expect(screen.getByText("Waiting to be sent")).toBeTruthy();
    // Nothing can be done with one that is on its way.
    expect(screen.queryByRole("button", { name: /^Actions for/ })).toBeNull();
  });

  test("that was refused says why", async () => {
    await entry({ author: "Ada", sequence: null, state: "failed", failure: "not_contact" });
    expect(screen.getByText("Not sent")).toBeTruthy();
    expect(screen.getByText("You can write to each other when you are contacts.")).toBeTruthy();
  });

  test("that was deleted has neither words nor actions left", async () => {
    await entry({ deleted: true, text: "Doing it now", editedAt: at });
    expect(screen.queryByText("Doing it now")).toBeNull();
    expect(screen.queryByText("edited")).toBeNull();
    expect(screen.getByText("Deleted message")).toBeTruthy();
    expect(screen.queryByRole("button")).toBeNull();
  });

  test("of somebody who is gone is of a former member", async () => {
    await begin(week());
    const one = { ...message({ author: "Bruno", at, text: "bye" }), author: null };
    render(MessageEntry, { props: { message: one, first: true, last: true, group: true, conversation: null, highlighted: false, menu: () => {}, show: () => {}, react: null } });
    expect(screen.getByRole("article", { name: "Message from Former member" })).toBeTruthy();
  });

  test("leads to what it answers, and to its actions", async () => {
    const { one, menu, goTo } = await entry({ replyTo: { id: "m7", author: "Ada", text: "Which train?" } });
    await press(/You.*Which train/);
    expect(goTo).toHaveBeenCalledWith("m7");
    await press(/^Actions for: Doing it now/);
    expect(menu).toHaveBeenCalledWith(one, expect.anything());
  });

  test("shows who reacted, and takes the same from oneself", async () => {
    const { one, react } = await entry({ reactions: [{ name: "Ada", text: "👍" }, { name: "Chloé", text: "👍" }, { name: "Dmitri", text: "😂" }] });
    const mine = screen.getByRole("button", { name: /👍/ });
    expect(mine.getAttribute("aria-pressed")).toBe("true");
    expect(mine.textContent).toMatch(/you.*Chloé/i);
    expect(screen.getByRole("button", { name: /😂/ }).getAttribute("aria-pressed")).toBe("false");
    await fireEvent.click(mine);
    expect(react).toHaveBeenCalledWith(one, "👍");
  });

  test("cannot be reacted to where one cannot write", async () => {
    await entry({ reactions: [{ name: "Chloé", text: "👍" }] }, { react: null });
    expect(screen.getByRole<HTMLButtonElement>("button", { name: /👍/ }).disabled).toBe(true);
  });
});

describe("a chat", () => {
  test("leads to the person and calls them", async () => {
    const backend = await show(week(), Chat, { id: "pair-bruno", at: null });
    expect(screen.getByRole("heading", { name: "Bruno" })).toBeTruthy();
    await press("Call Bruno");
    expect(asked(backend, "callContact")).toMatchObject([{ args: ["Bruno"] }]);
    await press(/Bruno.*Online/);
    expect(nav.place).toEqual({ view: "person", name: "Bruno" });
  });

  test("of a group calls everybody in it", async () => {
    const backend = await show(week(), Chat, { id: "hikers", at: null });
    await press("Call Sunday hikers");
    expect(asked(backend, "callGroup")).toMatchObject([{ args: ["hikers", []] }]);
  });

  test.each([
    ["with somebody who is no contact any more", "You and Bruno are not contacts any more.", (world: ReturnType<typeof week>) => (world.contacts = world.contacts.filter((one) => one.name !== "Bruno")), "pair-bruno"],
    ["with somebody who is blocked", "You have blocked Bruno.", (world: ReturnType<typeof week>) => (world.blocked = ["Bruno"]), "pair-bruno"],
    ["of a group one has left", "You are not in this group any more.", (world: ReturnType<typeof week>) => (world.groups = []), "hikers"],
  ] as const)("%s says so instead of a field, and offers no call", async (_, words, change, id) => {
    const world = week();
    change(world);
    await show(world, Chat, { id, at: null });
    expect(screen.getByText(words)).toBeTruthy();
    expect(screen.queryByRole("textbox")).toBeNull();
    expect(screen.queryByRole("button", { name: /^Call / })).toBeNull();
  });

  test("says who writes", async () => {
    const backend = await show(week(), Chat, { id: "pair-bruno", at: null });
    backend.emit({ type: "typing", account: session.id, conversation: "pair-bruno", names: ["Bruno"] });
    await settle();
    expect(screen.getByText("Writing…")).toBeTruthy();
  });

  test("that cannot be read says what to do, and is read when asked again", async () => {
    const world = week();
    world.faults.set("messages", "cache");
    // One that was not read before: what is known stays in sight.
    const backend = await show(world, Chat, { id: "pair-tom", at: null });
    expect(screen.getByText("Messages cannot be shown")).toBeTruthy();
    backend.world.faults.clear();
    await press("Try again");
    expect(screen.queryByText("Messages cannot be shown")).toBeNull();
  });
});

describe("the search in a chat", () => {
  async function search(words: string) {
    const goTo = vi.fn();
    const close = vi.fn();
    const backend = await show(week(), ChatSearch, { id: "pair-bruno", close, show: goTo });
    const field = screen.getByRole("textbox");
    vi.useFakeTimers();
    await fireEvent.input(field, { target: { value: words.slice(0, -1) } });
    vi.advanceTimersByTime(100);
    await fireEvent.input(field, { target: { value: words } });
    vi.advanceTimersByTime(200);
    vi.useRealTimers();
    await settle();
    return { backend, field, goTo, close };
  }

  test("looks for the last words alone, goes from match to match, and no further", async () => {
    const { backend, field, goTo, close } = await search("train");
    expect(asked(backend, "search")).toMatchObject([{ args: ["train", "pair-bruno"] }]);
    expect(screen.getByText("1 of 2")).toBeTruthy();
    expect(goTo).toHaveBeenCalledTimes(1);
    await fireEvent.keyDown(field, { key: "Enter" });
    await settle();
    expect(screen.getByText("2 of 2")).toBeTruthy();
    await fireEvent.keyDown(field, { key: "Enter" });
    await settle();
    expect(screen.getByText("2 of 2")).toBeTruthy();
    await press("Later match");
    expect(screen.getByText("1 of 2")).toBeTruthy();
    await fireEvent.keyDown(field, { key: "Escape" });
    expect(close).toHaveBeenCalledTimes(1);
  });

  test("says that there is nothing", async () => {
    const { goTo } = await search("zebra");
    expect(screen.getByText("Nothing found")).toBeTruthy();
    expect(goTo).not.toHaveBeenCalled();
  });
});

describe("somebody in a call", () => {
  test.each([
    [{ state: "ringing" as const, route: null }, "Ringing", 0],
    [{ state: "unreachable" as const, route: null }, "Cannot be reached", 0],
    [{ silenced: true }, "Silenced here", 1],
  ])("%o", async (changes, words, volumes) => {
    await show(week(), Tile, { participant: participant("Bruno", changes), picture: null, talking: true });
    expect(screen.getByText(words)).toBeTruthy();
    // Who is not heard has no volume.
    expect(screen.queryAllByRole("button", { name: /^Volume of Bruno/ })).toHaveLength(volumes);
  });

  test("is said to speak only while the call is connected", async () => {
    await show(week(), Tile, { participant: participant("Bruno", { speaking: true }), picture: null, talking: false });
    expect(screen.queryByText(/speaks/)).toBeNull();
  });
});

describe("the bar of a call", () => {
  test("comes back to the call, mutes and hangs up", async () => {
    const world = week();
    world.call = callOf({});
    const backend = await show(world, CallBar, { call: callOf({}) });
    call.shown = false;
    await press(/Back to the call/);
    expect(call.shown).toBe(true);
    await press("Mute");
    expect(asked(backend, "setMuted")).toMatchObject([{ args: [true] }]);
    await press("Hang up");
    expect(asked(backend, "hangUp")).toHaveLength(1);
  });

  test("of one that is over only closes", async () => {
    const world = week();
    const ended = callOf({ phase: "ended", ended: { reason: "remote_hung_up", detail: null, at: Date.now() } });
    world.call = ended;
    const backend = await show(world, CallBar, { call: ended });
    expect(screen.queryByRole("button", { name: "Hang up" })).toBeNull();
    await press("Close");
    expect(asked(backend, "dismissCall")).toHaveLength(1);
  });
});

describe("how a call is doing", () => {
  test("waits for figures, then plots them in words, too", async () => {
    const world = week();
    world.call = callOf({});
    const backend = await show(world, QualitySheet, { open: true, call: callOf({}) });
    expect(screen.getByText("The first figures come in a few seconds.")).toBeTruthy();
    for (const sample of minutes()) backend.emit({ type: "stats", sample });
    await settle();
    expect(screen.queryByText("The first figures come in a few seconds.")).toBeNull();
    const plots = screen.getAllByRole("img").map((plot) => plot.getAttribute("aria-label"));
    expect(plots).toHaveLength(4);
    for (const plot of plots) expect(plot).toMatch(/: last 109 seconds, from .+ to .+, now .+/);
  });
});
