import { mount } from "svelte";
import { shell } from "$lib/backend/shell";
import { setBackend } from "$lib/stores/backend";
import App from "./App.svelte";
import "./app.css";

const target = document.getElementById("app");
if (!target) throw new Error("the page has no place for the app");

setBackend(shell());
mount(App, { target });
