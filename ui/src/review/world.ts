import type { Call, Contact, Conversation, Group, Message, Participant, Presence, StatsSample } from "$lib/backend/types";
import { emptyWorld, type World } from "./scripted";

/** People, groups and conversations for looking at; everything in them is made up. */

export const ACCOUNT = "account-1";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A face of two colours, so that pictures can be seen beside initials. */
function face(sky: string, ground: string): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96"><rect width="96" height="96" fill="${sky}"/><circle cx="48" cy="38" r="17" fill="${ground}"/><path d="M12 96a36 34 0 0 1 72 0z" fill="${ground}"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

/** Hills at dusk. */
const LANDSCAPE = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 420"><linearGradient id="a" x2="0" y2="1"><stop stop-color="#f6d9a5"/><stop offset="1" stop-color="#d98f6c"/></linearGradient><rect width="640" height="420" fill="url(#a)"/><circle cx="452" cy="148" r="46" fill="#fff3d6"/><path d="M0 262q120-92 236-20t210-30 194 34v174H0z" fill="#7e8f6e"/><path d="M0 322q150-70 300-16t340-28v142H0z" fill="#3f6350"/><path d="M0 372q200-44 380-8t260-20v76H0z" fill="#1d3f33"/></svg>',
)}`;

const contact = (name: string, presence: Presence, picture: string | null = null): Contact => ({ name, presence, picture });

export const group = (id: string, name: string, members: string[], creator: string): Group => ({
  id,
  name,
  members,
  creator,
  changed: "2026-11-30T08:00:00Z",
});

let counter = 0;
export function message(changes: Partial<Message> & { author: string; at: number }): Message {
  counter += 1;
  return {
    id: `m${counter}`,
    sequence: counter,
    own: changes.author === "Ada",
    text: "",
    files: [],
    call: null,
    replyTo: null,
    editedAt: null,
    deleted: false,
    reactions: [],
    state: "sent",
    failure: null,
    ...changes,
  };
}

/** Gives places by time. */
function inOrder(messages: Message[]): Message[] {
  messages.sort((a, b) => a.at - b.at).forEach((one, index) => (one.sequence = index + 1));
  return messages;
}

function conversation(world: World, id: string, peer: string | null, messages: Message[], unread = 0): Conversation {
  const sequences = messages.map((one) => one.sequence ?? 0);
  const newest = Math.max(0, ...sequences);
  const others = messages.filter((one) => !one.own && one.sequence !== null).map((one) => one.sequence ?? 0);
  const read = unread > 0 ? (others.at(-unread) ?? 1) - 1 : newest;
  const result: Conversation = {
    id,
    with: peer,
    last: messages.at(-1) ?? null,
    unread,
    read,
    marks: [
      { name: peer ?? "Bruno", delivered: newest, read: Math.max(0, newest - 2) },
      { name: "Ada", delivered: newest, read },
    ],
    draft: "",
  };
  world.conversations.push(result);
  world.messages.set(id, messages);
  return result;
}

/** Ada, signed in, with a week behind her. */
export function week(): World {
  counter = 0;
  const now = Date.now();
  const world = emptyWorld();
  world.accounts = [
    {
      id: ACCOUNT,
      server: "wss://cooee.example.org",
      serverName: "cooee.example.org",
      plaintext: false,
      profile: { name: "Ada", picture: "ada" },
      keep: "keyring",
      session: { state: "online", attempt: 0, retryAt: null, ended: null },
    },
  ];
  world.active = ACCOUNT;
  world.pictures.set("ada", face("#f2d9b8", "#8a5a44"));
  world.pictures.set("bruno", face("#bcd7e6", "#3d5a73"));
  world.pictures.set("chloe", face("#e9c7cf", "#7a3f55"));
  world.pictures.set("hills", LANDSCAPE);
  world.contacts = [
    contact("Bruno", "online", "bruno"),
    contact("Chloé", "in_call", "chloe"),
    contact("Dmitri", "offline"),
    contact("élodie.martin", "online"),
    contact("小林さくら", "online"),
    contact("ليلى", "offline"),
    contact("Maximiliane-Konstantinopolitansk", "offline"),
    contact("grandma", "online"),
    contact("Tom_the_plumber", "offline"),
    contact("Wirrin", "requested"),
    contact("new.neighbour", "requested"),
    contact("Yusuf", "pending"),
  ];
  world.groups = [
    group("hikers", "Sunday hikers", ["Ada", "Bruno", "Chloé", "Dmitri"], "Ada"),
    group("choir", "Choir, second voices", ["élodie.martin", "Ada", "小林さくら"], "élodie.martin"),
    group("long", "The very long name of a group that somebody thought of at night", ["Ada", "Bruno"], "Bruno"),
  ];
  world.blocked = ["mallory"];
  world.devices = {
    microphones: [
      { id: "mic-1", name: "Built-in microphone", default: true },
      { id: "mic-2", name: "USB headset", default: false },
    ],
    loudspeakers: [
      { id: "spk-1", name: "Built-in speakers", default: true },
      { id: "spk-2", name: "USB headset", default: false },
    ],
  };

  const bruno = (() => {
    const yesterday = now - DAY;
    const first = message({ author: "Bruno", at: yesterday - 3 * HOUR, text: "Did you see the weather for Sunday?" });
    const asked = message({ author: "Bruno", at: now - 52 * MINUTE, text: "Which train do we take? There is one at 8:14 and one at 9:02, the second one waits for the bus in the valley." });
    return inOrder([
      first,
      message({ author: "Ada", at: yesterday - 3 * HOUR + MINUTE, text: "Sun until four, then maybe rain 🌦️" }),
      message({ author: "Ada", at: yesterday - 3 * HOUR + 2 * MINUTE, text: "Up there it looked like this last week:" }),
      message({
        author: "Ada",
        at: yesterday - 3 * HOUR + 3 * MINUTE,
        files: [{ id: "hills", name: "ridge.webp", mediaType: "image/webp", size: 812_000, width: 640, height: 420, thumbnail: "hills" }],
        reactions: [
          { name: "Bruno", text: "😮" },
          { name: "Ada", text: "👍" },
        ],
      }),
      message({ author: "Bruno", at: yesterday - 2 * HOUR, call: { result: "finished", seconds: 754 } }),
      message({ author: "Ada", at: now - 70 * MINUTE, deleted: true }),
      asked,
      message({
        author: "Ada",
        at: now - 50 * MINUTE,
        text: "The later one. I will bring the map.",
        replyTo: { id: asked.id, author: "Bruno", text: asked.text },
        editedAt: now - 49 * MINUTE,
      }),
      message({
        author: "Bruno",
        at: now - 30 * MINUTE,
        text: "Here is the timetable, also at https://trains.example.org/valley?from=town#sunday.",
        files: [{ id: "pdf", name: "Timetable winter 2026, valley line, weekends and holidays.pdf", mediaType: "application/pdf", size: 231_400, width: null, height: null, thumbnail: null }],
      }),
      message({ author: "Bruno", at: now - 12 * MINUTE, call: { result: "missed", seconds: 0 } }),
      message({ author: "Bruno", at: now - 11 * MINUTE, text: "call me in five?", reactions: [{ name: "Ada", text: "👍" }] }),
      message({ author: "Ada", at: now - 3 * MINUTE, text: "Doing it now" }),
    ]);
  })();
  conversation(world, "pair-bruno", "Bruno", bruno);
  const hikers = [
    message({ author: "Chloé", at: now - 2 * HOUR, text: "Who brings the stove?" }),
    message({ author: "Chloé", at: now - 2 * HOUR + MINUTE, text: "Mine has no gas left." }),
    message({ author: "Dmitri", at: now - 110 * MINUTE, text: "I do. And tea, and the big pot, so nobody needs to carry anything but a cup." }),
    message({ author: "Ada", at: now - 100 * MINUTE, text: "Then I bring cake.", reactions: [{ name: "Bruno", text: "🙏" }, { name: "Chloé", text: "🙏" }, { name: "Dmitri", text: "😂" }] }),
    message({ author: "Dmitri", at: now - 95 * MINUTE, call: { result: "declined", seconds: 0 } }),
    message({ author: "Bruno", at: now - 40 * MINUTE, text: "Meet at the platform, quarter to nine." }),
    message({ author: "Chloé", at: now - 20 * MINUTE, text: "👍👍" }),
  ];
  conversation(world, "hikers", null, hikers, 2);
  conversation(world, "pair-elodie", "élodie.martin", [message({ author: "élodie.martin", at: now - 5 * HOUR, text: "À demain à la répétition !" })]);
  conversation(world, "pair-sakura", "小林さくら", [message({ author: "小林さくら", at: now - 26 * HOUR, text: "了解しました。また明日。" })], 1);
  conversation(world, "pair-layla", "ليلى", [message({ author: "ليلى", at: now - 3 * DAY, text: "شكرا جزيلا، أراك يوم الأحد" })]);
  conversation(world, "choir", null, [message({ author: "élodie.martin", at: now - 4 * DAY, text: "New sheets are in the cupboard" })]);
  const max = conversation(world, "pair-max", "Maximiliane-Konstantinopolitansk", [message({ author: "Ada", at: now - 9 * DAY, text: "Happy birthday!" })]);
  max.draft = "I wanted to ask whether you";
  conversation(world, "pair-gran", "grandma", [message({ author: "grandma", at: now - 20 * DAY, call: { result: "finished", seconds: 3912 } })]);
  conversation(world, "pair-tom", "Tom_the_plumber", [message({ author: "Ada", at: now - 380 * DAY, text: "Thank you, it works again" })]);
  world.conversations.sort((a, b) => (b.last?.at ?? 0) - (a.last?.at ?? 0));
  return world;
}

export const participant = (name: string, changes: Partial<Participant> = {}): Participant => ({
  name,
  state: "connected",
  route: "direct",
  safetyCode: "48213 77041 90355 12866",
  speaking: false,
  silenced: false,
  volume: 100,
  quality: { verdict: "good", reason: "nothing", rating: 88, opinion: 4.3 },
  trouble: null,
  ...changes,
});

export const callOf = (changes: Partial<Call>): Call => ({
  id: 1,
  account: ACCOUNT,
  conversation: "pair-bruno",
  group: false,
  with: ["Bruno"],
  outgoing: true,
  phase: "connected",
  since: Date.now() - 190_000,
  connectedAt: Date.now() - 187_000,
  participants: [participant("Bruno", { speaking: true })],
  muted: false,
  deafened: false,
  sendMode: "continuous",
  talking: false,
  speaking: false,
  verified: false,
  sound: { microphone: { name: "Built-in microphone", missing: false }, loudspeaker: { name: "Built-in speakers", missing: false } },
  ended: null,
  ...changes,
});

/** Two minutes of figures, with a bad half minute in the middle. */
export function minutes(): StatsSample[] {
  const samples: StatsSample[] = [];
  let received = 0;
  let lost = 0;
  for (let second = 0; second < 110; second += 1) {
    const bad = second > 45 && second < 75;
    const wave = Math.sin(second / 3);
    received += bad ? 46 : 50;
    lost += bad ? 4 : second % 17 === 0 ? 1 : 0;
    samples.push({
      at: Date.now() - (110 - second) * 1000,
      sent: second * 50,
      received,
      lost,
      late: Math.floor(lost / 6),
      concealed: Math.floor(lost / 3),
      recovered: Math.floor(lost / 2),
      jitterMs: 3 + wave + (bad ? 9 : 0),
      roundTripMs: second < 2 ? null : 38 + 4 * wave + (bad ? 60 : 0),
      bufferMs: 42 + (bad ? 38 : 0) + 2 * wave,
      rating: second < 3 ? null : 88 - (bad ? 22 : 0) + wave,
      bitrate: bad ? 20_000 : 32_000,
    });
  }
  return samples;
}
