import type { Presence } from "$lib/backend/types";
import { m } from "$lib/paraglide/messages.js";

export function presenceWords(presence: Presence): string {
  switch (presence) {
    case "online":
      return m.presence_online();
    case "in_call":
      return m.presence_in_call();
    case "offline":
      return m.presence_offline();
    case "pending":
      return m.presence_pending();
    case "requested":
      return m.presence_requested();
  }
}
