//! The commands and types, as the page calls them.

use tauri::Wry;
use tauri_specta::{Builder, ErrorHandlingMode, collect_commands};

use crate::commands::{app, calls, conversations, people, profile, session, settings};

/// Every command. One that is missing here cannot be called.
pub(crate) fn bridge() -> Builder<Wry> {
    Builder::<Wry>::new()
        .error_handling(ErrorHandlingMode::Throw)
        // Times in milliseconds, sizes and sequences stay far below 2^53.
        .dangerously_cast_bigints_to_number()
        .disable_serde_phases()
        .commands(collect_commands![
            app::subscribe,
            app::app_info,
            app::diagnostics,
            app::copy_text,
            app::open_link,
            app::storage,
            app::clear_media,
            app::show_window,
            app::quit,
            session::check_server,
            session::keyring_status,
            session::sign_up,
            session::sign_in,
            session::switch_account,
            session::resume_account,
            session::reconnect_now,
            session::sign_out,
            session::remove_account,
            profile::rename_profile,
            profile::change_password,
            profile::set_picture,
            profile::own_invitation,
            profile::delete_profile,
            people::roster,
            people::add_contact,
            people::remove_contact,
            people::create_group,
            people::add_to_group,
            people::remove_from_group,
            people::leave_group,
            people::block,
            people::unblock,
            people::parse_link,
            people::dismiss_invitation,
            calls::place_call,
            calls::place_group_call,
            calls::accept_call,
            calls::decline_call,
            calls::hang_up,
            calls::dismiss_call,
            calls::set_muted,
            calls::set_deafened,
            calls::set_talking,
            calls::set_volume,
            calls::set_silenced,
            calls::add_to_call,
            calls::confirm_safety_codes,
            calls::call_statistics,
            calls::call_history,
            settings::settings,
            settings::save_settings,
            settings::devices,
            settings::watch_devices,
            settings::test_sound,
            settings::stop_sound_test,
            settings::play_test_sound,
            conversations::conversations,
            conversations::conversation_with,
            conversations::messages,
            conversations::send_message,
            conversations::edit_message,
            conversations::delete_message,
            conversations::react,
            conversations::retry_message,
            conversations::discard_message,
            conversations::mark_read,
            conversations::set_typing,
            conversations::set_draft,
            conversations::search_messages,
            conversations::pick_files,
            conversations::add_picture,
            conversations::save_file,
            conversations::export_data,
            conversations::cancel_export,
        ])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use specta_typescript::Typescript;

    /// Where the page has TypeScript's side of it.
    fn committed() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/lib/bindings.ts")
    }

    #[test]
    fn the_committed_bindings_are_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let fresh = folder.path().join("bindings.ts");
        super::bridge()
            .export(Typescript::default(), &fresh)
            .unwrap();
        let fresh = std::fs::read_to_string(fresh).unwrap();
        if std::env::var_os("COOEE_WRITE_BINDINGS").is_some() {
            std::fs::write(committed(), &fresh).unwrap();
        }
        assert!(
            std::fs::read_to_string(committed()).unwrap() == fresh,
            "ui/src/lib/bindings.ts is stale; write it anew:\n\
             COOEE_WRITE_BINDINGS=1 cargo test -p cooee-app bindings"
        );
    }
}
