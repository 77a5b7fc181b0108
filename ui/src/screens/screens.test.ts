import { fireEvent, screen, within } from "@testing-library/svelte";
import { describe, expect, test, vi } from "vitest";
import { call } from "$lib/stores/call.svelte";
import { nav } from "$lib/stores/nav.svelte";
import { notices } from "$lib/stores/notices.svelte";
import { session } from "$lib/stores/session.svelte";
import { shortcuts } from "$lib/stores/shortcuts";
import { begin, settle, show } from "../../tests/render";
import { emptyWorld } from "../review/scripted";
import { ACCOUNT, callOf, message, participant, week } from "../review/world";
import CallScreen from "./call/CallScreen.svelte";
import Incoming from "./call/Incoming.svelte";
import Composer from "./chats/Composer.svelte";
import MessageText from "./chats/MessageText.svelte";
import AddContact from "./people/AddContact.svelte";
import InvitationDialog from "./people/InvitationDialog.svelte";
import Person from "./people/Person.svelte";
import AccountPage from "./settings/AccountPage.svelte";
import KeyChoice from "./settings/KeyChoice.svelte";
import DeviceChoice from "./settings/DeviceChoice.svelte";
import Welcome from "./welcome/Welcome.svelte";

async function type(field: HTMLElement, text: string): Promise<void> {
  await fireEvent.input(field, { target: { value: text } });
  await settle();
}
const press = async (name: string | RegExp): Promise<void> => {
  await fireEvent.click(screen.getByRole("button", { name }));
  await settle();
};
const asked = (backend: { asked: { method: string; args: unknown[] }[] }, method: string) => backend.asked.filter((one) => one.method === method);

describe("the way in", () => {
  async function toAccount() {
    const backend = await show(emptyWorld(), Welcome, {});
    await type(screen.getByLabelText(/Server address/), "cooee.example.org");
    await press("Continue");
    return backend;
  }

  test("an address that is none is said at its field", async () => {
    await show(emptyWorld(), Welcome, {});
    const field = screen.getByLabelText(/Server address/);
    await type(field, "no address");
    await press("Continue");
    expect(field.getAttribute("aria-invalid")).toBe("true");
    expect(screen.getByRole("alert").textContent).toMatch(/address of a server/);
    await type(field, "cooee.example.org");
    expect(screen.queryByRole("alert")).toBeNull();
  });

  test("a profile is created, its session kept in the keyring", async () => {
    const backend = await toAccount();
    await type(screen.getByLabelText("Name"), " ada ");
    await type(screen.getByLabelText("Password"), "correct horse battery");
    await press("Create profile");
    expect(asked(backend, "register")[0]?.args[0]).toEqual({
      server: "wss://cooee.example.org",
      name: "ada",
      password: "correct horse battery",
      keep: "keyring",
      allowPlaintext: false,
    });
    expect(session.phase).toBe("ready");
  });

  test("without a keyring only this session is offered", async () => {
    const world = emptyWorld();
    world.keyring = { available: false, problem: { code: "keyring_missing", detail: null } };
    const backend = await show(world, Welcome, {});
    await type(screen.getByLabelText(/Server address/), "cooee.example.org");
    await press("Continue");
    expect(screen.getByText(/no keyring/)).toBeTruthy();
    expect(screen.queryByLabelText("For this time only")).toBeNull();
    await type(screen.getByLabelText("Name"), "ada");
    await type(screen.getByLabelText("Password"), "correct horse battery");
    await press("Create profile");
    expect(asked(backend, "register")[0]?.args[0]).toMatchObject({ keep: "session" });
  });

  test("a server without encryption must be accepted first", async () => {
    const backend = await show(emptyWorld(), Welcome, {});
    await type(screen.getByLabelText(/Server address/), "ws://192.168.1.20:8080");
    await press("Continue");
    await type(screen.getByLabelText("Name"), "ada");
    await type(screen.getByLabelText("Password"), "correct horse battery");
    expect(screen.getByRole("button", { name: "Create profile" }).hasAttribute("disabled")).toBe(true);
    await fireEvent.click(screen.getByLabelText(/not encrypted/));
    await press("Create profile");
    expect(asked(backend, "register")[0]?.args[0]).toMatchObject({ allowPlaintext: true });
  });

  test("a name that is taken is said at the name, and the password stays", async () => {
    const backend = await toAccount();
    backend.world.faults.set("register", "name_taken");
    await type(screen.getByLabelText("Name"), "bruno");
    await type(screen.getByLabelText("Password"), "correct horse battery");
    await press("Create profile");
    expect(screen.getByLabelText("Name").getAttribute("aria-invalid")).toBe("true");
    expect(screen.getByLabelText<HTMLInputElement>("Password").value).toBe("correct horse battery");
  });

  test("who invited is asked to become a contact", async () => {
    const world = emptyWorld();
    const backend = await show(world, Welcome, {});
    await type(screen.getByLabelText(/Server address/), "cooee://cooee.example.org/add/Bruno");
    await press("Continue");
    expect(screen.getByText(/Bruno invited you/)).toBeTruthy();
    await type(screen.getByLabelText("Name"), "ada");
    await type(screen.getByLabelText("Password"), "correct horse battery");
    await press("Create profile");
    expect(asked(backend, "addContact")[0]?.args).toEqual(["Bruno"]);
    expect(session.invitation).toBeNull();
  });

  test("a session that is over leads back to its own server and name", async () => {
    const world = week();
    for (const account of world.accounts) account.session = { state: "signed_out", attempt: 0, retryAt: null, ended: { code: "session_over", detail: null } };
    await show(world, Welcome, {});
    expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("Ada");
    expect(screen.getByRole("alert").textContent).toMatch(/session is over/);
  });
});

