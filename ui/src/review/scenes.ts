import type { Call, Contact, ErrorCode, Message } from "$lib/backend/types";
import type { Place } from "$lib/stores/nav.svelte";
import { session } from "$lib/stores/session.svelte";
import { ACCOUNT, callOf, message, minutes, participant, week } from "./world";
import { emptyWorld, type ScriptedBackend, type World } from "./scripted";

export interface Scene {
  world: () => World;
  place?: Place;
  /** What happens then. */
  then?: (backend: ScriptedBackend) => void | Promise<void>;
  /** The app does not get beyond its start. */
  starting?: boolean;
  /** The call is not on the screen but above the app. */
  minimised?: boolean;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const changed = (change: (world: World) => void, base: () => World = week): (() => World) => () => {
  const world = base();
  change(world);
  return world;
};

/** The button, link or field of this name, once it is there. */
async function find(selector: string): Promise<HTMLElement> {
  for (let turn = 0; turn < 100; turn += 1) {
    const found = document.querySelector<HTMLElement>(selector);
    if (found) return found;
    await wait(20);
  }
  throw new Error(`nothing matches ${selector}`);
}
const press = async (selector: string): Promise<void> => (await find(selector)).click();
async function type(selector: string, text: string): Promise<void> {
  const field = await find(selector);
  if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  await wait(30);
}

const inCall = (call: Partial<Call>, stats = true): (() => World) =>
  changed((world) => {
    world.call = callOf(call);
    if (stats) world.stats = minutes();
  });
const reconnecting = changed((world) => {
  for (const account of world.accounts) account.session = { state: "reconnecting", attempt: 3, retryAt: Date.now() + 8000, ended: null };
});
const many = (): World => {
  const world = week();
  const contacts: Contact[] = Array.from({ length: 1000 }, (_, index) => ({
    name: `person-${String(index).padStart(4, "0")}`,
    presence: index % 7 === 0 ? "online" : "offline",
    picture: null,
  }));
  world.contacts = [...world.contacts, ...contacts];
  const messages: Message[] = [];
  const start = Date.now() - 100_000 * 45_000;
  for (let index = 0; index < 100_000; index += 1) {
    messages.push(
      message({
        author: index % 3 === 0 ? "Ada" : "Bruno",
        at: start + index * 45_000,
        text: index % 11 === 0 ? `Number ${index}, and this one is somewhat longer so that it takes more than one line on a phone.` : `Number ${index}`,
      }),
    );
  }
  world.messages.set("pair-bruno", messages);
  world.conversations = [
    ...world.conversations.map((one) => (one.id === "pair-bruno" ? { ...one, last: messages.at(-1) ?? null, read: messages.at(-1)?.sequence ?? 0 } : one)),
    ...contacts.map((contact) => ({ id: `pair-${contact.name}`, with: contact.name, last: null, unread: 0, read: 0, marks: [], draft: "" })),
  ];
  return world;
};

const signedOut = (code: ErrorCode): (() => World) =>
  changed((world) => {
    for (const account of world.accounts) account.session = { state: "signed_out", attempt: 0, retryAt: null, ended: { code, detail: null } };
  });
const toAccount = async (): Promise<void> => {
  await type("main form input", "cooee.example.org");
  await press("main form button[type=submit]");
  await find("input[autocomplete=new-password]");
};

/** Every screen and state that is looked at and tested. */
export const scenes: Record<string, Scene> = {
  // The way in.
  starting: { world: changed((world) => world.stuck.add("snapshot")), starting: true },
  broken: { world: changed((world) => world.faults.set("snapshot", "data_folder")) },
  welcome: { world: emptyWorld },
  "welcome-error": {
    world: emptyWorld,
    then: async () => {
      await type("main form input", "no address");
      await press("main form button[type=submit]");
      await find("[role=alert]");
    },
  },
  signup: { world: emptyWorld, then: toAccount },
  "signup-taken": {
    world: changed((world) => world.faults.set("register", "name_taken"), emptyWorld),
    then: async () => {
      await toAccount();
      await type("input[autocomplete=username]", "bruno");
      await type("input[autocomplete=new-password]", "correct horse battery");
      await press("main form button[type=submit]");
      await find("[role=alert]");
    },
  },
  "signup-no-keyring": {
    world: changed((world) => (world.keyring = { available: false, problem: { code: "keyring_locked", detail: null } }), emptyWorld),
    then: toAccount,
  },
  "signup-plaintext": {
    world: emptyWorld,
    then: async () => {
      await type("main form input", "ws://192.168.1.20:8080");
      await press("main form button[type=submit]");
      await find("input[autocomplete=new-password]");
    },
  },
  "signup-invited": {
    world: changed(
      (world) => (world.invitation = { server: "wss://cooee.example.org", serverName: "cooee.example.org", plaintext: false, name: "Bruno" }),
      emptyWorld,
    ),
  },
  "signin-wrong": {
    world: changed((world) => world.faults.set("signIn", "auth_failed"), emptyWorld),
    then: async () => {
      await toAccount();
      await press("[role=group] button:nth-child(2)");
      await type("input[autocomplete=username]", "Ada");
      await type("input[autocomplete=current-password]", "correct horse");
      await press("main form button[type=submit]");
      await find("[role=alert]");
    },
  },
  "signin-again": { world: signedOut("session_over") },
  "signin-keyring": { world: signedOut("keyring_locked") },

  // Chats.
  chats: { world: week },
  "chats-empty": {
    world: changed((world) => {
      world.conversations = [];
      world.contacts = [];
      world.groups = [];
      world.blocked = [];
    }),
  },
  "chats-loading": { world: changed((world) => world.stuck.add("conversations")) },
  "chats-failed": { world: changed((world) => world.faults.set("conversations", "cache")) },
  "chats-offline": { world: reconnecting, then: () => wait(1700) },
  "chats-search": { world: week, then: async () => { await type("[role=search] input", "train"); await wait(300); } },
  "chats-search-nothing": { world: week, then: async () => { await type("[role=search] input", "zebra"); await wait(300); } },
  chat: { world: week, place: { view: "chat", id: "pair-bruno" } },
  "chat-group": { world: changed((world) => world.typing.set("hikers", ["Chloé", "Dmitri"])), place: { view: "chat", id: "hikers" } },
  "chat-offline": {
    world: changed((world) => {
      const list = world.messages.get("pair-bruno") ?? [];
      list.push(
        message({ author: "Ada", at: Date.now() - 40_000, text: "This one waits for the connection.", state: "sending", sequence: null }),
        message({ author: "Ada", at: Date.now() - 20_000, text: "And this one was refused.", state: "failed", failure: "not_contact", sequence: null }),
      );
    }, reconnecting),
    place: { view: "chat", id: "pair-bruno" },
    then: () => wait(1700),
  },
  "chat-new": {
    world: changed((world) => {
      world.conversations.unshift({ id: "pair-dmitri", with: "Dmitri", last: null, unread: 0, read: 0, marks: [], draft: "" });
    }),
    place: { view: "chat", id: "pair-dmitri" },
  },
  "chat-loading": { world: changed((world) => world.stuck.add("messages")), place: { view: "chat", id: "pair-bruno" } },
  "chat-failed": { world: changed((world) => world.faults.set("messages", "cache")), place: { view: "chat", id: "pair-bruno" } },
  "chat-closed": { world: changed((world) => (world.blocked = ["Bruno"])), place: { view: "chat", id: "pair-bruno" } },
  "chat-menu": {
    world: week,
    place: { view: "chat", id: "pair-bruno" },
    then: async () => {
      await find("article");
      await wait(100);
      [...document.querySelectorAll<HTMLElement>("article button[aria-haspopup=menu]")].at(-1)?.click();
      await find("[role=menu]");
    },
  },
  "chat-reply": {
    world: changed((world) => {
      for (const one of world.conversations) if (one.id === "pair-bruno") one.draft = "Yes, and I can take the early bus back, which leaves a little more time at the top. Shall we ask the others, too?";
    }),
    place: { view: "chat", id: "pair-bruno" },
    then: async (backend) => {
      await find("article");
      await wait(100);
      [...document.querySelectorAll<HTMLElement>("article button[aria-haspopup=menu]")].at(-2)?.click();
      await find("[role=menu]");
      const items = [...document.querySelectorAll<HTMLElement>("[role=menu] > [role=menuitem]")];
      items[0]?.click();
      await press("form button[type=button]:has(svg.lucide-paperclip)");
      await wait(60);
      void backend;
    },
  },
  "chat-search": {
    world: week,
    place: { view: "chat", id: "pair-bruno" },
    then: async () => {
      await press("header button[aria-expanded]");
      await type("#content header + [role=search] input", "train");
      await wait(350);
    },
  },
  "chat-link": {
    world: week,
    place: { view: "chat", id: "pair-bruno" },
    then: async () => { await press("article [role=link]"); await find("[role=dialog]"); },
  },
  "chat-delete": {
    world: week,
    place: { view: "chat", id: "pair-bruno" },
    then: async () => {
      await find("article");
      await wait(100);
      [...document.querySelectorAll<HTMLElement>("article button[aria-haspopup=menu]")].at(-1)?.click();
      await find("[role=menu]");
      [...document.querySelectorAll<HTMLElement>("[role=menu] > [role=menuitem]")].at(-1)?.click();
      await find("[role=dialog]");
    },
  },
  "chat-picture": {
    world: week,
    place: { view: "chat", id: "pair-bruno", at: 4 },
    then: async () => { await press("article button:has(img)"); await find("[role=dialog]"); },
  },
  "chat-many": { world: many, place: { view: "chat", id: "pair-bruno" } },

  // People and groups.
  people: { world: week, place: { view: "people" } },
  "people-empty": { world: changed((world) => { world.contacts = []; world.blocked = []; }), place: { view: "people" } },
  "people-add": {
    world: changed((world) => world.faults.set("addContact", "not_added")),
    place: { view: "people" },
    then: async () => {
      await press("header button:has(svg.lucide-user-plus)");
      await type("[role=dialog] form input", "nobody");
      await press("[role=dialog] form button[type=submit]");
      await find("[role=alert]");
    },
  },
  "people-code": { world: week, place: { view: "people" }, then: async () => { await press("header button:has(svg.lucide-qr-code)"); await find("[role=dialog] svg[role=img]"); } },
  "people-many": { world: many, place: { view: "people" } },
  person: { world: week, place: { view: "person", name: "Bruno" } },
  "person-request": { world: week, place: { view: "person", name: "Wirrin" } },
  "person-blocked": { world: week, place: { view: "person", name: "mallory" } },
  "person-block": {
    world: week,
    place: { view: "person", name: "Maximiliane-Konstantinopolitansk" },
    then: async () => { await press("button:has(svg.lucide-ban)"); await find("[role=dialog]"); },
  },
  invitation: {
    world: changed((world) => (world.invitation = { server: "wss://other.example.net", serverName: "other.example.net", plaintext: false, name: "Quentin" })),
  },
  groups: { world: week, place: { view: "groups" } },
  "groups-empty": { world: changed((world) => (world.groups = [])), place: { view: "groups" } },
  group: { world: week, place: { view: "group", id: "hikers" } },
  "group-long": { world: week, place: { view: "group", id: "long" } },
  "group-new": { world: week, place: { view: "groups" }, then: async () => { await press("header button:has(svg.lucide-plus)"); await type("[role=dialog] form input", "Chess on Fridays"); } },

  // Calls.
  incoming: { world: changed((world) => (world.incoming = [{ account: ACCOUNT, conversation: "pair-bruno", group: false, from: "Bruno", since: Date.now() }])) },
  "incoming-group": {
    world: changed((world) => (world.incoming = [{ account: ACCOUNT, conversation: "hikers", group: true, from: "Chloé", since: Date.now() }])),
    place: { view: "chat", id: "pair-bruno" },
  },
  "call-ringing": {
    world: inCall({ phase: "ringing_out", connectedAt: null, participants: [participant("Bruno", { state: "ringing", route: null, quality: null, safetyCode: null })] }, false),
  },
  "call-connecting": {
    world: inCall({ phase: "connecting", connectedAt: null, participants: [participant("Bruno", { state: "connecting", route: null, quality: null, safetyCode: null })] }, false),
  },
  call: { world: inCall({}) },
  "call-muted": { world: inCall({ muted: true, participants: [participant("Bruno", { route: "tunnelled", volume: 140, quality: { verdict: "poor", reason: "bursts", rating: 52, opinion: 2.7 } })] }) },
  "call-push": {
    world: changed((world) => {
      world.settings.sound.sendMode = "push_to_talk";
      world.call = callOf({ sendMode: "push_to_talk" });
    }),
  },
  "call-reconnecting": { world: inCall({ phase: "reconnecting", participants: [participant("Bruno", { quality: { verdict: "poor", reason: "silence", rating: 10, opinion: 1 } })] }) },
  "call-no-microphone": { world: inCall({ sound: { microphone: { name: null, missing: true }, loudspeaker: { name: "Built-in speakers", missing: false } } }) },
  "call-device-lost": {
    world: inCall({}),
    then: async (backend) => { await wait(60); backend.emit({ type: "call_device", kind: "loudspeaker", change: "replaced", device: "Built-in speakers" }); await wait(60); },
  },
  "call-group": {
    world: inCall({
      conversation: "hikers",
      group: true,
      with: ["Bruno", "Chloé", "Dmitri"],
      participants: [
        participant("Bruno", { speaking: true }),
        participant("Chloé", { route: "relayed", quality: { verdict: "fair", reason: "jitter", rating: 71, opinion: 3.6 } }),
        participant("Dmitri", { state: "ringing", route: null, quality: null, safetyCode: null }),
        participant("Maximiliane-Konstantinopolitansk", { state: "unreachable", route: null, quality: null, safetyCode: null, trouble: "no path" }),
        participant("小林さくら", { silenced: true, volume: 0 }),
      ],
    }),
  },
  "call-volume": {
    world: inCall({ conversation: "hikers", group: true, participants: [participant("Bruno", { volume: 130 }), participant("Chloé")] }),
    then: async () => { await press("main li button"); await find("[data-popover-content], [role=dialog] input[type=range]"); },
  },
  "call-quality": { world: inCall({}), then: async () => { await press("footer button:has(svg.lucide-activity)"); await find("[role=dialog] polyline"); } },
  "call-sound": { world: inCall({}), then: async () => { await press("footer button:has(svg.lucide-audio-lines)"); await find("[role=dialog] select"); await wait(60); } },
  "call-safety": { world: inCall({}), then: async () => { await press("header button:has(svg.lucide-shield-check)"); await find("[role=dialog]"); } },
  "call-add": {
    world: inCall({ conversation: "hikers", group: true, participants: [participant("Bruno")] }),
    then: async () => { await press("footer button:has(svg.lucide-user-plus)"); await find("[role=dialog]"); },
  },
  "call-declined": { world: inCall({}, false), then: (backend) => backend.setCall({ phase: "ended", connectedAt: null, ended: { reason: "declined", detail: null, at: Date.now() } }) },
  "call-over": { world: inCall({}), then: (backend) => backend.setCall({ phase: "ended", ended: { reason: "remote_hung_up", detail: null, at: Date.now() } }) },
  "call-bar": { world: inCall({}), place: { view: "chat", id: "pair-bruno" }, minimised: true },

  // Settings.
  settings: { world: week, place: { view: "settings" } },
  profile: { world: week, place: { view: "profile" } },
  "profile-crop": {
    world: week,
    place: { view: "profile" },
    then: async () => {
      const canvas = document.createElement("canvas");
      canvas.width = 640;
      canvas.height = 420;
      const context = canvas.getContext("2d");
      const picture = new Image();
      picture.src = week().pictures.get("hills") ?? "";
      await picture.decode();
      context?.drawImage(picture, 0, 0, 640, 420);
      const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
      const input = await find("input[type=file]");
      if (!(input instanceof HTMLInputElement) || !blob) return;
      const transfer = new DataTransfer();
      transfer.items.add(new File([blob], "hills.png", { type: "image/png" }));
      input.files = transfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      await find("[role=dialog] canvas");
    },
  },
  sound: { world: changed((world) => (world.settings.sound.sendMode = "push_to_talk")), place: { view: "setting", page: "sound" } },
  "sound-none": {
    world: changed((world) => {
      world.devices = { microphones: [], loudspeakers: [] };
      world.settings.sound.microphone = "Old headset";
    }),
    place: { view: "setting", page: "sound" },
  },
  "sound-test": { world: week, place: { view: "setting", page: "sound" }, then: async (backend) => { await wait(60); await backend.startSoundTest(); } },
  privacy: { world: week, place: { view: "setting", page: "privacy" } },
  notifications: { world: week, place: { view: "setting", page: "notifications" } },
  appearance: { world: week, place: { view: "setting", page: "appearance" } },
  account: {
    world: changed((world) => {
      const first = world.accounts[0];
      if (first) world.accounts.push({ ...first, id: "account-2", serverName: "choir.example.net", server: "wss://choir.example.net", profile: { name: "ada.l", picture: null }, keep: "session", session: { ...first.session, state: "reconnecting" } });
    }),
    place: { view: "setting", page: "account" },
  },
  "account-delete": { world: week, place: { view: "setting", page: "account" }, then: async () => { await press("section:last-of-type button:has(svg.lucide-trash-2)"); await find("[role=dialog]"); } },
  "sound-silent": { world: week, place: { view: "setting", page: "sound" }, then: async (backend) => { await wait(60); backend.emit({ type: "sound_test", test: { stage: "done", level: 0, progress: 1, silent: true } }); await wait(60); } },
  storage: { world: week, place: { view: "setting", page: "storage" } },
  "storage-export": {
    world: week,
    place: { view: "setting", page: "storage" },
    then: async (backend) => { await wait(60); backend.emit({ type: "export", account: ACCOUNT, export: { messages: 18_204, conversations: 41, allConversations: 112, files: 0, allFiles: 0, missingFiles: 0, incomplete: 0 } }); await wait(60); },
  },
  about: { world: week, place: { view: "setting", page: "about" } },
  "add-account": { world: week, then: () => void (session.adding = true) },
  toast: {
    world: changed((world) => world.faults.set("callContact", "offline")),
    place: { view: "person", name: "Bruno" },
    then: async () => { await press("button:has(svg.lucide-phone)"); await find("[aria-live=polite] p"); },
  },
};


