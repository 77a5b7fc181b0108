import { fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, test } from "vitest";
import { notices } from "$lib/stores/notices.svelte";
import { devices } from "$lib/stores/devices.svelte";
import { begin, settle, show } from "../../tests/render";
import { ACCOUNT, callOf, message, week } from "../review/world";
import CallScreen from "./call/CallScreen.svelte";
import CallSound from "./call/CallSound.svelte";
import CallEntry from "./chats/CallEntry.svelte";
import FileEntry from "./chats/FileEntry.svelte";
import DeviceChoice from "./settings/DeviceChoice.svelte";
import Sound from "./settings/Sound.svelte";
import StoragePage from "./settings/StoragePage.svelte";

const asked = (backend: { asked: { method: string; args: unknown[] }[] }, method: string) => backend.asked.filter((one) => one.method === method);
const press = async (name: string | RegExp): Promise<void> => {
  await fireEvent.click(screen.getByRole("button", { name }));
  await settle();
};

afterEach(() => notices.clear());

describe("devices", () => {
  test("are followed while somebody chooses, however many choices are shown, and no longer", async () => {
    const backend = await begin(week());
    const one = render(DeviceChoice);
    const other = render(DeviceChoice);
    await settle();
    expect(asked(backend, "watchDevices").map(({ args }) => args[0])).toEqual([true]);
    backend.emit({ type: "devices", devices: { microphones: [{ id: "new", name: "New headset", default: false }], loudspeakers: [] } });
    await settle();
    expect(screen.getAllByRole("option", { name: "New headset" })).toHaveLength(2);
    one.unmount();
    expect(asked(backend, "watchDevices")).toHaveLength(1);
    other.unmount();
    expect(asked(backend, "watchDevices").map(({ args }) => args[0])).toEqual([true, false]);
  });

  test("another one is chosen in the call, and the one in use is shown", async () => {
    const world = week();
    world.call = callOf({});
    const backend = await show(world, CallSound, { open: true });
    expect(screen.getByText("In use: Built-in microphone · Built-in speakers")).toBeTruthy();
    await fireEvent.change(screen.getByLabelText("Microphone"), { target: { value: "mic-2" } });
    await settle();
    expect(backend.world.settings.sound.microphone).toBe("mic-2");
  });

  test("one that is lost in a call gives a sentence, and the call goes on", async () => {
    const world = week();
    world.call = callOf({});
    const backend = await show(world, CallScreen, { call: world.call });
    backend.emit({ type: "call_device", kind: "microphone", change: "replaced", device: "Built-in microphone" });
    await settle();
    expect(notices.list.map(({ text }) => text)).toEqual(["The microphone is gone. Built-in microphone is used now."]);
    expect(screen.getByRole("button", { name: "Hang up" })).toBeTruthy();
  });

  test("without any the call says so for as long as that lasts", async () => {
    const world = week();
    world.call = callOf({ sound: { microphone: { name: null, missing: true }, loudspeaker: { name: "x", missing: false } } });
    await show(world, CallScreen, { call: world.call });
    expect(screen.getByText("No microphone: the others do not hear you")).toBeTruthy();
  });
});

describe("the test of the microphone", () => {
  test("shows how far it is, can be stopped, and says when nothing was heard", async () => {
    const backend = await show(week(), Sound, {});
    await press("Test microphone");
    expect(screen.getByText("Speak now.")).toBeTruthy();
    expect(Number(screen.getByRole("meter").getAttribute("aria-valuenow"))).toBeGreaterThan(0);
    backend.emit({ type: "sound_test", test: { stage: "playing", level: 0.2, progress: 0.1, silent: false } });
    await settle();
    expect(screen.getByText("This is how you sound.")).toBeTruthy();
    backend.emit({ type: "sound_test", test: { stage: "done", level: 0, progress: 1, silent: true } });
    await settle();
    expect(screen.getByText(/Nothing was heard/)).toBeTruthy();
    await press("Test microphone");
    await press("Stop");
    expect(asked(backend, "stopSoundTest")).toHaveLength(1);
    expect(devices.test).toBeNull();
  });

  test("says why it cannot be done", async () => {
    const backend = await show(week(), Sound, {});
    backend.world.faults.set("startSoundTest", "microphone");
    await press("Test microphone");
    expect(notices.list[0]?.text).toMatch(/microphone cannot be used/);
  });

  test("is not offered in a call, whose level is shown instead", async () => {
    const world = week();
    world.call = callOf({});
    await show(world, Sound, {});
    expect(screen.getByRole("button", { name: "Test microphone" }).hasAttribute("disabled")).toBe(true);
  });
});

