// Usage: node scripts/design.mjs [FOLDER]        after npm run build:review
// The pictures of docs/DESIGN.md: each screen on a phone and on a desktop, light and dark, on one sheet. They are made
// from the app's own components over the scripted world (src/review), in Chromium.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, open } from "../tests/browser/browser.mjs";
import { serve } from "../tests/browser/server.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = process.argv[2] ?? `${root}../docs/design`;
const sheets = {
  welcome: ["welcome", "welcome"],
  profile: ["signup", "signup"],
  chats: ["chats", "chat"],
  conversation: ["chat", "chat-group"],
  people: ["people", "person"],
  group: ["group", "group"],
  code: ["people-code", "people-code"],
  incoming: ["incoming", "incoming-group"],
  ringing: ["call-ringing", "call-ringing"],
  call: ["call", "call"],
  "group-call": ["call-group", "call-group"],
  quality: ["call-quality", "call-quality"],
  picture: ["profile-crop", "profile-crop"],
  settings: ["settings", "sound"],
  appearance: ["appearance", "appearance"],
  about: ["about", "about"],
  offline: ["chats-offline", "chat-offline"],
};

const server = await serve(`${root}dist-review`);
const browser = await launch();
mkdirSync(folder, { recursive: true });

async function shot(scene, width, height, theme) {
  const page = await browser.newPage({ viewport: { width, height }, timezoneId: "Europe/Paris", reducedMotion: "reduce" });
  await page.clock.setFixedTime(new Date("2026-11-30T10:24:00+01:00"));
  await open(page, server.address, scene, { theme, lang: "en" });
  const picture = (await page.screenshot()).toString("base64");
  await page.close();
  return picture;
}

const sheet = await browser.newPage({ viewport: { width: 1556, height: 520 } });
for (const [name, [phone, desktop]] of Object.entries(sheets)) {
  const pictures = [];
  for (const theme of ["light", "dark"]) {
    pictures.push([await shot(phone, 390, 844, theme), 208, 450]);
    pictures.push([await shot(desktop, 1440, 900, theme), 540, 338]);
  }
  const images = pictures
    .map(([picture, width, height]) => `<img src="data:image/png;base64,${picture}" width="${width}" height="${height}">`)
    .join("");
  await sheet.setContent(
    `<style>body{margin:0;padding:12px;background:#8d948f;display:flex;gap:12px;align-items:flex-start}img{border-radius:8px;display:block}</style>${images}`,
  );
  await sheet.screenshot({ path: `${folder}/${name}.jpg`, type: "jpeg", quality: 80, clip: { x: 0, y: 0, width: 1556, height: 474 } });
}
await browser.close();
await server.close();
