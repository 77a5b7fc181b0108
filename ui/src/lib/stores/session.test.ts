import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { tick } from "svelte";
import { ScriptedBackend, emptyWorld, type World } from "../../review/scripted";
import { ACCOUNT, callOf, message, week } from "../../review/world";
import { setBackend } from "./backend";
import { call } from "./call.svelte";
import { devices } from "./devices.svelte";
import { nav } from "./nav.svelte";
import { notices } from "./notices.svelte";
import { session } from "./session.svelte";
import { settings } from "./settings.svelte";

async function start(world: World): Promise<ScriptedBackend> {
  const backend = new ScriptedBackend(world);
  setBackend(backend);
  await session.start();
  await vi.advanceTimersByTimeAsync(0);
  return backend;
}

/** Lets queued events be taken in. */
const settle = () => vi.advanceTimersByTimeAsync(1);

beforeEach(() => {
  vi.useFakeTimers();
  notices.clear();
});
afterEach(() => {
  session.stop();
  session.adding = false;
  vi.useRealTimers();
});

describe("the session", () => {
  test("begins at the welcome screen without an account", async () => {
    await start(emptyWorld());
    expect(session.phase).toBe("welcome");
  });

  test("begins with what the shell knows", async () => {
    await start(week());
    expect(session.phase).toBe("ready");
    expect(session.account?.profile.name).toBe("Ada");
    expect(session.people.confirmed[0]?.name).toBe("Bruno");
    expect(session.people.requests.map((one) => one.name)).toEqual(["new.neighbour", "Wirrin"]);
    expect(session.conversations.list[0]?.id).toBe("pair-bruno");
    expect(session.conversations.unread).toBe(3);
  });

  test("says why it cannot start, and starts when asked again", async () => {
    const world = week();
    world.faults.set("snapshot", "data_folder");
    await start(world);
    expect(session.phase).toBe("broken");
    expect(session.fault?.code).toBe("data_folder");
    world.faults.clear();
    await session.start();
    expect(session.phase).toBe("ready");
  });

  test("loses no event between subscription and snapshot", async () => {
    const world = week();
    const backend = new ScriptedBackend(world);
    setBackend(backend);
    const snapshot = backend.snapshot.bind(backend);
    backend.snapshot = async () => {
      const answer = await snapshot();
      backend.emit({ type: "contact", account: ACCOUNT, contact: { name: "Zoë", presence: "online", picture: null }, previous: null });
      return answer;
    };
    await session.start();
    expect(session.people.contacts.get("Zoë")?.presence).toBe("online");
  });

  test("goes to the sign-in when the session is over, and back", async () => {
    const backend = await start(week());
    const account = { ...backend.world.accounts[0]! };
    account.session = { state: "signed_out", attempt: 0, retryAt: null, ended: { code: "session_over", detail: null } };
    backend.emit({ type: "accounts", accounts: [account], active: ACCOUNT });
    await settle();
    expect(session.phase).toBe("welcome");
    account.session = { state: "online", attempt: 0, retryAt: null, ended: null };
    backend.emit({ type: "accounts", accounts: [account], active: ACCOUNT });
    await settle();
    expect(session.phase).toBe("ready");
  });

  test("tells of a lost connection only when it lasts", async () => {
    const backend = await start(week());
    const account = { ...backend.world.accounts[0]! };
    const tell = (state: "reconnecting" | "online") =>
      backend.emit({ type: "accounts", accounts: [{ ...account, session: { state, attempt: 1, retryAt: null, ended: null } }], active: ACCOUNT });
    tell("reconnecting");
    await vi.advanceTimersByTimeAsync(800);
    expect(session.troubled).toBe(false);
    tell("online");
    await vi.advanceTimersByTimeAsync(5000);
    expect(session.troubled).toBe(false);
    tell("reconnecting");
    await vi.advanceTimersByTimeAsync(1000);
    tell("reconnecting");
    await vi.advanceTimersByTimeAsync(1000);
    expect(session.troubled).toBe(true);
    tell("online");
    await settle();
    expect(session.troubled).toBe(false);
  });

  test("takes everything anew when events were lost", async () => {
    const backend = await start(week());
    const world = week();
    world.contacts = [{ name: "Bruno", presence: "offline", picture: null }];
    world.settings.language = "fr";
    backend.emit({ type: "everything", snapshot: { ...(await new ScriptedBackend(world).snapshot()) } });
    await settle();
    expect([...session.people.contacts.keys()]).toEqual(["Bruno"]);
    expect(settings.locale).toBe("fr");
  });

  test("takes messages in together", async () => {
    const backend = await start(week());
    const timeline = session.conversations.timeline("hikers");
    await settle();
    const before = timeline.messages.length;
    for (let index = 0; index < 500; index += 1) {
      backend.emit({ type: "messages", account: ACCOUNT, conversation: "hikers", messages: [message({ id: `n${index}`, sequence: 1000 + index, author: "Bruno", at: Date.now() + index })], removed: [] });
    }
    const apply = vi.spyOn(timeline, "apply");
    await settle();
    expect(apply).toHaveBeenCalledTimes(1);
    expect(timeline.messages).toHaveLength(before + 500);
  });

  test("knows who types, and until when", async () => {
    const backend = await start(week());
    backend.emit({ type: "typing", account: ACCOUNT, conversation: "hikers", names: ["Chloé"] });
    await settle();
    expect(session.conversations.typing("hikers")).toEqual(["Chloé"]);
    backend.emit({ type: "typing", account: ACCOUNT, conversation: "hikers", names: [] });
    await settle();
    expect(session.conversations.typing("hikers")).toEqual([]);
  });

  test("shows a transfer until it is done", async () => {
    const backend = await start(week());
    const transfer = { file: "f", done: 10, size: 100, failure: null };
    backend.emit({ type: "transfer", account: ACCOUNT, transfer });
    await settle();
    expect(session.conversations.transfers.get("f")?.done).toBe(10);
    backend.emit({ type: "transfer", account: ACCOUNT, transfer: { ...transfer, done: 100 } });
    await settle();
    expect(session.conversations.transfers.get("f")).toBeUndefined();
  });

  test("follows a rename", async () => {
    const backend = await start(week());
    backend.emit({ type: "contact", account: ACCOUNT, contact: { name: "Bruno2", presence: "online", picture: null }, previous: "Bruno" });
    await settle();
    expect(session.people.contacts.has("Bruno")).toBe(false);
    expect(session.people.contacts.has("Bruno2")).toBe(true);
  });

  test("goes where a notification leads", async () => {
    const backend = await start(week());
    call.shown = true;
    backend.emit({ type: "go", destination: { to: "conversation", account: ACCOUNT, conversation: "hikers" } });
    await settle();
    expect(nav.place).toEqual({ view: "chat", id: "hikers" });
    expect(call.shown).toBe(false);
  });

  test("says what the shell has noticed", async () => {
    const backend = await start(week());
    backend.emit({ type: "notice", notice: { account: null, problem: { code: "disk_full", detail: null } } });
    await settle();
    expect(notices.list[0]?.text).toMatch(/disk|disque/);
  });

  test("shows another account's people after a switch", async () => {
    const backend = await start(week());
    backend.world.accounts.push({ ...backend.world.accounts[0]!, id: "two", profile: { name: "Other", picture: null } });
    backend.emit({ type: "roster", account: "two", roster: { contacts: [], groups: [], blocked: ["x"] } });
    await backend.switchTo("two");
    await settle();
    expect(session.account?.profile.name).toBe("Other");
    expect(session.people.contacts.size).toBe(0);
    expect(nav.place).toEqual({ view: "chats" });
  });
});