describe("files of messages", () => {
  const file = { id: "f1", name: "map.pdf", mediaType: "application/pdf", size: 1000, width: null, height: null, thumbnail: null };
  const picture = { ...file, id: "p1", name: "ridge.webp", mediaType: "image/webp", width: 640, height: 420, thumbnail: "p1-small" };
  const sent = message({ author: "Bruno", at: 0, files: [file, picture] });

  test("show how far they are, by the file", async () => {
    const backend = await show(week(), FileEntry, { file, message: sent, conversation: "pair-bruno" });
    expect(screen.queryByRole("progressbar")).toBeNull();
    backend.emit({ type: "transfer", account: ACCOUNT, transfer: { file: "f1", done: 250, size: 1000, failure: null } });
    backend.emit({ type: "transfer", account: ACCOUNT, transfer: { file: "other", done: 9, size: 10, failure: null } });
    await settle();
    expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("25");
    backend.emit({ type: "transfer", account: ACCOUNT, transfer: { file: "f1", done: 250, size: 1000, failure: "offline" } });
    await settle();
    expect(screen.queryByRole("progressbar")).toBeNull();
  });

  test("are saved where the user wants them, and it is said when they cannot be", async () => {
    const backend = await show(week(), FileEntry, { file, message: sent, conversation: "pair-bruno" });
    await press("Save map.pdf");
    expect(asked(backend, "saveFile")[0]?.args).toEqual(["f1"]);
    expect(notices.list.map(({ text }) => text)).toEqual(["map.pdf was saved"]);
    backend.world.faults.set("saveFile", "place_unusable");
    await press("Save map.pdf");
    expect(notices.list.at(-1)?.text).toMatch(/Nothing can be written there/);
  });

  test("are shown as pictures only when they are of a kind that is, and as files where that fails", async () => {
    await show(week(), FileEntry, { file: picture, message: sent, conversation: "pair-bruno" });
    const shown = screen.getByRole("button", { name: "View ridge.webp" }).querySelector("img");
    expect(shown).toBeTruthy();
    if (shown) await fireEvent.error(shown);
    await settle();
    expect(screen.getByText("ridge.webp")).toBeTruthy();
    document.body.replaceChildren();
    await show(week(), FileEntry, { file: { ...picture, mediaType: "image/svg+xml" }, message: sent, conversation: "pair-bruno" });
    expect(document.querySelector("img")).toBeNull();
  });
});

describe("calls in a conversation", () => {
  const entry = async (language: "en" | "fr", changes: Parameters<typeof message>[0]) => {
    document.body.replaceChildren();
    const backend = await begin(week());
    backend.emit({ type: "settings", settings: { ...backend.world.settings, language } });
    await settle();
    const conversation = backend.world.conversations.find((one) => one.id === "pair-bruno") ?? null;
    render(CallEntry, { props: { message: message(changes), conversation, writable: true, highlighted: false } });
    await settle();
    return backend;
  };

  test.each([
    ["en", "Missed call", "Call back"],
    ["fr", "Appel manqué", "Rappeler"],
  ] as const)("%s: one that was missed can be called back", async (language, words, action) => {
    const backend = await entry(language, { author: "Bruno", at: 0, call: { result: "missed", seconds: 0 } });
    expect(screen.getByText(words)).toBeTruthy();
    await press(action);
    expect(asked(backend, "callContact")[0]?.args).toEqual(["Bruno"]);
  });

  test.each([
    ["en", "You declined a call", "Call, 12:34"],
    ["fr", "Vous avez refusé un appel", "Appel, 12:34"],
  ] as const)("%s: one that was declined, and one that was answered with how long it went on", async (language, declined, answered) => {
    await entry(language, { author: "Bruno", at: 0, call: { result: "declined", seconds: 0 } });
    expect(screen.getByText(declined)).toBeTruthy();
    expect(screen.queryByRole("button")).toBeNull();
    await entry(language, { author: "Bruno", at: 0, call: { result: "finished", seconds: 754 } });
    expect(screen.getByText(answered)).toBeTruthy();
  });
});

describe("an export", () => {
  const progress = { messages: 40, conversations: 3, allConversations: 6, files: 0, allFiles: 0, missingFiles: 0, incomplete: 0 };

  test("shows how far it is, and never goes back", async () => {
    const backend = await show(week(), StoragePage, {});
    const shown: number[] = [];
    for (const step of [progress, { ...progress, conversations: 6, allFiles: 10 }, { ...progress, conversations: 6, allFiles: 10, files: 5, missingFiles: 5 }]) {
      backend.emit({ type: "export", account: ACCOUNT, export: step });
      await settle();
      shown.push(Number(screen.getByRole("progressbar").getAttribute("aria-valuenow")));
    }
    expect(shown).toEqual([25, 50, 100]);
    backend.emit({ type: "export", account: ACCOUNT, export: null });
    await settle();
    expect(screen.queryByRole("progressbar")).toBeNull();
  });

  test("can be called off while it goes on, and then says nothing", async () => {
    const backend = await show(week(), StoragePage, {});
    const called: string[] = [];
    let end: (done: null) => void = () => {};
    backend.exportData = () => new Promise((resolve) => (end = resolve));
    backend.cancelExport = async (account: string) => {
      called.push(account);
      end(null);
    };
    expect(screen.queryByRole("button", { name: "Cancel export" })).toBeNull();
    await press("Export");
    backend.emit({ type: "export", account: ACCOUNT, export: progress });
    await settle();
    notices.clear();
    await press("Cancel export");
    backend.emit({ type: "export", account: ACCOUNT, export: null });
    await settle();
    expect(called).toEqual([ACCOUNT]);
    expect(notices.list).toEqual([]);
    expect(screen.queryByRole("button", { name: "Cancel export" })).toBeNull();
  });

  test("says that it is done, or what could not be had", async () => {
    const backend = await show(week(), StoragePage, {});
    await press("Export");
    expect(notices.list.at(-1)?.text).toBe("Exported");
    backend.exportData = async () => ({ ...progress, missingFiles: 2 });
    await press("Export");
    expect(notices.list.at(-1)?.text).toMatch(/2 files are missing/);
    backend.exportData = async () => null;
    notices.clear();
    await press("Export");
    expect(notices.list).toEqual([]);
  });
});