describe("an account that could not be started", () => {
  test("says why, and is tried again without its password", async () => {
    const world = week();
    for (const account of world.accounts) account.session = { state: "signed_out", attempt: 0, retryAt: null, ended: { code: "disk_full", detail: null } };
    const backend = await show(world, Welcome, {});
    expect(screen.getByRole("alert").textContent).toMatch(/The disk is full/);
    await press("Try again");
    expect(asked(backend, "resume")).toHaveLength(1);
  });

  test("is not tried again where only signing in helps", async () => {
    const world = week();
    for (const account of world.accounts) account.session = { state: "signed_out", attempt: 0, retryAt: null, ended: { code: "session_over", detail: null } };
    await show(world, Welcome, {});
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
  });
});

describe("writing", () => {
  const props = () => {
    const timeline = session.conversations.timeline("pair-bruno");
    return { id: "pair-bruno", conversation: session.conversations.all.get("pair-bruno") ?? null, timeline, replyTo: null, editing: null };
  };
  async function composer(changes: Partial<ReturnType<typeof props>> = {}) {
    const backend = await begin(week());
    const { render } = await import("@testing-library/svelte");
    render(Composer, { props: { ...props(), ...changes } });
    await settle();
    return { backend, area: screen.getByRole<HTMLTextAreaElement>("textbox") };
  }

  test("Enter sends, Shift+Enter does not, nor does a word that is being composed", async () => {
    const { backend, area } = await composer();
    await type(area, "hello");
    await fireEvent.keyDown(area, { key: "Enter", shiftKey: true });
    await fireEvent.keyDown(area, { key: "Enter", isComposing: true });
    expect(asked(backend, "send")).toHaveLength(0);
    await fireEvent.keyDown(area, { key: "Enter" });
    await settle();
    expect(asked(backend, "send")[0]?.args).toEqual(["pair-bruno", { text: "hello", replyTo: null, files: [] }]);
    expect(area.value).toBe("");
  });

  test("nothing is sent of nothing, nor of too much", async () => {
    const { backend, area } = await composer();
    await type(area, "   ");
    await fireEvent.keyDown(area, { key: "Enter" });
    await type(area, "x".repeat(4001));
    expect(screen.getByRole("status").textContent).toContain("1 characters too many");
    await fireEvent.keyDown(area, { key: "Enter" });
    await settle();
    expect(asked(backend, "send")).toHaveLength(0);
    await type(area, "x".repeat(4000));
    await fireEvent.keyDown(area, { key: "Enter" });
    await settle();
    expect(asked(backend, "send")).toHaveLength(1);
  });

  test("what could not be kept stays in its field", async () => {
    const { backend, area } = await composer();
    backend.world.faults.set("send", "disk_full");
    await type(area, "hello");
    await fireEvent.keyDown(area, { key: "Enter" });
    await settle();
    expect(area.value).toBe("hello");
    expect(notices.list[0]?.text).toMatch(/disk is full/);
  });

  test("typing is told now and then, and its end", async () => {
    const { backend, area } = await composer();
    for (const text of ["h", "he", "hel", "hell"]) await type(area, text);
    expect(asked(backend, "setTyping").map((one) => one.args[1])).toEqual([true]);
    await fireEvent.blur(area);
    expect(asked(backend, "setTyping").map((one) => one.args[1])).toEqual([true, false]);
    expect(asked(backend, "setDraft").at(-1)?.args).toEqual(["pair-bruno", "hell"]);
  });

  test("an edit begins with what was said and leaves what was begun", async () => {
    const mine = message({ id: "mine", sequence: 3, author: "Ada", at: 0, text: "as it was" });
    const { backend, area } = await composer({ editing: mine as never });
    expect(area.value).toBe("as it was");
    await type(area, "as it is");
    await press("Save");
    expect(asked(backend, "edit")[0]?.args).toEqual(["pair-bruno", "mine", "as it is"]);
    expect(asked(backend, "setDraft")).toHaveLength(0);
  });

  test("files can be chosen and put back", async () => {
    const { backend } = await composer();
    await press("Attach files");
    await press("Remove timetable.pdf");
    await press("Attach files");
    await press("Send");
    expect(asked(backend, "send")[0]?.args[1]).toMatchObject({ text: "", files: ["picked-2"] });
  });
});

