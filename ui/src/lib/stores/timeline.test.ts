import { beforeEach, describe, expect, test } from "vitest";
import type { Message } from "$lib/backend/types";
import { emptyWorld, ScriptedBackend } from "../../review/scripted";
import { message } from "../../review/world";
import { setBackend } from "./backend";
import { HELD, Timeline } from "./timeline.svelte";

const many = (count: number): Message[] =>
  Array.from({ length: count }, (_, index) => message({ id: `e${index + 1}`, sequence: index + 1, author: "Bruno", at: index * 1000, text: `${index + 1}` }));

let backend: ScriptedBackend;
function timelineOf(messages: Message[]): Timeline {
  const world = emptyWorld();
  world.active = "a";
  world.messages.set("c", messages);
  backend = new ScriptedBackend(world);
  setBackend(backend);
  return new Timeline("a", "c");
}
const sequences = (timeline: Timeline) => timeline.messages.map((one) => one.sequence);

beforeEach(() => setBackend(null));

describe("a timeline", () => {
  test("opens at the newest page", async () => {
    const timeline = timelineOf(many(200));
    expect(timeline.state).toBe("loading");
    await timeline.open();
    expect(timeline.state).toBe("ready");
    expect(sequences(timeline).at(0)).toBe(141);
    expect(sequences(timeline).at(-1)).toBe(200);
    expect([timeline.earlier, timeline.later]).toEqual([true, false]);
  });

  test("grows at the top without gaps or doubles, to the beginning", async () => {
    const timeline = timelineOf(many(150));
    await timeline.open();
    while (timeline.earlier) await timeline.loadEarlier();
    expect(sequences(timeline)).toEqual(Array.from({ length: 150 }, (_, index) => index + 1));
  });

  test("asks once when it is asked twice", async () => {
    const timeline = timelineOf(many(200));
    await timeline.open();
    await Promise.all([timeline.loadEarlier(), timeline.loadEarlier()]);
    expect(backend.asked.filter(({ method }) => method === "messages")).toHaveLength(2);
  });

  test("holds a bounded number, and comes back to the end", async () => {
    const count = HELD + 500;
    const timeline = timelineOf(many(count));
    await timeline.open();
    while (timeline.earlier) await timeline.loadEarlier();
    expect(timeline.messages).toHaveLength(HELD);
    expect(sequences(timeline).at(0)).toBe(1);
    expect(timeline.later).toBe(true);
    while (timeline.later) await timeline.loadLater();
    expect(timeline.messages).toHaveLength(HELD);
    expect(sequences(timeline).at(-1)).toBe(count);
    const all = sequences(timeline);
    expect(all).toEqual(Array.from({ length: HELD }, (_, index) => count - HELD + 1 + index));
  });

  test("shows what was searched for, far up", async () => {
    const timeline = timelineOf(many(1000));
    await timeline.open();
    await timeline.showAround(300);
    expect(sequences(timeline)).toContain(300);
    expect([timeline.earlier, timeline.later]).toEqual([true, true]);
  });

  test("takes in what is new, changed and gone", async () => {
    const timeline = timelineOf(many(3));
    await timeline.open();
    const waiting = message({ id: "own", sequence: null, author: "Ada", at: 9000, text: "hello", state: "sending" });
    timeline.apply([waiting], []);
    timeline.apply([message({ id: "e4", sequence: 4, author: "Bruno", at: 9500 })], []);
    expect(timeline.messages.map((one) => one.id)).toEqual(["e1", "e2", "e3", "e4", "own"]);
    timeline.apply([{ ...waiting, sequence: 5, state: "sent" }], ["e2"]);
    expect(timeline.messages.map((one) => one.id)).toEqual(["e1", "e3", "e4", "own"]);
    expect(timeline.lastSequence()).toBe(5);
  });

  test("leaves out what lies beyond what it holds", async () => {
    const timeline = timelineOf(many(500));
    await timeline.open();
    await timeline.showAround(200);
    const before = sequences(timeline);
    timeline.apply([message({ id: "new", sequence: 501, author: "Bruno", at: 1 }), message({ id: "old", sequence: 3, author: "Bruno", at: 1 })], []);
    expect(sequences(timeline)).toEqual(before);
  });

  test("says when it cannot be shown, and tries again", async () => {
    const timeline = timelineOf(many(2));
    backend.world.faults.set("messages", "cache");
    await timeline.open();
    expect(timeline.state).toBe("failed");
    backend.world.faults.clear();
    await timeline.open();
    expect(timeline.state).toBe("ready");
  });

  test("keeps what it shows when a later look fails", async () => {
    const timeline = timelineOf(many(2));
    await timeline.open();
    backend.world.faults.set("messages", "offline");
    await timeline.open();
    expect(timeline.state).toBe("ready");
    expect(timeline.messages).toHaveLength(2);
  });
});
