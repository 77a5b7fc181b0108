import type { Message } from "$lib/backend/types";
import { daysBetween } from "./time";

/** Messages of one author within this time stand together. */
const TOGETHER = 5 * 60_000;

export type TimelineRow =
  | { kind: "start"; key: "start"; earlier: boolean }
  | { kind: "day"; key: string; at: number }
  | { kind: "unread"; key: "unread" }
  | { kind: "call"; key: string; message: Message }
  | {
      kind: "message";
      key: string;
      message: Message;
      /** Whether it begins, or ends, a run of the same author's. */
      first: boolean;
      last: boolean;
    };

/** The rows of a timeline: messages, with days and the place from which on they are new between them. */
export function rowsOf(messages: readonly Message[], earlier: boolean, readBefore: number | null): TimelineRow[] {
  const rows: TimelineRow[] = [{ kind: "start", key: "start", earlier }];
  let before: Message | null = null;
  let divided = readBefore === null;
  for (const [index, message] of messages.entries()) {
    const newDay = before === null || daysBetween(before.at, message.at) !== 0;
    // The server's clock may step back; a heading for the same day twice would help nobody.
    const key = `day ${new Date(message.at).toDateString()} ${message.id}`;
    if (newDay) rows.push({ kind: "day", key, at: message.at });
    let unread = false;
    if (!divided && !message.own && message.sequence !== null && readBefore !== null && message.sequence > readBefore) {
      rows.push({ kind: "unread", key: "unread" });
      divided = true;
      unread = true;
    }
    if (message.call) {
      rows.push({ kind: "call", key: message.id, message });
    } else {
      const next = messages[index + 1];
      rows.push({
        kind: "message",
        key: message.id,
        message,
        first: newDay || unread || !together(before, message),
        last: next === undefined || !together(message, next) || daysBetween(message.at, next.at) !== 0,
      });
    }
    before = message;
  }
  return rows;
}

function together(one: Message | null, other: Message): boolean {
  return (
    one !== null &&
    one.call === null &&
    other.call === null &&
    one.own === other.own &&
    one.author === other.author &&
    Math.abs(other.at - one.at) < TOGETHER
  );
}
