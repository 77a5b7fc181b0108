// Usage: node tests/browser/smooth.mjs
// A conversation of 100,000 messages and 1,000 contacts: what is on the page stays bounded, reading back loads page
// after page, what one looks at stays where it is when earlier messages come, and the way back leads to the end.
import { fileURLToPath } from "node:url";
import { launch, open, watch } from "./browser.mjs";
import { serve } from "./server.mjs";

const MOST_NODES = 2500;
const server = await serve(fileURLToPath(new URL("../../dist-review", import.meta.url)));
const browser = await launch();
const faults = [];
const expect = (holds, what) => {
  if (!holds) faults.push(what);
};
const nodes = (page) => page.evaluate(() => document.querySelectorAll("*").length);

const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
const trouble = watch(page, server.address);
await open(page, server.address, "chat-many");
const region = page.locator("[role=region][tabindex='0']").first();
const numbers = () =>
  page.evaluate(() => {
    const around = document.querySelector("[role=region][tabindex='0']").getBoundingClientRect();
    return [...document.querySelectorAll("article")]
      .map((one) => [Number(/Number (\d+)/.exec(one.textContent ?? "")?.[1] ?? -1), one.getBoundingClientRect().top])
      .filter(([number, top]) => number >= 0 && top > around.top && top < around.bottom);
  });
const opened = await numbers();
expect(opened.at(-1)?.[0] === 99_999, `it opens at ${opened.at(-1)?.[0]}, not at the end`);
expect((await nodes(page)) < MOST_NODES, `${await nodes(page)} nodes after opening`);

// Frames and long tasks while one reads back, to be reported; what they may be depends on the machine.
await page.evaluate(() => {
  window.longTasks = [];
  new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((one) => one.duration))).observe({ entryTypes: ["longtask"] });
});
await region.hover();
let jumps = 0;
let most = 0;
let last = opened;
let turns = 0;
for (; turns < 400; turns += 1) {
  await page.mouse.wheel(0, -700);
  // Until the wheel has been followed; now and then one stops to read.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 0)))));
  if (turns % 4 === 3) await page.waitForTimeout(250);
  const now = await numbers();
  most = Math.max(most, await nodes(page));
  // Somebody scrolling up by less than a window never sees a later message, nor misses one in between.
  if (now.length > 0 && last.length > 0) {
    if (now[0][0] > last[0][0]) jumps += 1;
    const missed = last[0][0] - now.at(-1)[0];
    if (missed > 1) jumps += 1;
  }
  if (now.length > 0) last = now;
  const run = now.map(([number]) => number);
  if (run.some((number, index) => index > 0 && number !== run[index - 1] + 1)) faults.push(`out of order: ${run.join(" ")}`);
  if (last[0]?.[0] < 99_999 - 1500) break;
}
expect(last[0]?.[0] < 99_999 - 1000, `after ${turns} turns of the wheel it is at ${last[0]?.[0]} only`);
expect(jumps === 0, `what is looked at jumped ${jumps} times in ${turns} turns`);
expect(most < MOST_NODES, `${most} nodes on the page`);
const tasks = await page.evaluate(() => window.longTasks);

await page.getByRole("button", { name: /latest message|new$/ }).click();
await page.waitForFunction(() => /Number 99999/.test([...document.querySelectorAll("article")].at(-1)?.textContent ?? ""));
await page.close();

const people = await browser.newPage({ viewport: { width: 390, height: 844 } });
const more = watch(people, server.address);
await open(people, server.address, "people-many");
expect((await nodes(people)) < MOST_NODES, `${await nodes(people)} nodes with 1,000 contacts`);
await people.getByRole("textbox").first().fill("person-0999");
await people.getByRole("button", { name: /person-0999/ }).waitFor();
await browser.close();
await server.close();

for (const one of [...trouble, ...more, ...faults]) console.log(one);
console.log(`read back over ${99_999 - (last[0]?.[0] ?? 0)} messages in ${turns} turns of the wheel; at most ${most} nodes; ${tasks.length} tasks beyond 50 ms, the longest ${Math.round(Math.max(0, ...tasks))} ms`);
process.exitCode = faults.length + trouble.length + more.length > 0 ? 1 : 0;
