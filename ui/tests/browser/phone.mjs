// Usage: node tests/browser/phone.mjs [--scenes a,b] [--quick] [--shots FOLDER]
// The page on phones, as far as a browser can play one: screens with a notch and a home indicator, upright and on the
// side (640x360), also with text at 200 %; the keyboard, where the system makes the page smaller for it and where it
// only covers it; and the way back.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, open, sceneNames, watch } from "./browser.mjs";
import { insetFaults } from "./insets.mjs";
import { layoutFaults } from "./layout.mjs";
import { serve } from "./server.mjs";

const option = (name) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? null : process.argv[at + 1];
};
const folder = option("shots");
if (folder) mkdirSync(folder, { recursive: true });

const PHONES = {
  upright: { size: [360, 640], insets: { top: 47, right: 0, bottom: 34, left: 0 }, text: 100 },
  side: { size: [640, 360], insets: { top: 0, right: 47, bottom: 21, left: 47 }, text: 100 },
  "side-large": { size: [640, 360], insets: { top: 0, right: 0, bottom: 0, left: 0 }, text: 200 },
};

const server = await serve(fileURLToPath(new URL("../../dist-review", import.meta.url)));
const browser = await launch();
const faults = [];
let looked = 0;

async function phone(size, insets = { top: 0, right: 0, bottom: 0, left: 0 }) {
  const context = await browser.newContext({ viewport: { width: size[0], height: size[1] }, timezoneId: "Europe/Paris", reducedMotion: "reduce", hasTouch: true });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Emulation.setSafeAreaInsetsOverride", { insets });
  await page.clock.setFixedTime(new Date("2026-11-30T10:24:00+01:00"));
  return { page, trouble: watch(page, server.address), close: () => context.close() };
}

// ---- every screen, inside its safe area ----

const names = option("scenes")?.split(",") ?? (await sceneNames(browser, server.address));
// A quick look is one at the phone on its side, whose edges are taken on three sides.
const kinds = Object.entries(PHONES).filter(([kind]) => kind === "side" || !process.argv.includes("--quick"));
for (const [kind, { size, insets, text }] of kinds) {
  const { page, trouble, close } = await phone(size, insets);
  for (const scene of names) {
    const where = `${scene} ${kind}`;
    try {
      await open(page, server.address, scene, { lang: "fr", text });
    } catch (error) {
      faults.push(`${where}: ${error.message.split("\n")[0]}; ${trouble.join("; ")}`);
      trouble.length = 0;
      continue;
    }
    looked += 1;
    for (const fault of await page.evaluate(layoutFaults)) faults.push(`${where}: ${fault}`);
    for (const fault of await page.evaluate(insetFaults, insets)) faults.push(`${where}: ${fault}`);
    if (folder) await page.screenshot({ path: `${folder}/${scene}-${kind}.png` });
    for (const one of trouble.splice(0)) faults.push(`${where}: ${one}`);
  }
  await close();
}

// ---- the keyboard, the way back, turning the phone ----

const story = async (name, scene, size, does) => {
  const { page, trouble, close } = await phone(size);
  try {
    await open(page, server.address, scene);
    await does(page);
  } catch (error) {
    faults.push(`story "${name}": ${error.message.split("\n")[0]}`);
  }
  for (const one of trouble) faults.push(`story "${name}": ${one}`);
  await close();
};

/** The page has followed what happened: two frames later it is painted, and what was measured is placed. */
const settled = (page) => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(resolve)))));
const bottom = (page, selector) => page.evaluate((one) => [...document.querySelectorAll(one)].at(-1)?.getBoundingClientRect().bottom ?? Number.NaN, selector);
const must = (holds, what) => {
  if (!holds) throw new Error(what);
};

/** The last message stands right above what one writes in, which ends where the page is free. */
async function atTheEnd(page, free, when) {
  await page
    .waitForFunction(
      (free) => {
        const composer = document.querySelector("form textarea")?.closest("form")?.getBoundingClientRect();
        const last = [...document.querySelectorAll("article")].at(-1)?.getBoundingClientRect();
        return composer && last && composer.bottom <= free + 1 && last.bottom <= composer.top + 1 && last.bottom > composer.top - 60;
      },
      free,
      { timeout: 3000 },
    )
    .catch(async () => {
      throw new Error(`${when}: the last message ends at ${await bottom(page, "article")}, the composer at ${await bottom(page, "form")}, and ${free} is free`);
    });
}

/** A keyboard that only covers the page. */
const cover = async (page, height) => {
  await page.evaluate((height) => {
    Object.defineProperty(window.visualViewport, "height", { configurable: true, get: () => height });
    window.visualViewport.dispatchEvent(new Event("resize"));
  }, height);
  await settled(page);
};
const lift = async (page) => {
  await page.evaluate(() => {
    delete window.visualViewport.height;
    window.visualViewport.dispatchEvent(new Event("resize"));
  });
  await settled(page);
};

