import type { Message } from "$lib/backend/types";
import { daysBetween } from "./time";

/** Messages of one author within this time stand together. */
const TOGETHER = 5 * 60_000;

/**
 * A row of a timeline: one for each message, with what stands above it. So rows come and go only with messages, and
 * what one looks at keeps its place when earlier ones come.
 */
export interface TimelineRow {
  key: string;
  message: Message;
  /** Whether the conversation begins here. */
  beginning: boolean;
  /** The day that begins here. */
  day: number | null;
  /** Whether it is the first that is new. */
  unread: boolean;
  /** Whether it begins, or ends, a run of the same author's. */
  first: boolean;
  last: boolean;
}

/** The rows of a timeline, given how far the user had read, or `null` for no line above what is new. */
export function rowsOf(messages: readonly Message[], earlier: boolean, read: number | null): TimelineRow[] {
  let divided = read === null;
  return messages.map((message, index) => {
    const before = messages[index - 1];
    const next = messages[index + 1];
    const newDay = before === undefined || daysBetween(before.at, message.at) !== 0;
    const unread = !divided && !message.own && message.sequence !== null && message.sequence > (read ?? 0);
    divided ||= unread;
    return {
      key: message.id,
      message,
      beginning: before === undefined && !earlier,
      day: newDay ? message.at : null,
      unread,
      first: newDay || unread || !together(before, message),
      last: next === undefined || !together(message, next) || daysBetween(message.at, next.at) !== 0,
    };
  });
}

function together(one: Message | undefined, other: Message): boolean {
  return (
    one !== undefined &&
    one.call === null &&
    other.call === null &&
    one.own === other.own &&
    one.author === other.author &&
    Math.abs(other.at - one.at) < TOGETHER
  );
}
