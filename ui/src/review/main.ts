import { mount, tick } from "svelte";
import { setBackend } from "$lib/stores/backend";
import { call } from "$lib/stores/call.svelte";
import { nav } from "$lib/stores/nav.svelte";
import { session } from "$lib/stores/session.svelte";
import App from "../App.svelte";
import "../app.css";
import { scenes } from "./scenes";
import { ScriptedBackend } from "./scripted";

/**
 * Shows one scene of the app over the scripted backend: `review.html?scene=chat&theme=dark&lang=fr&text=200`.
 * Only the review build has it.
 */
async function show(): Promise<void> {
  const target = document.getElementById("app");
  if (!target) throw new Error("the page has no place for the app");
  const query = new URLSearchParams(location.search);
  if (query.has("list")) {
    document.documentElement.dataset.scenes = Object.keys(scenes).join(" ");
    return;
  }
  const name = query.get("scene") ?? "chat";
  const scene = scenes[name];
  if (!scene) throw new Error(`there is no scene ${name}; there are ${Object.keys(scenes).join(", ")}`);
  const world = scene.world();
  const theme = query.get("theme");
  const lang = query.get("lang");
  world.settings.appearance.theme = theme === "dark" || theme === "light" ? theme : "system";
  world.settings.language = lang === "fr" || lang === "en" ? lang : "system";
  world.settings.appearance.textSize = Number(query.get("text") ?? 100);
  const backend = new ScriptedBackend(world);
  setBackend(backend);
  mount(App, { target });
  for (let turn = 0; turn < 100 && session.phase === "starting" && !scene.starting; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  if (scene.place) nav.go(scene.place);
  backend.replay();
  await tick();
  await scene.then?.(backend);
  if (scene.minimised) call.shown = false;
  await new Promise((resolve) => setTimeout(resolve, 150));
  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  await new Promise((resolve) => setTimeout(resolve, 100));
  document.documentElement.dataset.ready = name;
}

void show();
