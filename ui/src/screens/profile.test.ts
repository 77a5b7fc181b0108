import { fireEvent, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { notices } from "$lib/stores/notices.svelte";
import { settings } from "$lib/stores/settings.svelte";
import Avatar from "$lib/ui/Avatar.svelte";
import { encode } from "$lib/ui/crop";
import { settle, show } from "../../tests/render";
import { week } from "../review/world";
import Appearance from "./settings/Appearance.svelte";
import Crop from "./settings/Crop.svelte";
import ProfileScreen from "./settings/ProfileScreen.svelte";

const asked = (backend: { asked: { method: string; args: unknown[] }[] }, method: string) => backend.asked.filter((one) => one.method === method);
const press = async (name: string | RegExp): Promise<void> => {
  await fireEvent.click(screen.getByRole("button", { name }));
  await settle();
};

/** What was drawn: the square of the picture, and the side of the canvas. */
let drawn: { x: number; y: number; side: number; onto: number }[] = [];
const picture = { width: 900, height: 600, close: vi.fn() };

beforeEach(() => {
  drawn = [];
  picture.close.mockClear();
  vi.stubGlobal("createImageBitmap", async () => picture);
  const context = {
    clearRect: () => {},
    fillRect: () => {},
    drawImage: (_: unknown, x: number, y: number, side: number, _height: number, _left: number, _top: number, onto: number) => drawn.push({ x, y, side, onto }),
  };
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation((() => context) as unknown as HTMLCanvasElement["getContext"]);
  vi.spyOn(HTMLCanvasElement.prototype, "toBlob").mockImplementation((done) => done(new Blob([new Uint8Array([0xff, 0xd8, 0xff])], { type: "image/jpeg" })));
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  notices.clear();
});

const cropped = async (close = () => {}) => {
  const backend = await show(week(), Crop, { file: new File([], "me.png"), close });
  const area = screen.getByRole("application");
  const keys = async (...names: string[]) => {
    for (const key of names) await fireEvent.keyDown(area, { key });
    await settle();
  };
  return { backend, area, keys };
};

describe("the crop", () => {
  test("begins with the largest square in the middle", async () => {
    await cropped();
    expect(drawn.at(-1)).toMatchObject({ x: 150, y: 0, side: 600 });
  });

  test("is moved and enlarged with keys, and never leaves the picture", async () => {
    const { keys } = await cropped();
    await keys(..."++++++++++++++++++++");
    expect(drawn.at(-1)?.side).toBe(150);
    await keys(...Array.from({ length: 200 }, () => "ArrowLeft"), ...Array.from({ length: 200 }, () => "ArrowUp"));
    expect(drawn.at(-1)).toMatchObject({ x: 0, y: 0 });
    await keys(...Array.from({ length: 300 }, () => "ArrowRight"), ...Array.from({ length: 300 }, () => "ArrowDown"));
    expect(drawn.at(-1)).toMatchObject({ x: 750, y: 450 });
    await keys(..."--------------------");
    expect(drawn.at(-1)).toMatchObject({ x: expect.closeTo(300), y: 0, side: 600 });
  });

  test("follows the pointer as far as it moves on what is shown", async () => {
    const { area } = await cropped();
    area.setPointerCapture = () => {};
    Object.defineProperty(area, "clientWidth", { value: 200 });
    await fireEvent.pointerDown(area, { clientX: 100, clientY: 100, pointerId: 1 });
    await fireEvent.pointerMove(area, { clientX: 150, clientY: 100, pointerId: 1 });
    await settle();
    // A quarter of what is shown is a quarter of the square that is seen.
    expect(drawn.at(-1)?.x).toBeCloseTo(0);
    await fireEvent.pointerUp(area, { pointerId: 1 });
    await fireEvent.pointerMove(area, { clientX: 0, clientY: 100, pointerId: 1 });
    await settle();
    expect(drawn.at(-1)?.x).toBeCloseTo(0);
  });

  test("is sent as it is seen, and closes", async () => {
    const close = vi.fn();
    const { backend, keys } = await cropped(close);
    await keys("ArrowRight", "ArrowRight");
    const seen = drawn.at(-1);
    await press("Use picture");
    expect(drawn.at(-1)).toMatchObject({ x: seen?.x, y: seen?.y, side: seen?.side, onto: 512 });
    expect(asked(backend, "setPicture")).toMatchObject([{ args: [3] }]);
    expect(close).toHaveBeenCalledTimes(1);
  });

  test("that is refused says why and stays", async () => {
    const close = vi.fn();
    const { backend } = await cropped(close);
    backend.world.faults.set("setPicture", "offline");
    await press("Use picture");
    expect(screen.getByRole("alert").textContent).toMatch(/You are offline/);
    expect(close).not.toHaveBeenCalled();
  });

  test("of what is no picture says so and sends nothing", async () => {
    vi.stubGlobal("createImageBitmap", () => Promise.reject(new Error("no picture")));
    const backend = await show(week(), Crop, { file: new File([], "me.txt"), close: () => {} });
    expect(screen.getByRole("alert").textContent).toMatch(/not a picture that can be read/);
    await press("Use picture");
    expect(asked(backend, "setPicture")).toEqual([]);
  });

  test("of a small picture is not blown up, and one that is too large is refused", async () => {
    const small = { width: 64, height: 40, close: () => {} } as unknown as ImageBitmap;
    await encode(small, { x: 0.5, y: 0.5, zoom: 1 });
    expect(drawn.at(-1)).toMatchObject({ side: 40, onto: 40 });
    vi.spyOn(HTMLCanvasElement.prototype, "toBlob").mockImplementation((done) => done(new Blob([new Uint8Array(1024 * 1024 + 1)])));
    await expect(encode(small, { x: 0.5, y: 0.5, zoom: 1 })).rejects.toMatchObject({ code: "picture_too_large" });
    vi.spyOn(HTMLCanvasElement.prototype, "toBlob").mockImplementation((done) => done(null));
    await expect(encode(small, { x: 0.5, y: 0.5, zoom: 1 })).rejects.toMatchObject({ code: "picture_invalid" });
  });
});

describe("the profile", () => {
  test("is renamed, and only to another name", async () => {
    const backend = await show(week(), ProfileScreen, {});
    const field = screen.getByLabelText("What others call you");
    await fireEvent.submit(field);
    expect(asked(backend, "rename")).toEqual([]);
    await fireEvent.input(field, { target: { value: " Ada.L " } });
    await fireEvent.submit(field);
    await settle();
    expect(asked(backend, "rename")).toMatchObject([{ args: ["Ada.L"] }]);
    expect(notices.list.at(-1)?.tone).toBe("good");
    await fireEvent.input(field, { target: { value: "not a name" } });
    await fireEvent.submit(field);
    await settle();
    expect(screen.getByText(/A name has 1 to 32 letters and digits/)).toBeTruthy();
  });

  test("loses its picture", async () => {
    const backend = await show(week(), ProfileScreen, {});
    await press("Remove");
    expect(asked(backend, "setPicture")).toMatchObject([{ args: [null] }]);
    expect(screen.queryByRole("button", { name: "Remove" })).toBeNull();
  });
});

describe("a person's picture", () => {
  test("gives way to initials where it cannot be had, and is asked for again with the next connection", async () => {
    const backend = await show(week(), Avatar, { name: "élodie.martin", picture: "hills" });
    const image = document.querySelector("img");
    expect(image?.getAttribute("src")).toBe(backend.pictureUrl("", "hills"));
    if (image) await fireEvent.error(image);
    await settle();
    expect(document.querySelector("img")).toBeNull();
    expect(document.body.textContent).toMatch(/ÉM/);
    const [account] = backend.world.accounts;
    if (!account) throw new Error("no account");
    for (const state of ["reconnecting", "online"] as const) {
      backend.emit({ type: "accounts", accounts: [{ ...account, session: { ...account.session, state } }], active: account.id });
      await settle();
    }
    expect(document.querySelector("img")).not.toBeNull();
  });
});

describe("the appearance", () => {
  test("is chosen piece by piece", async () => {
    await show(week(), Appearance, {});
    for (const name of ["Dark", "Français", /^200\s%$/]) {
      await fireEvent.click(screen.getByRole("radio", { name }));
      await settle();
    }
    expect(settings.current.appearance).toEqual({ theme: "dark", textSize: 200, reducedMotion: false });
    expect(settings.current.language).toBe("fr");
  });

  test("shows the nearest size below one that is not offered", async () => {
    const backend = await show(week(), Appearance, {});
    backend.emit({ type: "settings", settings: { ...settings.current, appearance: { ...settings.current.appearance, textSize: 140 } } });
    await settle();
    expect(screen.getByRole<HTMLInputElement>("radio", { name: "130%" }).checked).toBe(true);
  });
});
