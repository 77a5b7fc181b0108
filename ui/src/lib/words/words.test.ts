import { afterEach, describe, expect, test } from "vitest";
import type { Message } from "$lib/backend/types";
import { BackendError } from "$lib/backend/backend";
import { defaults, localeFor, settings, changed } from "$lib/stores/settings.svelte";
import { message, participant } from "../../review/world";
import { endWords, outcomeWords, phaseWords, worst } from "./calls";
import { callOf } from "../../review/world";
import { connectionWords } from "./connection";
import { deliveryOf, reactionsOf } from "./delivery";
import { deviceWords } from "./devices";
import { errorWords } from "./errors";
import { figuresOf, linesOf } from "./figures";
import { acceleratorOf } from "./keys";
import { contentOf, isPicture, lengthOf, pieces, previewOf } from "./messages";
import { hueOf, initials } from "./names";
import { rowsOf } from "./rows";
import { bytes, daysBetween, dayWords, duration, listOf } from "./time";

const speak = (language: "en" | "fr") => settings.handle({ type: "settings", settings: { ...defaults, language } });
afterEach(() => speak("en"));

describe("links in messages", () => {
  const links = (text: string) => pieces(text).flatMap((piece) => (piece.kind === "link" ? [piece.url] : []));
  const whole = (text: string) => pieces(text).map((piece) => piece.text).join("");

  test.each([
    ["see https://example.org.", ["https://example.org/"]],
    ["(https://example.org/a_(b))", ["https://example.org/a_(b)"]],
    ["http://a.example/x?y=1#z, and https://b.example!", ["http://a.example/x?y=1#z", "https://b.example/"]],
    ["https://example.org/ü", ["https://example.org/%C3%BC"]],
    ["HTTPS://EXAMPLE.ORG/Path", ["https://example.org/Path"]],
  ])("finds %s", (text, found) => {
    speak("en");
    expect(links(text)).toEqual(found);
    expect(whole(text)).toBe(text);
  });

  test.each([
    "javascript:alert(1)",
    "data:text/html,<script>",
    "file:///etc/passwd",
    "cooee://example.org/add/x",
    "https://bank.example@evil.example/",
    "https://user:password@example.org/",
    "https://",
    "http://[",
    "ftp://example.org",
  ])("makes no link of %s", (text) => {
    expect(links(text)).toEqual([]);
    expect(whole(text)).toBe(text);
  });

  test("ends a link where the direction of writing is turned around", () => {
    expect(links("https://a.example/\u202Egpj.exe")).toEqual(["https://a.example/"]);
  });

  test("shows a name of a host as it really is", () => {
    expect(links("https://аpple.com/")).toEqual(["https://xn--pple-43d.com/"]);
  });

  test("leaves every text whole, whatever is in it", () => {
    const seed = 20261130;
    let state = seed;
    const next = () => (state = (state * 1103515245 + 12345) % 2 ** 31);
    const parts = ["https://", "a.b", "(", ")", "<img src=x onerror=1>", "\u202e", " ", "\n", "@", "]", ".", "…", "http://x.y/z", "😀", "&lt;"];
    for (let round = 0; round < 500; round += 1) {
      const text = Array.from({ length: 12 }, () => parts[next() % parts.length]).join("");
      expect(whole(text), `seed ${seed}, round ${round}`).toBe(text);
    }
  });
});

describe("one line of a message", () => {
  test("says what it is", () => {
    speak("en");
    const base = { author: "Bruno", at: 0 };
    expect(contentOf(message({ ...base, text: " two\n lines " }))).toBe("two lines");
    expect(contentOf(message({ ...base, deleted: true, text: "" }))).toBe("Deleted message");
    expect(contentOf(message({ ...base, call: { result: "missed", seconds: 0 } }))).toBe("Missed call");
    expect(contentOf(message({ ...base, author: "Ada", call: { result: "missed", seconds: 0 } }))).toBe("No answer");
    expect(previewOf(message({ ...base, author: "Ada", text: "hi" }), true)).toBe("You: hi");
    expect(previewOf(message({ ...base, text: "hi" }), true)).toBe("Bruno: hi");
    expect(previewOf(message({ ...base, text: "hi" }), false)).toBe("hi");
  });
  test("knows what is a picture", () => {
    expect(isPicture("IMAGE/PNG")).toBe(true);
    expect(isPicture("image/svg+xml")).toBe(false);
    expect(isPicture("text/html")).toBe(false);
  });
  test("counts characters as the protocol does", () => expect(lengthOf("e\u0301😀")).toBe(3));
});

