// A Chromium with an empty profile that talks to nobody.
import { chromium } from "playwright-core";

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--font-render-hinting=none"],
  });

export const SIZES = { "360x640": [360, 640], "390x844": [390, 844], "768x1024": [768, 1024], "1440x900": [1440, 900] };

/** What a page must not do while it is looked at: errors, refused content, requests elsewhere. */
export function watch(page, address) {
  const trouble = [];
  page.on("console", (message) => trouble.push(`console ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !url.startsWith("data:") && !url.startsWith("blob:")) trouble.push(`request: ${url}`);
  });
  return trouble;
}

/** Opens a scene and waits until it stands still. */
export async function open(page, address, scene, { theme = "light", lang = "en", text = 100 } = {}) {
  await page.goto(`${address}/review.html?scene=${scene}&theme=${theme}&lang=${lang}&text=${text}`);
  await page.waitForFunction((name) => document.documentElement.dataset.ready === name, scene, { timeout: 20_000 });
  // What is laid out is not yet painted: two frames later it is.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(null)))));
}

/** The scenes that the build knows. */
export async function sceneNames(browser, address) {
  const page = await browser.newPage();
  await page.goto(`${address}/review.html?list`);
  await page.waitForFunction(() => document.documentElement.dataset.scenes);
  const names = (await page.evaluate(() => document.documentElement.dataset.scenes)).split(" ");
  await page.close();
  return names;
}
