import type { Message } from "$lib/backend/types";
import { m } from "$lib/paraglide/messages.js";
import { outcomeWords } from "./calls";

/** What a message says, in one line. */
export function contentOf(message: Pick<Message, "text" | "deleted" | "call" | "files" | "own">, group = false): string {
  if (message.deleted) return m.message_deleted();
  if (message.call) return outcomeWords(message.call, message.own, group);
  const text = message.text.replace(/\s+/gu, " ").trim();
  if (text) return text;
  const first = message.files[0];
  if (!first) return "";
  if (message.files.length > 1) return m.message_files({ count: message.files.length });
  return isPicture(first.mediaType) ? m.message_picture() : first.name;
}

/** The same with who wrote it, for the list of conversations. */
export function previewOf(message: Message, group: boolean): string {
  const content = contentOf(message, group);
  if (message.call || message.deleted) return content;
  if (message.own) return m.preview_own({ text: content });
  return group && message.author !== null ? m.preview_other({ name: message.author, text: content }) : content;
}

/** Kinds of pictures that are shown; anything else is a file to be saved. */
export function isPicture(mediaType: string): boolean {
  return ["image/png", "image/jpeg", "image/webp"].includes(mediaType.toLowerCase());
}

export type Piece = { kind: "text"; text: string } | { kind: "link"; text: string; url: string };

const CANDIDATE = /\bhttps?:\/\/[^\s<>"'`{}|\\^\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu;

/** Cuts a text into plain pieces and web addresses. Whatever is in it stays text. */
export function pieces(text: string): Piece[] {
  const result: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const address = trimmed(match[0]);
    const url = parsed(address);
    if (url === null) continue;
    if (match.index > end) result.push({ kind: "text", text: text.slice(end, match.index) });
    result.push({ kind: "link", text: address, url });
    end = match.index + address.length;
  }
  if (end < text.length) result.push({ kind: "text", text: text.slice(end) });
  return result;
}

/** Punctuation at the end of a sentence is not the address's; a closing bracket is, where it was opened. */
function trimmed(address: string): string {
  let rest = address;
  for (;;) {
    const last = rest.at(-1) ?? "";
    if (/[.,;:!?…»”’*_~]/u.test(last)) rest = rest.slice(0, -1);
    else if (last === ")" && count(rest, ")") > count(rest, "(")) rest = rest.slice(0, -1);
    else if (last === "]" && count(rest, "]") > count(rest, "[")) rest = rest.slice(0, -1);
    else return rest;
  }
}

const count = (text: string, what: string): number => text.split(what).length - 1;

/** The address in its plain form, with the host as it really is; `null` for what is none, or hides who it is for. */
function parsed(address: string): string | null {
  try {
    const url = new URL(address);
    if ((url.protocol !== "https:" && url.protocol !== "http:") || url.username || url.password || !url.hostname) return null;
    return url.href;
  } catch {
    return null;
  }
}

/** Characters as the protocol counts them: Unicode scalar values. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

export const LONGEST = 4000;
