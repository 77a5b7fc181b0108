import { errorWords } from "$lib/words/errors";
import { notices } from "./notices.svelte";

/** Does something whose failure belongs to no field: it is told in a sentence. Answers whether it was done. */
export async function attempt(what: () => Promise<unknown>): Promise<boolean> {
  try {
    await what();
    return true;
  } catch (error) {
    notices.show(errorWords(error), "bad");
    return false;
  }
}
