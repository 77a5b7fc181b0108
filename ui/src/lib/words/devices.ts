import type { DeviceChange, DeviceKind } from "$lib/backend/types";
import { m } from "$lib/paraglide/messages.js";

/** What has become of a call's device, and what is used now. */
export function deviceWords(kind: DeviceKind, change: DeviceChange, device: string | null): string {
  const microphone = kind === "microphone";
  const name = device ?? "–";
  switch (change) {
    case "replaced":
      return microphone ? m.device_microphone_replaced({ name }) : m.device_loudspeaker_replaced({ name });
    case "missing":
      return microphone ? m.device_microphone_missing() : m.device_loudspeaker_missing();
    case "refused":
      return microphone ? m.device_microphone_refused() : m.device_loudspeaker_refused();
    case "returned":
      return microphone ? m.device_microphone_returned({ name }) : m.device_loudspeaker_returned({ name });
    case "followed":
      return microphone ? m.device_microphone_followed({ name }) : m.device_loudspeaker_followed({ name });
  }
}
