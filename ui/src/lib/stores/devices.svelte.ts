import type { AppEvent, Devices, SoundTest } from "$lib/backend/types";
import { attempt } from "./attempt";
import { backend } from "./backend";

/** Microphones and loudspeakers, as they come and go, and the test of them. */
class DevicesStore {
  current: Devices = $state.raw({ microphones: [], loudspeakers: [] });
  /** Whether they have been looked at yet. */
  known = $state(false);
  test: SoundTest | null = $state.raw(null);
  /** Whether the last test heard next to nothing. */
  silent = $state(false);
  #watching = 0;

  /** Asks for them and follows them as they come and go, until the answer is called. */
  watch(): () => void {
    this.#watching += 1;
    void attempt(async () => {
      const found = await backend().devices();
      this.handle({ type: "devices", devices: found });
    });
    if (this.#watching === 1) this.#tell(true);
    return () => {
      this.#watching -= 1;
      if (this.#watching === 0) this.#tell(false);
    };
  }

  /** What is seen once is good enough where it cannot be followed. */
  #tell(watch: boolean): void {
    backend().watchDevices(watch).catch(() => {});
  }

  handle(event: AppEvent): void {
    if (event.type === "devices") {
      this.current = event.devices;
      this.known = true;
    } else if (event.type === "sound_test") {
      this.test = event.test.stage === "done" ? null : event.test;
      this.silent = event.test.silent;
    }
  }
}

export const devices = new DevicesStore();
