import type { Backend } from "./backend";
import { BackendError } from "./backend";

export function shell(): Backend {
  throw new BackendError("unsupported");
}