describe("rows of a timeline", () => {
  const at = (day: number, minute: number) => new Date(2026, 10, day, 12, minute).getTime();
  const one = (changes: Partial<Message> & { author: string; at: number }) => message(changes);

  test("have days, runs of an author and the place of what is new", () => {
    const messages = [
      one({ sequence: 1, author: "Bruno", at: at(1, 0) }),
      one({ sequence: 2, author: "Bruno", at: at(1, 1) }),
      one({ sequence: 3, author: "Ada", at: at(1, 2) }),
      one({ sequence: 4, author: "Bruno", at: at(2, 0) }),
      one({ sequence: 5, author: "Bruno", at: at(2, 30) }),
      one({ sequence: 6, author: "Bruno", at: at(2, 31), call: { result: "finished", seconds: 5 } }),
    ];
    const rows = rowsOf(messages, false, 4);
    expect(rows.map((row) => row.day !== null)).toEqual([true, false, false, true, false, false]);
    expect(rows.map((row) => row.unread)).toEqual([false, false, false, false, true, false]);
    expect(rows.map((row) => row.beginning)).toEqual([true, false, false, false, false, false]);
    expect(rows.slice(0, 5).map((row) => [row.first, row.last])).toEqual([[true, false], [false, true], [true, true], [true, true], [true, true]]);
    expect(rowsOf(messages, true, null).some((row) => row.beginning || row.unread)).toBe(false);
  });

  test("have no line for what one wrote oneself", () => {
    expect(rowsOf([one({ sequence: 1, author: "Ada", at: 0 })], false, 0).some((row) => row.unread)).toBe(false);
  });

  test("keep their keys where the clock steps back", () => {
    const rows = rowsOf([one({ sequence: 1, author: "B", at: at(2, 0) }), one({ sequence: 2, author: "B", at: at(1, 0) }), one({ sequence: 3, author: "B", at: at(2, 0) })], true, null);
    expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
  });
});

describe("how far a message is", () => {
  const own = message({ id: "x", sequence: 7, author: "Ada", at: 0 });
  const mark = (name: string, delivered: number, read: number) => ({ name, delivered, read });
  test.each([
    [[], "sent"],
    [[mark("Ada", 7, 7)], "sent"],
    [[mark("Bruno", 7, 3)], "delivered"],
    [[mark("Bruno", 7, 7), mark("Chloé", 7, 6)], "delivered"],
    [[mark("Bruno", 9, 7), mark("Ada", 0, 0)], "read"],
  ])("by marks %j: %s", (marks, state) => expect(deliveryOf(own, marks).state).toBe(state));
  test("before it has a place", () => {
    expect(deliveryOf({ ...own, sequence: null, state: "sending" }, []).state).toBe("waiting");
    expect(deliveryOf({ ...own, sequence: null, state: "failed" }, []).state).toBe("failed");
  });
  test("reactions stand together", () => {
    const together = reactionsOf([{ name: "Bruno", text: "🙏" }, { name: "Ada", text: "👍" }, { name: "Chloé", text: "👍" }], "Ada");
    expect(together.map(({ text, count, mine }) => [text, count, mine])).toEqual([["👍", 2, true], ["🙏", 1, false]]);
  });
});

describe("calls in words", () => {
  test("nothing says failed while sound flows", () => {
    for (const language of ["en", "fr"] as const) {
      speak(language);
      for (const phase of ["connecting", "connected", "reconnecting", "ringing_out"] as const) {
        expect(phaseWords(callOf({ phase }), Date.now())).not.toMatch(/fail|échou|échec/i);
      }
      expect(endWords("remote_hung_up")).not.toMatch(/fail|échou/i);
    }
  });
  test("the worst of those who are heard counts", () => {
    const poor = { verdict: "poor", reason: "loss", rating: 40, opinion: 2 } as const;
    expect(worst([participant("a"), participant("b", { quality: poor }), participant("c", { state: "unreachable", quality: poor })])?.name).toBe("b");
    expect(worst([participant("a", { quality: null })])).toBeNull();
  });
  test.each([
    ["en", "missed", false, false, "Missed call"],
    ["en", "missed", true, false, "No answer"],
    ["en", "declined", false, false, "You declined a call"],
    ["en", "declined", true, false, "Call declined"],
    ["en", "declined", false, true, "Call declined"],
    ["en", "finished", false, false, "Call, 12:34"],
    ["fr", "missed", false, false, "Appel manqué"],
    ["fr", "missed", true, false, "Pas de réponse"],
    ["fr", "declined", false, false, "Vous avez refusé un appel"],
    ["fr", "declined", true, false, "Appel refusé"],
    ["fr", "declined", false, true, "Appel refusé"],
    ["fr", "finished", true, true, "Appel, 12:34"],
  ] as const)("%s: %s, own %s, of a group %s", (language, result, own, group, words) => {
    speak(language);
    expect(outcomeWords({ result, seconds: result === "finished" ? 754 : 0 }, own, group)).toBe(words);
  });
  test("what becomes of a device is said in both languages", () => {
    const changes = ["replaced", "missing", "refused", "returned", "followed"] as const;
    for (const language of ["en", "fr"] as const) {
      speak(language);
      const all = (["microphone", "loudspeaker"] as const).flatMap((kind) => changes.map((change) => deviceWords(kind, change, "USB headset")));
      expect(new Set(all).size).toBe(10);
      expect(all.filter((words) => words.includes("USB headset"))).toHaveLength(6);
    }
  });
  test("an outcome depends on the side", () => {
    speak("en");
    expect(outcomeWords({ result: "declined", seconds: 0 }, true, false)).toBe("Call declined");
    expect(outcomeWords({ result: "finished", seconds: 3912 }, false, false)).toBe("Call, 1:05:12");
  });
});

