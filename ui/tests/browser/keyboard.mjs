// Usage: node tests/browser/keyboard.mjs [SCENE,...]
// The app by keyboard alone: stories from the first start to a call, and a walk with Tab through each scene, on which
// every stop must be in sight, have a name and show its focus, and nothing that can be pressed may be left out.
import { fileURLToPath } from "node:url";
import { launch, open, watch } from "./browser.mjs";
import { serve } from "./server.mjs";

const server = await serve(fileURLToPath(new URL("../../dist-review", import.meta.url)));
const browser = await launch();
const faults = [];

/** What has the focus: its name, whether it is in sight, and whether that shows. */
const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    const label = element.getAttribute("aria-label") ?? element.getAttribute("title") ?? (element.labels?.[0]?.textContent || element.textContent || "");
    element.dataset.walked = "yes";
    window.walked ??= new Set();
    window.walked.add(`${element.tagName} ${element.getAttribute("aria-label") ?? element.textContent ?? ""}`);
    const shows = (one) => {
      const look = getComputedStyle(one);
      return look.outlineStyle !== "none" && Number.parseFloat(look.outlineWidth) > 0;
    };
    return {
      what: `${element.tagName.toLowerCase()} "${label.trim().slice(0, 40)}"`,
      named: label.trim() !== "" || element.tagName === "MAIN",
      seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth && style.visibility === "visible",
      shown: shows(element) || element.getAttribute("role") === "dialog",
    };
  });

/** Everything that should be reached. */
const left = (page) =>
  page.evaluate(() => {
    const open = [...document.querySelectorAll("[role=dialog], [role=menu]")].at(-1) ?? document.body;
    const rows = new Set();
    return [...open.querySelectorAll("button, input, select, textarea, summary, a[href], [tabindex='0'], [role=link]")]
      .filter((element) => {
        if (element.dataset.walked || element.disabled || element.tabIndex < 0 || element.closest("[inert], [aria-hidden=true]")) return false;
        const style = getComputedStyle(element);
        const box = element.getBoundingClientRect();
        if (style.display === "none" || style.visibility !== "visible" || box.width === 0) return false;
        // One radio button of a group is a stop, the arrow keys go to the others.
        if (element.type === "radio") {
          const group = [...document.getElementsByName(element.name)];
          if (group.some((one) => one.dataset.walked)) return false;
        }
        // Rows of a long list that went out of sight and came back are others, and the same to people.
        const name = `${element.tagName} ${element.getAttribute("aria-label") ?? element.textContent ?? ""}`;
        if (window.walked?.has(name) && element.closest("[role=list], [role=region]")) return false;
        // Of a long list, those that are not on the screen come with scrolling.
        if (element.hasAttribute("data-row") && (box.bottom < 0 || box.top > innerHeight)) return false;
        return !rows.has(element);
      })
      .map((element) => `${element.tagName.toLowerCase()} "${(element.getAttribute("aria-label") ?? element.textContent ?? "").trim().slice(0, 40)}"`);
  });

async function walk(scene, size) {
  const page = await browser.newPage({ viewport: { width: size[0], height: size[1] }, reducedMotion: "reduce" });
  const trouble = watch(page, server.address);
  const where = `${scene} ${size.join("x")}`;
  try {
    await open(page, server.address, scene);
    await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.closest("[role=dialog],[role=menu]") === null && document.activeElement.blur());
    let stops = 0;
    let nothing = 0;
    for (let press = 0; press < 140 && nothing < 2; press += 1) {
      await page.keyboard.press("Tab");
      const at = await focused(page);
      if (at === null) {
        nothing += 1;
        continue;
      }
      stops += 1;
      if (!at.seen) faults.push(`${where}: the focus is out of sight on ${at.what}`);
      if (!at.named) faults.push(`${where}: ${at.what} has no name`);
      if (!at.shown) faults.push(`${where}: the focus does not show on ${at.what}`);
      if (press > 30 && (await left(page)).length === 0) break;
    }
    if (stops === 0) faults.push(`${where}: there is nothing to stop at`);
    for (const one of await left(page)) faults.push(`${where}: not reached: ${one}`);
  } catch (error) {
    faults.push(`${where}: ${error.message.split("\n")[0]}`);
  }
  for (const one of trouble) faults.push(`${where}: ${one}`);
  await page.close();
}

