import type { SettingsPage } from "$lib/stores/nav.svelte";
import { m } from "$lib/paraglide/messages.js";

export function settingTitle(page: SettingsPage): string {
  switch (page) {
    case "sound":
      return m.settings_sound();
    case "privacy":
      return m.settings_privacy();
    case "notifications":
      return m.settings_notifications();
    case "appearance":
      return m.settings_appearance();
    case "account":
      return m.settings_account();
    case "storage":
      return m.settings_storage();
    case "about":
      return m.settings_about();
  }
}