describe("the connection in words", () => {
  const state = (changes: object) => ({ state: "reconnecting" as const, attempt: 1, retryAt: null, ended: null, ...changes });
  test("counts down and never below nothing", () => {
    speak("en");
    expect(connectionWords(state({ retryAt: 10_000 }), 2_500)).toBe("Offline, next try in 8 s");
    expect(connectionWords(state({ retryAt: 10_000 }), 20_000)).toBe("Offline, trying again");
    expect(connectionWords({ ...state({}), state: "online" }, 0)).toBeNull();
  });
});

describe("time and numbers", () => {
  test("durations", () => expect([0, 59.9, 60, 3600, -5].map(duration)).toEqual(["0:00", "0:59", "1:00", "1:00:00", "0:00"]));
  test("days across a change of the clock", () => {
    expect(daysBetween(new Date(2026, 2, 28, 23).getTime(), new Date(2026, 2, 30, 1).getTime())).toBe(2);
  });
  test("days in words, in both languages", () => {
    const now = new Date(2026, 10, 30, 9).getTime();
    expect(dayWords(now, now)).toBe("Today");
    speak("fr");
    expect(dayWords(now - 86_400_000, now)).toBe("Hier");
    expect(listOf(["a", "b", "c"])).toBe("a, b et c");
  });
  test("sizes", () => expect([1, 999, 1500, 12_000_000].map(bytes)).toEqual(["1 byte", "999 bytes", "1.5 kB", "12 MB"]));
});

describe("names", () => {
  test.each([
    ["Bruno", "B"],
    ["élodie.martin", "ÉM"],
    ["Tom_the_plumber", "TP"],
    ["小林さくら", "小"],
    ["ليلى", "ل"],
    ["👩‍👩‍👧 family", "F"],
    ["…", "…"],
  ])("%s becomes %s", (name, letters) => expect(initials(name)).toBe(letters));
  test("a hue does not depend on case", () => expect(hueOf("BRUNO")).toBe(hueOf("bruno")));
});

describe("figures", () => {
  const sample = (received: number, lost: number) => ({ at: 0, sent: 0, received, lost, late: 0, concealed: 0, recovered: 0, jitterMs: 0, roundTripMs: null, bufferMs: 0, rating: null, bitrate: null });
  test("loss is that of each second", () => {
    expect(figuresOf([sample(0, 0), sample(45, 5), sample(45, 5), sample(95, 5)]).map((one) => one.lost)).toEqual([null, 10, null, 0]);
  });
  test("lines have gaps where nothing is known", () => {
    expect(linesOf([0, 50, null, 100, Number.NaN, 200], 100)).toEqual(["0,100 20,50", "60,0 60,0", "100,0 100,0"]);
    expect(linesOf([], 100)).toEqual([]);
  });
});

describe("keys", () => {
  const press = (key: string, code: string, held = {}) => acceleratorOf({ key, code, ctrlKey: false, shiftKey: false, altKey: false, metaKey: false, ...held });
  test("get the names that the shell takes", () => {
    expect(press(" ", "Space", { ctrlKey: true, shiftKey: true })).toBe("Ctrl+Shift+Space");
    expect(press("q", "KeyQ", { metaKey: true })).toBe("Super+Q");
    expect(press("F8", "F8")).toBe("F8");
    expect(press("Control", "ControlLeft", { ctrlKey: true })).toBeNull();
  });
});

describe("settings", () => {
  test("the language of the system, as far as it is spoken", () => {
    expect(localeFor("system", ["de-DE", "fr-CA", "en"])).toBe("fr");
    expect(localeFor("system", ["de"])).toBe("en");
    expect(localeFor("system", ["fr_FR.UTF-8"])).toBe("fr");
    expect(localeFor("en", ["fr"])).toBe("en");
  });
  test("changes go to any depth and leave the rest", () => {
    const next = changed(defaults, { sound: { microphone: "x" }, talkKey: "F8" });
    expect(next.sound).toEqual({ ...defaults.sound, microphone: "x" });
    expect(next.talkKey).toBe("F8");
    expect(defaults.talkKey).toBeNull();
    expect(changed(next, { sound: { microphone: null } }).sound.microphone).toBeNull();
  });
});

test("an error without a sentence of its own gets the general one", () => {
  speak("en");
  expect(errorWords(new BackendError("no_such_code"))).toMatch(/^Something went wrong/);
  expect(errorWords(new Error("x"))).toMatch(/^Something went wrong/);
});