/** Presses Tab until what has the focus has this name. */
async function tabTo(page, name) {
  for (let press = 0; press < 80; press += 1) {
    const at = await focused(page);
    if (at && name.test(at.what)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not come to ${name}`);
}
async function story(name, scene, does, size = [1440, 900]) {
  const page = await browser.newPage({ viewport: { width: size[0], height: size[1] }, reducedMotion: "reduce" });
  try {
    await open(page, server.address, scene);
    await does(page);
  } catch (error) {
    faults.push(`story "${name}": ${error.message.split("\n")[0]}`);
  }
  await page.close();
}
const says = (page, text) => page.getByText(text).first().waitFor({ timeout: 5000 });

await story("a profile, from nothing", "welcome", async (page) => {
  await tabTo(page, /Server address/);
  await page.keyboard.type("cooee.example.org");
  await page.keyboard.press("Enter");
  await page.getByLabel("Name").waitFor();
  await page.waitForFunction(() => document.activeElement?.getAttribute("autocomplete") === "username");
  await page.keyboard.type("ada");
  await page.keyboard.press("Tab");
  await page.keyboard.type("correct horse battery");
  await page.keyboard.press("Enter");
  await says(page, "No chats yet");
});
await story("add somebody", "chats", async (page) => {
  await page.keyboard.press("Control+2");
  await tabTo(page, /Add somebody/);
  await page.keyboard.press("Enter");
  await tabTo(page, /Name or invitation/);
  await page.keyboard.type("Quentin");
  await page.keyboard.press("Enter");
  await says(page, /Quentin was asked/);
});
await story("open a chat from the list, write, react and come back", "chats", async (page) => {
  await tabTo(page, /Bruno/);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await tabTo(page, /textarea/);
  await page.keyboard.type("from the keyboard");
  await page.keyboard.press("Enter");
  await says(page, "from the keyboard");
  await page.keyboard.press("Shift+Tab");
  for (let press = 0; press < 10; press += 1) {
    const at = await focused(page);
    if (at && /Actions for: from the keyboard/.test(at.what)) break;
    await page.keyboard.press("Shift+Tab");
  }
  await page.keyboard.press("Enter");
  await page.getByRole("menu").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("menu").waitFor({ state: "detached" });
  const at = await focused(page);
  if (!at || !/Actions for/.test(at.what)) throw new Error(`after the menu the focus is on ${at?.what}`);
});
await story("edit the last message with the arrow key", "chat", async (page) => {
  await tabTo(page, /textarea/);
  await page.keyboard.press("ArrowUp");
  await says(page, "Editing");
  await page.keyboard.press("Escape");
  await page.getByText("Editing").waitFor({ state: "detached" });
});
await story("answer, mute and hang up", "incoming", async (page) => {
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await tabTo(page, /Answer/);
  await page.keyboard.press("Enter");
  await says(page, "Connecting");
  await page.keyboard.press("m");
  await page.locator("footer [aria-pressed=true]").first().waitFor();
  await tabTo(page, /Hang up/);
  await page.keyboard.press("Enter");
  await says(page, "Call ended");
});
await story("change the theme", "appearance", async (page) => {
  await tabTo(page, /Light/);
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
});

// Some scenes only, where they are named.
const scenes = process.argv[2]?.split(",") ?? [
  "welcome", "signup", "signup-no-keyring", "signin-again", "chats", "chats-offline", "chat", "chat-group", "chat-offline", "chat-search", "chat-picture", "people", "people-add",
  "people-code", "person", "person-request", "invitation", "groups", "group", "group-new", "incoming", "call-ringing", "call", "call-group", "call-quality", "call-sound", "call-safety", "call-over",
  "call-bar", "settings", "profile", "profile-crop", "sound", "privacy", "notifications", "appearance", "account", "account-delete", "storage", "about", "toast", "broken",
];
for (const scene of scenes) {
  await walk(scene, [390, 844]);
  await walk(scene, [1440, 900]);
}
await browser.close();
await server.close();
for (const fault of faults) console.log(fault);
console.log(`6 stories and ${scenes.length * 2} walks by keyboard, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
