import encodeQR from "qr";
import { describe, expect, test } from "vitest";
import { cropOf, held } from "./crop";
import { readPixels } from "./qr";

/** A code as a camera would see it. */
function picture(text: string, scale = 6, quiet = 4): ImageData {
  const rows = encodeQR(text, "raw", { border: quiet });
  const side = rows.length * scale;
  const data = new Uint8ClampedArray(side * side * 4).fill(255);
  rows.forEach((row, y) =>
    row.forEach((dark, x) => {
      if (!dark) return;
      for (let dy = 0; dy < scale; dy += 1) {
        for (let dx = 0; dx < scale; dx += 1) {
          const at = ((y * scale + dy) * side + x * scale + dx) * 4;
          data.set([18, 32, 27, 255], at);
        }
      }
    }),
  );
  return { data, width: side, height: side, colorSpace: "srgb" } as ImageData;
}

describe("codes", () => {
  test.each(["cooee://cooee.example.org/add/Bruno", "cooee://x.example:8443/add/%C3%A9lodie.martin", "https://example.org/"])("read %s", (text) => {
    expect(readPixels(picture(text))).toBe(text);
  });
  test("find none where there is none", () => {
    const blank = { data: new Uint8ClampedArray(200 * 200 * 4).fill(255), width: 200, height: 200, colorSpace: "srgb" } as ImageData;
    expect(readPixels(blank)).toBeNull();
  });
});

describe("the crop", () => {
  const size = { width: 600, height: 400 };
  test("begins with the largest square in the middle", () => expect(cropOf(size, { x: 0.5, y: 0.5, zoom: 1 })).toEqual({ x: 100, y: 0, side: 400 }));
  test("never leaves the picture", () => {
    const seed = 7;
    let state = seed;
    const next = () => (state = (state * 48271) % 2147483647) / 2147483647;
    for (let round = 0; round < 300; round += 1) {
      const view = held(size, { x: next() * 3 - 1, y: next() * 3 - 1, zoom: next() * 10 - 2 });
      const { x, y, side } = cropOf(size, view);
      expect(x, `seed ${seed}, round ${round}`).toBeGreaterThan(-0.001);
      expect(y).toBeGreaterThan(-0.001);
      expect(x + side).toBeLessThan(600.001);
      expect(y + side).toBeLessThan(400.001);
      expect(view.zoom).toBeGreaterThanOrEqual(1);
      expect(view.zoom).toBeLessThanOrEqual(4);
    }
  });
});
