// What holds for the whole tree, and for what is built of it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import en from "../messages/en.json";
import fr from "../messages/fr.json";
import { KNOWN_CODES } from "$lib/words/errors";

const root = join(import.meta.dirname, "..");
const files = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "paraglide" ? [] : files(path);
    return [path];
  });
const sources = files(join(root, "src")).filter((path) => /\.(ts|svelte)$/.test(path) && !path.endsWith("bindings.ts"));
const read = (path: string) => readFileSync(path, "utf8");
const app = sources.filter((path) => !path.endsWith(".test.ts") && !path.includes("/review/"));

/** What a message takes in, and where it says what depending on a number. */
const inputsOf = (message: unknown): string[] => [...new Set(JSON.stringify(message).match(/\{\w+\}/g) ?? [])].sort();

describe("the languages", () => {
  test("have the same messages with the same inputs", () => {
    expect(Object.keys(fr)).toEqual(Object.keys(en));
    for (const [key, message] of Object.entries(en)) {
      expect(inputsOf(fr[key as keyof typeof fr]), key).toEqual(inputsOf(message));
    }
  });
  test("have no message that nobody says", () => {
    const text = app.map(read).join("\n");
    for (const key of Object.keys(en)) expect(new RegExp(`\\bm\\.${key}\\b`).test(text), key).toBe(true);
  });
  test("have a sentence for each code of the shell", () => {
    const declared = /export type ErrorCode =([\s\S]*?);\n/.exec(read(join(root, "src/lib/bindings.ts")))?.[1] ?? "";
    const codes = [...declared.matchAll(/"(\w+)"/g)].map((match) => match[1] ?? "");
    expect(codes.length).toBeGreaterThan(40);
    for (const code of codes) if (code !== "internal") expect(KNOWN_CODES, code).toContain(code);
  });
  test("are all that is said: no words in the markup", () => {
    for (const path of app.filter((one) => one.endsWith(".svelte"))) {
      const markup = read(path)
        .replace(/<(script|style)[\s\S]*?<\/\1>/g, "")
        .replace(/<!--[\s\S]*?-->/g, "")
        .replace(/\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}/g, "");
      const words = [...markup.matchAll(/>([^<>]*)</g)].map((match) => (match[1] ?? "").trim()).filter((text) => /\p{L}{2,}/u.test(text) && !text.includes("=>") && !text.includes("="));
      expect(words, path).toEqual([]);
    }
  });
});

