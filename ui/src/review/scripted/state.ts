import type { Account, AppInfo, Call, Contact, Conversation, Devices, Group, IncomingCall, Invitation, KeyringStatus, Message, Settings, StatsSample } from "$lib/backend/types";
import { defaults } from "$lib/stores/settings.svelte";

/** What the scripted backend begins with. */
export interface World {
  info: AppInfo;
  accounts: Account[];
  active: string | null;
  contacts: Contact[];
  groups: Group[];
  blocked: string[];
  conversations: Conversation[];
  messages: Map<string, Message[]>;
  typing: Map<string, string[]>;
  incoming: IncomingCall[];
  call: Call | null;
  stats: StatsSample[];
  devices: Devices;
  settings: Settings;
  keyring: KeyringStatus;
  invitation: Invitation | null;
  pictures: Map<string, string>;
  /** Methods that fail, and with what code. */
  faults: Map<string, string>;
  /** Methods that never answer. */
  stuck: Set<string>;
}

export const emptyWorld = (): World => ({
  info: { version: "0.1.0", system: "linux", locale: "en-GB", mediaRoot: "", dataFolder: "/home/ada/.local/share/cooee", tray: true, globalKeys: true, autostart: true },
  accounts: [],
  active: null,
  contacts: [],
  groups: [],
  blocked: [],
  conversations: [],
  messages: new Map(),
  typing: new Map(),
  incoming: [],
  call: null,
  stats: [],
  devices: { microphones: [], loudspeakers: [] },
  settings: structuredClone(defaults),
  keyring: { available: true, problem: null },
  invitation: null,
  pictures: new Map(),
  faults: new Map(),
  stuck: new Set(),
});