describe("what people write", () => {
  test("stays text", async () => {
    await show(week(), MessageText, { text: '<img src=x onerror="alert(1)"><b>bold</b> &amp;' });
    expect(document.querySelector("img, b")).toBeNull();
    expect(screen.getByText(/onerror/).textContent).toContain("<b>bold</b> &amp;");
  });

  test("opens a link only after asking, with the whole address", async () => {
    const backend = await show(week(), MessageText, { text: "see https://example.org/a?b=c" });
    await fireEvent.click(screen.getByRole("link"));
    await settle();
    const dialog = screen.getByRole("dialog");
    expect(within(dialog).getByText("https://example.org/a?b=c")).toBeTruthy();
    expect(asked(backend, "openLink")).toHaveLength(0);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Open in browser" }));
    await settle();
    expect(asked(backend, "openLink")[0]?.args).toEqual(["https://example.org/a?b=c"]);
  });
});

describe("people", () => {
  test("a name is asked, and what is wrong with it said", async () => {
    const backend = await show(week(), AddContact, { open: true });
    await type(screen.getByLabelText(/Name or invitation/), "nobody");
    await press("Add");
    expect(screen.getByRole("alert").textContent).toMatch(/nobody of this name/);
    await type(screen.getByLabelText(/Name or invitation/), "Quentin");
    await press("Add");
    expect(asked(backend, "addContact").at(-1)?.args).toEqual(["Quentin"]);
  });

  test("a link of another server is a question of accounts", async () => {
    const backend = await show(week(), AddContact, { open: true });
    await type(screen.getByLabelText(/Name or invitation/), "cooee://other.example.net/add/Quentin");
    await press("Add");
    expect(asked(backend, "addContact")).toHaveLength(0);
    expect(session.invitation?.serverName).toBe("other.example.net");
  });

  test("an invitation that was opened adds nobody before one agrees", async () => {
    const world = week();
    world.invitation = { server: "wss://cooee.example.org", serverName: "cooee.example.org", plaintext: false, name: "Quentin" };
    const backend = await show(world, InvitationDialog, {});
    expect(asked(backend, "addContact")).toHaveLength(0);
    await press("Cancel");
    expect(asked(backend, "addContact")).toHaveLength(0);
    expect(asked(backend, "dismissInvitation")).toHaveLength(1);
    backend.emit({ type: "invitation", invitation: { server: "wss://cooee.example.org", serverName: "cooee.example.org", plaintext: false, name: "Quentin" } });
    await settle();
    await press("Add");
    expect(asked(backend, "addContact")[0]?.args).toEqual(["Quentin"]);
  });

  test("a block is confirmed first", async () => {
    const backend = await show(week(), Person, { name: "Bruno" });
    await press("Block");
    expect(asked(backend, "block")).toHaveLength(0);
    await fireEvent.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Block" }));
    await settle();
    expect(asked(backend, "block")[0]?.args).toEqual(["Bruno"]);
    expect(screen.getByRole("button", { name: "Unblock" })).toBeTruthy();
  });
});

describe("a call that rings", () => {
  const ringing = () => {
    const world = week();
    world.incoming = [{ account: ACCOUNT, conversation: "pair-bruno", group: false, from: "Bruno", since: 0 }];
    return world;
  };
  test("is not answered or declined by a key that was meant for something else", async () => {
    const backend = await show(ringing(), Incoming, {});
    const focused = document.activeElement;
    expect(focused?.tagName).not.toBe("BUTTON");
    for (const key of ["Enter", " ", "Escape"]) await fireEvent.keyDown(focused ?? document.body, { key });
    await settle();
    expect([...asked(backend, "answer"), ...asked(backend, "decline")]).toHaveLength(0);
    expect(screen.getByRole("dialog")).toBeTruthy();
  });
  test("is answered once", async () => {
    const backend = await show(ringing(), Incoming, {});
    const answer = screen.getByRole("button", { name: "Answer" });
    await Promise.all([fireEvent.click(answer), fireEvent.click(answer)]);
    await settle();
    expect(asked(backend, "answer")).toHaveLength(1);
    expect(call.current?.phase).toBe("connecting");
  });
  test("ends the call that goes on when it is answered", async () => {
    const world = ringing();
    world.call = callOf({});
    const backend = await show(world, Incoming, {});
    await press("Answer");
    expect(backend.asked.map((one) => one.method).filter((one) => one === "hangUp" || one === "answer")).toEqual(["hangUp", "answer"]);
  });
  test("says why it cannot be answered", async () => {
    const world = ringing();
    world.faults.set("answer", "sockets");
    await show(world, Incoming, {});
    await press("Answer");
    expect(screen.getByRole("alert").textContent).toMatch(/firewall/);
  });
});

