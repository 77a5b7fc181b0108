import { BackendError } from "$lib/backend/backend";
import type { Account, Contact, Group, Invitation, KeyringStatus, NewSession, OwnInvitation, ServerAddress } from "$lib/backend/types";
import { ScriptedCore } from "./core";

/** Accounts, profile, people and groups. */
export abstract class ScriptedPeople extends ScriptedCore {
  // Accounts.

  async keyring(): Promise<KeyringStatus> {
    await this.does("keyring");
    return this.world.keyring;
  }

  async parseServer(address: string): Promise<ServerAddress> {
    await this.does("parseServer", address);
    if (!/^[\w.:/-]+$/.test(address) || !address.includes(".")) throw new BackendError("address_malformed");
    const serverName = address.replace(/^\w+:\/\//, "");
    const plaintext = address.startsWith("ws://");
    return { server: `${plaintext ? "ws" : "wss"}://${serverName}`, serverName, plaintext };
  }

  async parseLink(text: string): Promise<Invitation> {
    await this.does("parseLink", text);
    const match = /^cooee:\/\/([\w.:-]+)(?:\/add\/([^/?#]+))?$/.exec(text);
    if (!match?.[1]) throw new BackendError("link_invalid");
    return { server: `wss://${match[1]}`, serverName: match[1], plaintext: false, name: match[2] ? decodeURIComponent(match[2]) : null };
  }

  async dismissInvitation(): Promise<void> {
    await this.does("dismissInvitation");
    this.world.invitation = null;
    this.emit({ type: "invitation", invitation: null });
  }

  async register(session: NewSession): Promise<string> {
    await this.does("register", session);
    if (session.password.length < 8) throw new BackendError("password_invalid");
    return this.#signedIn(session);
  }

  async signIn(session: NewSession): Promise<string> {
    await this.does("signIn", session);
    return this.#signedIn(session);
  }

  #signedIn(session: NewSession): string {
    const id = `${session.name}@${session.server}`;
    const account: Account = {
      id,
      server: session.server,
      serverName: session.server.replace(/^\w+:\/\//, ""),
      plaintext: false,
      profile: { name: session.name, picture: null },
      keep: session.keep,
      session: { state: "online", attempt: 0, retryAt: null, ended: null },
    };
    this.world.accounts = [...this.world.accounts.filter((one) => one.id !== id), account];
    this.world.active = id;
    this.#accountsChanged();
    this.emit({ type: "roster", account: id, roster: { contacts: this.world.contacts, groups: this.world.groups, blocked: this.world.blocked } });
    return id;
  }

  #accountsChanged(): void {
    this.emit({ type: "accounts", accounts: this.world.accounts, active: this.world.active });
  }

  async resume(account: string): Promise<void> {
    await this.does("resume", account);
  }

  async signOut(account: string): Promise<void> {
    await this.does("signOut", account);
    this.world.accounts = this.world.accounts.filter((one) => one.id !== account);
    this.world.active = this.world.accounts[0]?.id ?? null;
    this.#accountsChanged();
  }

  async forget(account: string): Promise<void> {
    await this.signOut(account);
  }

  async switchTo(account: string): Promise<void> {
    await this.does("switchTo", account);
    this.world.active = account;
    this.#accountsChanged();
  }

  async deleteProfile(account: string, password: string): Promise<void> {
    await this.does("deleteProfile", account, password);
    await this.signOut(account);
  }

  async reconnect(account: string): Promise<void> {
    await this.does("reconnect", account);
  }

  // The own profile.

  #amend(profile: Partial<Account["profile"]>): void {
    this.world.accounts = this.world.accounts.map((one) =>
      one.id === this.world.active ? { ...one, profile: { ...one.profile, ...profile } } : one,
    );
    this.#accountsChanged();
  }

  async rename(_account: string, name: string): Promise<void> {
    await this.does("rename", name);
    if (/\s/.test(name)) throw new BackendError("name_invalid");
    this.#amend({ name });
  }

  async changePassword(_account: string, password: string): Promise<void> {
    await this.does("changePassword");
    if (password.length < 8) throw new BackendError("password_invalid");
  }

  async setPicture(_account: string, bytes: Uint8Array | null): Promise<void> {
    await this.does("setPicture", bytes?.length ?? null);
    if (bytes === null) {
      this.#amend({ picture: null });
      return;
    }
    const id = `own-${this.next++}`;
    this.world.pictures.set(id, URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type: "image/jpeg" })));
    this.#amend({ picture: id });
  }

  async ownInvitation(): Promise<OwnInvitation> {
    await this.does("ownInvitation");
    const account = this.world.accounts.find((one) => one.id === this.world.active);
    // Any pattern will do for looking at; the shell makes real ones.
    const qr = Array.from({ length: 29 }, (_, y) =>
      Array.from({ length: 29 }, (_, x) => {
        const finder = (left: number, top: number): boolean | null => {
          const dx = x - left;
          const dy = y - top;
          if (dx < 0 || dy < 0 || dx > 6 || dy > 6) return null;
          const ring = Math.max(Math.abs(dx - 3), Math.abs(dy - 3));
          return ring !== 2;
        };
        const dark = finder(0, 0) ?? finder(22, 0) ?? finder(0, 22) ?? (x * 7 + y * 13 + x * y * 3) % 5 < 2;
        return dark ? "1" : "0";
      }).join(""),
    );
    return { link: `cooee://${account?.serverName ?? ""}/add/${account?.profile.name ?? ""}`, qr };
  }

  pictureUrl(_account: string, id: string): string {
    return this.world.pictures.get(id) ?? "";
  }

  fileUrl(_account: string, id: string): string {
    return this.world.pictures.get(id) ?? "";
  }

  // People and groups.

  #contact(contact: Contact): void {
    this.world.contacts = [...this.world.contacts.filter((one) => one.name !== contact.name), contact];
    this.emit({ type: "contact", account: this.active(), contact, previous: null });
  }

  async addContact(_account: string, name: string): Promise<void> {
    await this.does("addContact", name);
    const known = this.world.contacts.find((one) => one.name === name);
    if (known && known.presence !== "requested") throw new BackendError("already_contact");
    if (!known && name === "nobody") throw new BackendError("not_added");
    this.#contact({ name, picture: known?.picture ?? null, presence: known ? "online" : "pending" });
  }

  async removeContact(_account: string, name: string): Promise<void> {
    await this.does("removeContact", name);
    this.world.contacts = this.world.contacts.filter((one) => one.name !== name);
    this.emit({ type: "contact_removed", account: this.active(), name });
  }

  async block(_account: string, name: string): Promise<void> {
    await this.does("block", name);
    this.world.blocked = [...this.world.blocked, name];
    this.emit({ type: "blocked", account: this.active(), names: this.world.blocked });
  }

  async unblock(_account: string, name: string): Promise<void> {
    await this.does("unblock", name);
    this.world.blocked = this.world.blocked.filter((one) => one !== name);
    this.emit({ type: "blocked", account: this.active(), names: this.world.blocked });
  }

  #group(group: Group): void {
    this.world.groups = [...this.world.groups.filter((one) => one.id !== group.id), group];
    this.emit({ type: "group", account: this.active(), group });
  }

  async createGroup(_account: string, name: string, members: string[]): Promise<Group> {
    await this.does("createGroup", name, members);
    const group: Group = { id: `group-${this.next++}`, name, members: [this.me(), ...members], creator: this.me(), changed: "2026-11-30T09:00:00Z" };
    this.#group(group);
    return group;
  }

  async addToGroup(_account: string, group: string, name: string): Promise<void> {
    await this.does("addToGroup", group, name);
    const known = this.world.groups.find((one) => one.id === group);
    if (known) this.#group({ ...known, members: [...known.members, name] });
  }

  async removeFromGroup(_account: string, group: string, name: string): Promise<void> {
    await this.does("removeFromGroup", group, name);
    const known = this.world.groups.find((one) => one.id === group);
    if (known) this.#group({ ...known, members: known.members.filter((one) => one !== name) });
  }

  async leaveGroup(_account: string, group: string): Promise<void> {
    await this.does("leaveGroup", group);
    this.world.groups = this.world.groups.filter((one) => one.id !== group);
    this.emit({ type: "group_removed", account: this.active(), group });
  }
}
