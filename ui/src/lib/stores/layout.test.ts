import { afterEach, describe, expect, test, vi } from "vitest";
import { fontSizeFor, isLow, layout, panesFor, systemScale } from "./layout.svelte";

describe("the size of text", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    delete window.phone;
    window.dispatchEvent(new Event("resize"));
  });

  test("is the app's setting on top of the phone's, up to what the screens are made for", () => {
    expect(fontSizeFor(100, 1)).toBe(16);
    expect(fontSizeFor(150, 1)).toBe(24);
    expect(fontSizeFor(100, 1.3)).toBeCloseTo(20.8);
    expect(fontSizeFor(200, 2)).toBe(32);
    expect(fontSizeFor(50, 0.85)).toBe(12.8);
  });

  test("follows an Android phone's setting while the app runs", () => {
    let scale = 1.5;
    window.phone = { fontScale: () => scale };
    document.dispatchEvent(new Event("visibilitychange"));
    expect(layout.fontSize).toBe(24);
    scale = 2;
    document.dispatchEvent(new Event("visibilitychange"));
    expect(layout.fontSize).toBe(32);
  });

  test("is measured on iOS by its text style", () => {
    vi.stubGlobal("CSS", { supports: (property: string, value: string) => property === "font" && value === "-apple-system-body" });
    vi.stubGlobal("getComputedStyle", () => ({ fontSize: "25.5px" }));
    vi.stubGlobal("navigator", { ...navigator, maxTouchPoints: 5 });
    expect(systemScale()).toBe(1.5);
    // A Mac has the style as well, smaller, and zooms by itself.
    vi.stubGlobal("navigator", { ...navigator, maxTouchPoints: 0 });
    expect(systemScale()).toBe(1);
  });

  test("a phone on its side is low, a small window that stands is not", () => {
    expect(isLow(640, 360)).toBe(true);
    expect(isLow(360, 640)).toBe(false);
    // Upright, with the keyboard.
    expect(isLow(360, 300)).toBe(false);
    expect(isLow(1024, 768)).toBe(false);
  });

  test("decides how many panes fit", () => {
    expect(panesFor(640, 16)).toBe(1);
    expect(panesFor(1440, 16)).toBe(3);
    expect(panesFor(1440, 32)).toBe(2);
  });
});
