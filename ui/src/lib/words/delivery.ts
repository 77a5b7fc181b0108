import type { Mark, Message, Reaction } from "$lib/backend/types";
import { m } from "$lib/paraglide/messages.js";
import { listOf } from "./time";

export interface Delivery {
  state: "waiting" | "failed" | "sent" | "delivered" | "read";
  words: string;
}

/** How far one's own message has come. With several others, the slowest counts. */
export function deliveryOf(message: Message, marks: readonly Mark[]): Delivery {
  if (message.state === "failed") return { state: "failed", words: m.delivery_failed() };
  const { sequence } = message;
  if (sequence === null || message.state === "sending") return { state: "waiting", words: m.delivery_waiting() };
  const others = marks.filter((mark) => mark.name !== message.author);
  if (others.length > 0 && others.every((mark) => mark.read >= sequence)) return { state: "read", words: m.delivery_read() };
  if (others.length > 0 && others.every((mark) => mark.delivered >= sequence)) {
    return { state: "delivered", words: m.delivery_delivered() };
  }
  return { state: "sent", words: m.delivery_sent() };
}

export interface Reactions {
  text: string;
  count: number;
  names: string;
  mine: boolean;
}

/** Reactions with the same text together, the most frequent first. */
export function reactionsOf(reactions: readonly Reaction[], me: string): Reactions[] {
  const byText = new Map<string, string[]>();
  for (const { name, text } of reactions) {
    const names = byText.get(text);
    if (names) names.push(name);
    else byText.set(text, [name]);
  }
  return [...byText]
    .map(([text, names]) => ({
      text,
      count: names.length,
      names: listOf(names.map((name) => (name === me ? m.you() : name))),
      mine: names.includes(me),
    }))
    .sort((a, b) => b.count - a.count);
}
