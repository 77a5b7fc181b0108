// Usage: node tests/browser/check.mjs [--scenes a,b] [--quick] [--shots FOLDER]
// Each scene of the review build in each size, theme and language: no accessibility violation, nothing that sticks
// out or is cut off, nothing on the console, no request elsewhere. Also with text at 200 %.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, open, sceneNames, SIZES, watch } from "./browser.mjs";
import { layoutFaults } from "./layout.mjs";
import { serve } from "./server.mjs";

const args = process.argv.slice(2);
const option = (name) => {
  const at = args.indexOf(`--${name}`);
  return at < 0 ? null : args[at + 1];
};
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = option("shots");
if (folder) mkdirSync(folder, { recursive: true });

/** Text at 200 %, where everything is, in the smallest and the largest window. */
const LARGE_TEXT = ["360x640", "1440x900"];

function runsOf() {
  const runs = [];
  for (const size of Object.keys(SIZES)) {
    for (const theme of ["light", "dark"]) for (const lang of ["en", "fr"]) runs.push({ size, theme, lang, text: 100 });
    if (LARGE_TEXT.includes(size)) runs.push({ size, theme: "light", lang: "fr", text: 200 });
  }
  // A quick look: each size, theme, language and text size once.
  const quick = ["360x640 dark fr 100", "360x640 light fr 200", "390x844 light en 100", "768x1024 light fr 100", "1440x900 dark en 100"];
  return args.includes("--quick") ? runs.filter((run) => quick.includes(`${run.size} ${run.theme} ${run.lang} ${run.text}`)) : runs;
}

const server = await serve(`${root}dist-review`);
const browser = await launch();
const names = option("scenes")?.split(",") ?? (await sceneNames(browser, server.address));
const faults = [];
let looked = 0;
for (const run of runsOf()) {
  const [width, height] = SIZES[run.size];
  // The policy of the page would refuse the checker itself: it goes in from outside.
  const context = await browser.newContext({ viewport: { width, height }, timezoneId: "Europe/Paris", reducedMotion: "reduce", bypassCSP: false });
  const page = await context.newPage();
  await page.clock.setFixedTime(new Date("2026-11-30T10:24:00+01:00"));
  const trouble = watch(page, server.address);
  for (const scene of names) {
    const where = `${scene} ${run.size} ${run.theme} ${run.lang} ${run.text} %`;
    try {
      await open(page, server.address, scene, run);
    } catch (error) {
      faults.push(`${where}: ${error.message.split("\n")[0]}; ${trouble.join("; ")}`);
      trouble.length = 0;
      continue;
    }
    looked += 1;
    for (const fault of await page.evaluate(layoutFaults)) faults.push(`${where}: ${fault}`);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() =>
      // eslint-disable-next-line no-undef
      axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] }),
    );
    for (const { id, help, nodes } of violations) {
      for (const node of nodes.slice(0, 3)) faults.push(`${where}: ${id} (${help}): ${node.html.slice(0, 140)} ${node.any[0]?.message ?? ""}`);
    }
    if (folder) await page.screenshot({ path: `${folder}/${scene}-${run.size}-${run.theme}-${run.lang}${run.text === 100 ? "" : `-${run.text}`}.png` });
    for (const one of trouble.splice(0)) faults.push(`${where}: ${one}`);
  }
  await context.close();
}
await browser.close();
await server.close();
for (const fault of faults) console.log(fault);
console.log(`${looked} scenes looked at, ${faults.length} faults`);
process.exitCode = faults.length > 0 || looked === 0 ? 1 : 0;