await story("a keyboard that makes the page smaller", "chat", [360, 640], async (page) => {
  await atTheEnd(page, 640, "before");
  await page.locator("textarea").focus();
  await page.setViewportSize({ width: 360, height: 340 });
  await settled(page);
  await atTheEnd(page, 340, "with the keyboard");
  await page.setViewportSize({ width: 360, height: 640 });
  await atTheEnd(page, 640, "after");
});
await story("a keyboard that covers the page", "chat", [390, 844], async (page) => {
  await page.locator("textarea").focus();
  await cover(page, 508);
  await atTheEnd(page, 508, "with the keyboard");
  await page.keyboard.type("a longer text that takes more than one line of the composer on such a narrow phone, and grows");
  await atTheEnd(page, 508, "while writing");
  await lift(page);
  await atTheEnd(page, 844, "after");
});
for (const [scene, field] of [["signup", "input[type=password]"], ["people-add", "[role=dialog] input[type=text]"], ["group-new", "[role=dialog] input"], ["account-delete", "[role=dialog] input"], ["chat-search", "[role=search] input"]]) {
  await story(`the field of ${scene} stays in sight`, scene, [390, 700], async (page) => {
    await page.locator(field).last().focus();
    await cover(page, 380);
    let at = await bottom(page, field);
    must(at > 0 && at <= 381, `covered, it ends at ${at}`);
    await lift(page);
    await page.setViewportSize({ width: 390, height: 380 });
    await settled(page);
    at = await bottom(page, field);
    must(at > 0 && at <= 381, `in a smaller page, it ends at ${at}`);
  });
}

const shows = async (page, selector, count, when) => {
  await page
    .waitForFunction(([selector, count]) => document.querySelectorAll(selector).length === count, [selector, count], { timeout: 3000 })
    .catch(() => {
      throw new Error(`${when}: not ${count} of ${selector}`);
    });
};
await story("back: menu, sheet, pane, list", "people", [360, 640], async (page) => {
  await page.getByText("Bruno").first().click();
  await shows(page, "main h1", 1, "a person");
  await page.locator("button:has(svg.lucide-ban)").first().click();
  await shows(page, "[role=dialog]", 1, "a sheet");
  await page.goBack();
  await shows(page, "[role=dialog]", 0, "back from the sheet");
  await shows(page, "nav li", 0, "the person is still there");
  await page.goBack();
  await shows(page, "nav li", 4, "back from the person");
  await page.goBack();
  await page.getByRole("heading", { name: "Chats" }).waitFor({ timeout: 3000 });
  must((await page.evaluate(() => window.cooeeBack())) === false, "then the app is left");
});
await story("back leaves the call's screen, and the call goes on", "call", [360, 640], async (page) => {
  await page.locator("footer button:has(svg.lucide-audio-lines)").click();
  await shows(page, "[role=dialog]", 1, "a sheet");
  for (const left of ["the sheet", "the call's screen"]) must(await page.evaluate(() => window.cooeeBack()), `back from ${left}`);
  await page.getByRole("region", { name: "Call" }).waitFor({ timeout: 3000 });
  must((await page.evaluate(() => window.cooeeBack())) === false, "then the app is left");
  await shows(page, "[role=region] button:has(svg.lucide-phone-off)", 1, "the call goes on");
});
await story("turned on its side and back", "chat", [360, 640], async (page) => {
  await page.locator("textarea").fill("half a thought");
  await page.setViewportSize({ width: 640, height: 360 });
  await settled(page);
  await atTheEnd(page, 360, "on its side");
  await page.setViewportSize({ width: 360, height: 640 });
  await settled(page);
  await atTheEnd(page, 640, "upright again");
  must((await page.locator("textarea").inputValue()) === "half a thought", "what was written is still there");
});
for (const text of [100, 200]) {
  await story(`a call on its side, text at ${text} %: every control is in sight and can be pressed`, "call-group", [640, 360], async (page) => {
    await open(page, server.address, "call-group", { lang: "fr", text });
    const controls = page.locator("footer button");
    must((await controls.count()) === 5, "five controls");
    for (const control of await controls.all()) {
      const box = await control.boundingBox();
      must(box && box.y >= 0 && box.y + box.height <= 360 && box.x >= 0 && box.x + box.width <= 640, `${await control.getAttribute("aria-label")} is out of sight`);
      await control.click({ trial: true, timeout: 2000 });
    }
  });
}

await browser.close();
await server.close();
for (const fault of faults) console.log(fault);
console.log(`${looked} screens of phones looked at, ${faults.length} faults`);
process.exitCode = faults.length > 0 || looked === 0 ? 1 : 0;
