import { BackendError } from "$lib/backend/backend";
import { m } from "$lib/paraglide/messages.js";

/** For each code of the shell a sentence that says what to do. */
const SENTENCES: Record<string, () => string> = {
  unreachable: m.error_unreachable,
  certificate: m.error_certificate,
  address_malformed: m.error_address_malformed,
  address_plaintext: m.error_address_plaintext,
  offline: m.error_offline,
  interrupted: m.error_interrupted,
  busy: m.error_busy,
  protocol: m.error_protocol,
  server_fault: m.error_server_fault,
  slow_down: m.error_slow_down,
  not_allowed: m.error_not_allowed,
  invalid: m.error_invalid,
  name_taken: m.error_name_taken,
  auth_failed: m.error_auth_failed,
  session_over: m.error_session_over,
  no_session: m.error_session_over,
  no_account: m.error_no_account,
  name_invalid: m.error_name_invalid,
  password_invalid: m.error_password_invalid,
  picture_invalid: m.error_picture_invalid,
  picture_too_large: m.error_picture_too_large,
  transfer: m.error_transfer,
  keyring_missing: m.error_keyring_missing,
  keyring_locked: m.error_keyring_locked,
  keyring_denied: m.error_keyring_denied,
  keyring_failed: m.error_keyring_failed,
  not_added: m.error_not_added,
  already_contact: m.error_already_contact,
  no_contact: m.error_no_contact,
  group_name_invalid: m.error_group_name_invalid,
  no_group: m.error_no_group,
  link_invalid: m.error_link_invalid,
  in_call: m.error_in_call,
  no_call: m.error_no_call,
  call_failed: m.error_call_failed,
  microphone: m.error_microphone,
  loudspeaker: m.error_loudspeaker,
  sound: m.error_sound,
  sockets: m.error_sockets,
  not_sent: m.error_not_sent,
  not_member: m.error_not_member,
  not_contact: m.error_not_contact,
  too_long: m.error_too_long,
  empty: m.error_empty,
  too_many: m.error_too_many,
  no_target: m.error_no_target,
  not_author: m.error_not_author,
  no_attachment: m.error_no_attachment,
  blocked: m.error_blocked,
  file_too_large: m.error_file_too_large,
  no_space: m.error_no_space,
  place_unusable: m.error_place_unusable,
  data_folder: m.error_data_folder,
  cache: m.error_cache,
  disk_full: m.error_disk_full,
  tls: m.error_tls,
  key_invalid: m.error_key_invalid,
  key_unavailable: m.error_key_unavailable,
  unsupported: m.error_unsupported,
  closed: m.error_closed,
};

/** What went wrong and what to do, from an error or its code. */
export function errorWords(error: unknown): string {
  const code = typeof error === "string" ? error : error instanceof BackendError ? error.code : "internal";
  return (SENTENCES[code] ?? m.error_internal)();
}

/** The codes that have a sentence of their own. */
export const KNOWN_CODES: readonly string[] = Object.keys(SENTENCES);