describe("the source", () => {
  test("never makes markup of text, logs or is typed loosely", () => {
    for (const path of app) {
      const text = read(path);
      expect(text, path).not.toMatch(/\{@html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/);
      expect(text, path).not.toMatch(/console\./);
      expect(text, path).not.toMatch(/[:<]\s*any\b|\bas any\b|@ts-(ignore|nocheck|expect-error)/);
      expect(text, path).not.toMatch(/\sstyle="/);
    }
  });
  test("stays readable: no file beyond 500 lines", () => {
    for (const path of sources) expect(read(path).split("\n").length, path).toBeLessThanOrEqual(500);
  });
  test("names nothing that is elsewhere", () => {
    for (const path of app) {
      const addresses = read(path).match(/https?:\/\/[^\s"'`<)]+/g) ?? [];
      expect(addresses.filter((one) => !one.startsWith("http://www.w3.org/") && !one.startsWith("https?:")), path).toEqual([]);
    }
  });
});

describe("the packages", () => {
  const lock = JSON.parse(read(join(root, "package-lock.json"))) as { packages: Record<string, { license?: string; dev?: boolean; resolved?: string }> };
  test("come from no odd place", () => {
    for (const [name, one] of Object.entries(lock.packages)) expect(one.resolved ?? "https://registry.npmjs.org/", name).toMatch(/^https:\/\/registry\.npmjs\.org\//);
  });
  test("may be passed on: what is shipped is under permissive licences", () => {
    const good = ["MIT", "Apache-2.0", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "OFL-1.1", "BlueOak-1.0.0", "MIT OR Apache-2.0", "Apache-2.0 OR MIT", "(MIT OR Apache-2.0)"];
    for (const [name, one] of Object.entries(lock.packages)) {
      // These say MIT in a file of theirs, or of the package that they are part of, and not in their package.json.
      if (one.license === undefined && /^node_modules\/(@inlang\/plugin-message-format|@lix-js\/sdk-[a-z0-9-]+|svelte-toolbelt)$/.test(name)) continue;
      // Tools that only build or test may also be under the MPL.
      if (name) expect(one.dev ? [...good, "MPL-2.0", "(Apache-2.0 WITH LLVM-exception)", "CC0-1.0"] : good, name).toContain(one.license);
    }
  });
});

describe("what is built", () => {
  const folder = mkdtempSync(join(tmpdir(), "cooee-ui-"));
  test("has nothing of the scripted world, no inline script and no address elsewhere", { timeout: 240_000 }, () => {
    try {
      execFileSync("npx", ["vite", "build", "--outDir", folder, "--logLevel", "error"], { cwd: root, stdio: "pipe" });
      const built = files(folder);
      const text = built.filter((path) => /\.(js|css|html)$/.test(path)).map(read).join("\n");
      // Words that only the scripted world has.
      for (const word of ["Sunday hikers", "picked-", "ScriptedBackend", "review.html"]) expect(text, word).not.toContain(word);
      const page = read(join(folder, "index.html"));
      expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|style=|<style/);
      const addresses = [...new Set(text.match(/\b(?:https?|wss?):\/\/[a-z0-9.-]+/gi) ?? [])];
      // In the texts and type checks of libraries; nothing asks for them, and the app's policy would refuse.
      const harmless = ["https://paraglidejs.com", "http://fallback.com", "http://example.com", "http://www.w3.org", "https://svelte.dev", "https://bits-ui.com", "https://github.com", "https://floating-ui.com", "http://localhost", "https://tauri.app"];
      expect(addresses.filter((one) => !harmless.includes(one))).toEqual([]);
      expect(built.reduce((sum, path) => sum + statSync(path).size, 0)).toBeLessThan(1_500_000);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("the sounds", () => {
  test("are what their script makes", { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "cooee-sounds-"));
    try {
      execFileSync("node", [join(root, "scripts/sounds.mjs"), folder]);
      const made = readdirSync(folder).sort();
      expect(made).toEqual(readdirSync(join(root, "sounds")).filter((name) => name.endsWith(".wav")).sort());
      for (const name of made) expect(readFileSync(join(folder, name)).equals(readFileSync(join(root, "sounds", name))), name).toBe(true);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("the colours", () => {
  const css = read(join(root, "src/app.css"));
  const themes = {
    light: /:root \{([\s\S]*?)\}/.exec(css)?.[1] ?? "",
    dark: /:root\[data-theme="dark"\] \{([\s\S]*?)\}/.exec(css)?.[1] ?? "",
  };
  const luminance = (hex: string): number => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one: string, other: string): number => {
    const [high = 0, low = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  // Text on what it stands on: at least 4.5. Edges of controls: at least 3.
  const grounds = ["paper", "surface", "raised", "sunk"];
  const pairs: [string, string, number][] = [
    ...grounds.flatMap((ground): [string, string, number][] => [["ink", ground, 7], ["muted", ground, 4.5], ["danger-text", ground, 4.5], ["brand-text", ground, 4.5]]),
    ["muted", "own", 4.5],
    ["muted", "theirs", 4.5],
    ["ink", "own", 7],
    ["brand-text", "own", 4.5],
    ["brand-text", "brand-soft", 4.5],
    ["muted", "brand-soft", 4.5],
    ["on-brand", "brand", 4.5],
    ["on-brand", "brand-deep", 4.5],
    ["on-danger", "danger", 4.5],
    ["on-danger", "danger-deep", 4.5],
    ["danger-text", "danger-soft", 4.5],
    ["on-wattle", "wattle", 7],
    ["wattle-text", "wattle-soft", 4.5],
    ["wattle-text", "surface", 4.5],
    ["edge", "raised", 3],
    ["edge", "sunk", 2.7],
    ["present", "surface", 3],
  ];
  for (const [theme, text] of Object.entries(themes)) {
    const colour = (name: string) => new RegExp(`--${name}: (#[0-9a-f]{6})`).exec(text)?.[1] ?? "";
    test.each(pairs)(`${theme}: %s on %s`, (one, other, least) => {
      expect(colour(one), one).toMatch(/^#/);
      expect(colour(other), other).toMatch(/^#/);
      expect(contrast(colour(one), colour(other))).toBeGreaterThanOrEqual(least);
    });
  }
});
