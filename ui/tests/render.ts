import { render } from "@testing-library/svelte";
import { tick, type Component } from "svelte";
import { setBackend } from "$lib/stores/backend";
import { nav } from "$lib/stores/nav.svelte";
import { notices } from "$lib/stores/notices.svelte";
import { session } from "$lib/stores/session.svelte";
import { defaults } from "$lib/stores/settings.svelte";
import { ScriptedBackend, type World } from "../src/review/scripted";


/** Lets events be taken in and the page follow. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    await tick();
  }
}

/** Starts the stores over a world, without showing anything. */
export async function begin(world: World): Promise<ScriptedBackend> {
  world.settings = { ...structuredClone(defaults), language: "en" };
  const backend = new ScriptedBackend(world);
  setBackend(backend);
  session.stop();
  session.adding = false;
  nav.reset();
  notices.clear();
  await session.start();
  await settle();
  return backend;
}

/** Shows a component over a world. */
export async function show<Props extends Record<string, unknown>>(world: World, component: Component<Props>, props: Props): Promise<ScriptedBackend> {
  const backend = await begin(world);
  // The library's own types cannot follow a component whose props are a parameter.
  (render as unknown as (component: Component<Props>, options: { props: Props }) => void)(component, { props });
  await settle();
  return backend;
}
