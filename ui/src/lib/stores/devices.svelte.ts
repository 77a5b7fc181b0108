import type { AppEvent, Devices, SoundTest } from "$lib/backend/types";

/** Microphones and loudspeakers, as they come and go, and the test of them. */
class DevicesStore {
  current: Devices = $state.raw({ microphones: [], loudspeakers: [] });
  /** Whether they have been looked at yet. */
  known = $state(false);
  test: SoundTest | null = $state.raw(null);

  handle(event: AppEvent): void {
    if (event.type === "devices") {
      this.current = event.devices;
      this.known = true;
    } else if (event.type === "sound_test") {
      this.test = event.test.stage === "done" ? null : event.test;
    }
  }
}

export const devices = new DevicesStore();
