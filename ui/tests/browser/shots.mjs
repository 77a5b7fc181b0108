// Usage: node tests/browser/shots.mjs FOLDER [--scenes a,b] [--sizes 360x640,...] [--themes light,dark] [--langs en,fr] [--text 100]
// Pictures of the review build's scenes, for looking at.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, open, SIZES } from "./browser.mjs";
import { serve } from "./server.mjs";

const [folder = "shots", ...rest] = process.argv.slice(2);
const option = (name, standard) => {
  const at = rest.indexOf(`--${name}`);
  return at < 0 ? standard : rest[at + 1].split(",");
};
const server = await serve(fileURLToPath(new URL("../../dist-review", import.meta.url)));
const browser = await launch();
mkdirSync(folder, { recursive: true });
for (const size of option("sizes", Object.keys(SIZES))) {
  const [width, height] = SIZES[size];
  const page = await browser.newPage({ viewport: { width, height }, timezoneId: "Europe/Paris", reducedMotion: "reduce" });
  await page.clock.setFixedTime(new Date("2026-11-30T10:24:00+01:00"));
  for (const theme of option("themes", ["light", "dark"])) {
    for (const lang of option("langs", ["en", "fr"])) {
      for (const scene of option("scenes", ["chat"])) {
        try {
          await open(page, server.address, scene, { theme, lang, text: Number(option("text", ["100"])[0]) });
        } catch (error) {
          console.error(scene, error.message.split("\n")[0]);
        }
        await page.screenshot({ path: `${folder}/${scene}-${size}-${theme}-${lang}.png` });
      }
    }
  }
  await page.close();
}
await browser.close();
await server.close();