describe("the call's screen", () => {
  test("says how it sounds in words, and not more than one hears", async () => {
    const world = week();
    world.call = callOf({ participants: [participant("Bruno", { route: "tunnelled", quality: { verdict: "fair", reason: "jitter", rating: 70, opinion: 3.6 } })] });
    await show(world, CallScreen, { call: world.call });
    expect(screen.getByText("A little rough · the network is uneven · By way of the server")).toBeTruthy();
  });
  test("talks while the space bar is held, and stops when the window loses the focus", async () => {
    const world = week();
    world.call = callOf({ sendMode: "push_to_talk" });
    const backend = await show(world, CallScreen, { call: world.call });
    const { settings } = await import("$lib/stores/settings.svelte");
    await settings.change({ sound: { sendMode: "push_to_talk" } });
    await settle();
    await fireEvent.keyDown(window, { key: " " });
    await fireEvent.keyDown(window, { key: " ", repeat: true });
    await fireEvent.blur(window);
    await fireEvent.keyUp(window, { key: " " });
    expect(asked(backend, "setTalking").map((one) => one.args[0])).toEqual([true, false]);
  });
  test("offers to call again only where that makes sense", async () => {
    const world = week();
    world.call = callOf({ phase: "ended", ended: { reason: "timeout", detail: null, at: 0 } });
    await show(world, CallScreen, { call: world.call });
    expect(screen.getByRole("button", { name: "Call again" })).toBeTruthy();
    document.body.replaceChildren();
    await show(world, CallScreen, { call: callOf({ phase: "ended", ended: { reason: "remote_hung_up", detail: null, at: 0 } }) });
    expect(screen.queryByRole("button", { name: "Call again" })).toBeNull();
  });
});

describe("settings", () => {
  test("a profile is deleted only with its password", async () => {
    const backend = await show(week(), AccountPage, {});
    await press("Delete profile");
    const dialog = within(screen.getByRole("dialog"));
    expect(dialog.getByRole("button", { name: "Delete profile" }).hasAttribute("disabled")).toBe(true);
    backend.world.faults.set("deleteProfile", "auth_failed");
    await type(dialog.getByLabelText("Password"), "wrong");
    await fireEvent.submit(document.getElementById("delete-profile") ?? document.body);
    await settle();
    expect(dialog.getByRole("alert").textContent).toMatch(/wrong/);
  });
  test("a key is caught, Escape leaves it", async () => {
    const backend = await show(week(), KeyChoice, { global: true });
    await press("Choose a key");
    const button = screen.getByRole("button", { name: "Press a key" });
    await fireEvent.keyDown(button, { key: "Escape", code: "Escape" });
    await settle();
    await press("Choose a key");
    await fireEvent.keyDown(screen.getByRole("button", { name: "Press a key" }), { key: "F8", code: "F8" });
    await settle();
    expect(backend.world.settings.talkKey).toBe("F8");
  });
  test("a device that is gone stays chosen and says so", async () => {
    const backend = await begin(week());
    await (await import("$lib/stores/settings.svelte")).settings.change({ sound: { microphone: "Old headset" } });
    await settle();
    const { render } = await import("@testing-library/svelte");
    render(DeviceChoice);
    await settle();
    expect(screen.getByRole("option", { name: "Old headset (not connected)" })).toBeTruthy();
    await fireEvent.change(screen.getByLabelText("Microphone"), { target: { value: "" } });
    await settle();
    expect(backend.world.settings.sound.microphone).toBeNull();
  });
});

describe("keys that work everywhere", () => {
  const key = (init: KeyboardEventInit, target: EventTarget = document.body) => {
    const event = new KeyboardEvent("keydown", { ...init, bubbles: true, cancelable: true });
    Object.defineProperty(event, "target", { value: target });
    shortcuts(event);
    return event;
  };
  test("go to the tabs", async () => {
    await begin(week());
    key({ key: "2", ctrlKey: true });
    expect(nav.place).toEqual({ view: "people" });
  });
  test("mute, but not while one types", async () => {
    const world = week();
    world.call = callOf({});
    const backend = await begin(world);
    call.shown = true;
    key({ key: "m" }, document.createElement("textarea"));
    expect(asked(backend, "setMuted")).toHaveLength(0);
    key({ key: "m" });
    key({ key: "M", ctrlKey: true, shiftKey: true }, document.createElement("textarea"));
    await vi.waitFor(() => expect(asked(backend, "setMuted")).toHaveLength(2));
  });
});
