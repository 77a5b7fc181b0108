import { SvelteMap, SvelteSet } from "svelte/reactivity";
import type { AccountId, AppEvent, Contact, Group, Roster, Snapshot } from "$lib/backend/types";

const order = new Intl.Collator(undefined, { sensitivity: "base", numeric: true });
const byName = (a: { name: string }, b: { name: string }): number => order.compare(a.name, b.name);
const present = (contact: Contact): boolean => contact.presence === "online" || contact.presence === "in_call";

/** Letters without case and accents, for finding what was meant. */
export function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase("und");
}

/** The people of one account. */
export class People {
  readonly contacts = new SvelteMap<string, Contact>();
  readonly groups = new SvelteMap<string, Group>();
  readonly blocked = new SvelteSet<string>();

  /** Confirmed contacts: who is there first, then by name. */
  readonly confirmed: Contact[] = $derived(
    this.#with((contact) => contact.presence !== "pending" && contact.presence !== "requested").sort(
      (a, b) => Number(present(b)) - Number(present(a)) || byName(a, b),
    ),
  );
  readonly requests: Contact[] = $derived(this.#with((contact) => contact.presence === "requested").sort(byName));
  readonly pending: Contact[] = $derived(this.#with((contact) => contact.presence === "pending").sort(byName));
  readonly groupList: Group[] = $derived([...this.groups.values()].sort(byName));

  reset(roster: Roster): void {
    this.contacts.clear();
    for (const contact of roster.contacts) this.contacts.set(contact.name, contact);
    this.groups.clear();
    for (const group of roster.groups) this.groups.set(group.id, group);
    this.block(roster.blocked);
  }

  block(names: readonly string[]): void {
    this.blocked.clear();
    for (const name of names) this.blocked.add(name);
  }

  isConfirmed(name: string): boolean {
    const presence = this.contacts.get(name)?.presence;
    return presence !== undefined && presence !== "pending" && presence !== "requested";
  }

  #with(what: (contact: Contact) => boolean): Contact[] {
    return [...this.contacts.values()].filter(what);
  }
}

/** Everybody's people, of every account. */
class Rosters {
  readonly #all = new SvelteMap<AccountId, People>();

  of(account: AccountId): People {
    const known = this.#all.get(account);
    if (known) return known;
    const people = new People();
    this.#all.set(account, people);
    return people;
  }

  /** The account's people, when they were told. */
  known(account: AccountId): People | null {
    return this.#all.get(account) ?? null;
  }

  reset(rosters: Snapshot["rosters"]): void {
    const accounts = new Set(rosters.map((one) => one.account));
    for (const account of this.#all.keys()) if (!accounts.has(account)) this.#all.delete(account);
    for (const { account, roster } of rosters) this.of(account).reset(roster);
  }

  handle(event: AppEvent): void {
    switch (event.type) {
      case "roster":
        this.of(event.account).reset(event.roster);
        break;
      case "contact": {
        const { contacts } = this.of(event.account);
        if (event.previous !== null && event.previous !== event.contact.name) contacts.delete(event.previous);
        contacts.set(event.contact.name, event.contact);
        break;
      }
      case "contact_removed":
        this.of(event.account).contacts.delete(event.name);
        break;
      case "group":
        this.of(event.account).groups.set(event.group.id, event.group);
        break;
      case "group_removed":
        this.of(event.account).groups.delete(event.group);
        break;
      case "blocked":
        this.of(event.account).block(event.names);
        break;
    }
  }
}

export const rosters = new Rosters();
