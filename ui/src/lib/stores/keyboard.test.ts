import { afterEach, describe, expect, test, vi } from "vitest";
import { covered, followKeyboard } from "./keyboard";

describe("the keyboard", () => {
  test("covers what is laid out and not in sight", () => {
    expect(covered(844, 508, 1)).toBe(336);
    // Where the system makes the page smaller, both are the same.
    expect(covered(508, 508, 1)).toBe(0);
    // A browser's bar comes and goes; who has zoomed in has no keyboard for it.
    expect(covered(844, 790, 1)).toBe(0);
    expect(covered(844, 422, 2)).toBe(0);
  });

  describe("on the page", () => {
    let stop = () => {};
    afterEach(() => {
      stop();
      vi.unstubAllGlobals();
      document.body.replaceChildren();
    });

    test("ends the page where it begins, and keeps the field in sight", () => {
      const view = Object.assign(new EventTarget(), { height: 844, scale: 1 });
      vi.stubGlobal("visualViewport", view);
      vi.stubGlobal("innerHeight", 844);
      const scrolled = vi.fn();
      vi.stubGlobal("scrollTo", scrolled);
      stop = followKeyboard();
      const field = document.body.appendChild(document.createElement("textarea"));
      const into = vi.fn();
      field.scrollIntoView = into;
      field.focus();

      view.height = 508;
      view.dispatchEvent(new Event("resize"));
      expect(document.documentElement.style.getPropertyValue("--keyboard")).toBe("336px");
      expect(scrolled).toHaveBeenCalledWith(0, 0);
      expect(into).toHaveBeenCalledWith({ block: "nearest" });

      view.height = 844;
      view.dispatchEvent(new Event("resize"));
      expect(document.documentElement.style.getPropertyValue("--keyboard")).toBe("0px");

      stop();
      view.height = 508;
      view.dispatchEvent(new Event("resize"));
      expect(document.documentElement.style.getPropertyValue("--keyboard")).toBe("0px");
    });
  });
});
