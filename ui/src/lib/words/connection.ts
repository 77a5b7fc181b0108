import type { SessionInfo } from "$lib/backend/types";
import { m } from "$lib/paraglide/messages.js";

/** How the connection stands, where it is not as it should be. */
export function connectionWords(session: SessionInfo, now: number): string | null {
  switch (session.state) {
    case "online":
    case "signed_out":
      return null;
    case "connecting":
      return m.connection_connecting();
    case "reconnecting": {
      const seconds = session.retryAt === null ? 0 : Math.ceil((session.retryAt - now) / 1000);
      return seconds > 0 ? m.connection_retry({ seconds }) : m.connection_trying();
    }
  }
}
