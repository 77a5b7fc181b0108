import type { Conversation } from "$lib/backend/types";
import { m } from "$lib/paraglide/messages.js";
import { session } from "./session.svelte";

/** What a conversation is called: the other person, or the group. */
export function conversationName(conversation: Conversation): string {
  if (conversation.with !== null) return conversation.with;
  return session.people.groups.get(conversation.id)?.name ?? m.group_former();
}