describe("the call", () => {
  test("comes up when it begins, and stays where it was put", async () => {
    const backend = await start(week());
    backend.emit({ type: "call", call: callOf({ phase: "ringing_out" }) });
    await settle();
    expect(call.shown).toBe(true);
    call.shown = false;
    backend.emit({ type: "call", call: callOf({ phase: "connected" }) });
    await settle();
    expect(call.shown).toBe(false);
    backend.emit({ type: "call", call: null });
    await settle();
    expect([call.current, call.active]).toEqual([null, false]);
  });

  test("keeps two minutes of figures, and begins anew with the next call", async () => {
    const backend = await start(week());
    backend.emit({ type: "call", call: callOf({}) });
    const sample = { at: 0, sent: 0, received: 0, lost: 0, late: 0, concealed: 0, recovered: 0, jitterMs: 0, roundTripMs: null, bufferMs: 0, rating: null, bitrate: null };
    for (let second = 0; second < 200; second += 1) backend.emit({ type: "stats", sample: { ...sample, at: second * 1000 } });
    await settle();
    expect(call.stats).toHaveLength(120);
    expect(call.stats.at(-1)?.at).toBe(199_000);
    backend.emit({ type: "call", call: callOf({ id: 2 }) });
    await settle();
    expect(call.stats).toHaveLength(0);
  });

  test("asks, and waits for the answer to show it", async () => {
    const backend = await start(week());
    backend.world.call = callOf({});
    backend.emit({ type: "call", call: backend.world.call });
    await settle();
    await call.toggleMuted();
    await settle();
    expect(backend.asked.at(-1)).toEqual({ method: "setMuted", args: [true] });
    expect(call.current?.muted).toBe(true);
  });
});

test("the test of the microphone comes and goes", async () => {
  const backend = await start(week());
  await backend.startSoundTest();
  await settle();
  expect(devices.test?.stage).toBe("recording");
  await backend.stopSoundTest();
  await settle();
  expect(devices.test).toBeNull();
});

test("settings change in one place and nowhere else", async () => {
  const backend = await start(week());
  await settings.change({ sound: { processing: { highPass: false } } });
  await settle();
  await tick();
  expect(settings.current.sound.processing).toEqual({ echoCancellation: true, noiseSuppression: true, gainControl: true, highPass: false });
  expect(backend.world.settings.appearance.theme).toBe("system");
});

test("notices are few, go by themselves and are not said twice", async () => {
  for (const text of ["a", "b", "b", "c", "d"]) notices.show(text);
  expect(notices.list.map((one) => one.text)).toEqual(["b", "c", "d"]);
  await vi.advanceTimersByTimeAsync(7000);
  expect(notices.list).toEqual([]);
});
