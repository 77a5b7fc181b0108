//! The shell of the Cooee app: it connects the page in `ui/` with the SDK and with the desktop,
//! and does nothing that the SDK could do.
//!
//! The page calls typed commands (`commands`) and hears through one event channel (`feed`). What
//! both say is in `model`; TypeScript's side of it is generated.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")
)]
#![cfg_attr(
    any(target_os = "android", target_os = "ios"),
    allow(
        dead_code,
        reason = "notifications and instances are the desktops' still"
    ),
    allow(missing_docs, reason = "Tauri writes the entry point")
)]

mod accounts;
mod bridge;
mod commands;
#[cfg(test)]
mod configuration;
mod conversations;
mod convert;
mod devices;
mod diagnostics;
mod dialogs;
mod error;
mod export;
mod feed;
mod files;
mod line;
mod link;
mod media;
mod model;
mod options;
mod picked;
mod settings;
mod shell;
mod sounds;
mod system;

use std::sync::Arc;

use tauri::{AppHandle, Manager, RunEvent};
use tauri_plugin_deep_link::DeepLinkExt;

use accounts::Index;
use dialogs::Dialogs;
use options::Options;
use settings::Chosen;
use shell::Shell;

/// The label of the one window.
const WINDOW: &str = "main";

/// Runs the app until it is quit.
#[cfg_attr(mobile, tauri::mobile_entry_point)]
pub fn run() {
    let options = Options::parse(std::env::args_os());
    let bridge = bridge::bridge();
    let builder = system::prepare(tauri::Builder::default(), &options);
    let built = builder
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(
            tauri_plugin_opener::Builder::new()
                .open_js_links_on_click(false)
                .build(),
        )
        .invoke_handler(bridge.invoke_handler())
        .register_asynchronous_uri_scheme_protocol(media::SCHEME, |context, request, responder| {
            let shell = Arc::clone(&context.app_handle().state::<Arc<Shell>>());
            tauri::async_runtime::spawn(async move {
                responder.respond(media::respond(&shell, &request).await);
            });
        })
        .setup(move |app| {
            set_up(app.handle(), &options)?;
            Ok(())
        })
        .build(tauri::generate_context!());
    match built {
        Ok(app) => app.run(|app, event| {
            // A window that closes does not end the app: `end` does.
            if let RunEvent::ExitRequested {
                code: None, api, ..
            } = event
            {
                api.prevent_exit();
                let app = app.clone();
                tauri::async_runtime::spawn(async move { end(&app).await });
            }
        }),
        Err(error) => {
            eprintln!("cooee-app: {error}");
            std::process::exit(1);
        }
    }
}

fn set_up(app: &AppHandle, options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let data = match &options.data {
        Some(data) => std::path::absolute(data)?,
        None => app.path().app_local_data_dir()?,
    };
    files::make_private_folder(&data)?;
    diagnostics::start_log(&diagnostics::log_folder(&data));
    tracing::info!(version = %app.package_info().version, "started");
    let index = Index::load(&data)?;
    for entry in &index.accounts {
        picked::clean(&entry.id.folder(&data));
    }
    let shell = Arc::new(Shell::new(
        data.clone(),
        index,
        Chosen::load(&data)?,
        Dialogs::new(options),
    ));
    app.manage(Arc::clone(&shell));
    system::set_up(app, &shell);
    let opened = app.clone();
    app.deep_link().on_open_url(move |event| {
        let links: Vec<String> = event.urls().into_iter().map(String::from).collect();
        options::open_links(&opened, links.iter());
    });
    options::open_links(app, options.links.iter());
    if !options.hidden
        && let Some(window) = app.get_webview_window(WINDOW)
    {
        system::show(&window);
    }
    for entry in shell.index().accounts {
        let shell = Arc::clone(&shell);
        tauri::async_runtime::spawn(async move {
            // What goes wrong is told with the account.
            let _ = commands::session::start(&shell, &entry).await;
        });
    }
    Ok(())
}

/// Ends the app in order.
pub(crate) async fn end(app: &AppHandle) {
    close(app).await;
    app.exit(0);
}

/// Hangs up, lets the servers know, and closes the caches.
pub(crate) async fn close(app: &AppHandle) {
    let shell = Arc::clone(&app.state::<Arc<Shell>>());
    if let Ok(call) = shell.line.handle() {
        let _ = call.hang_up().await;
    }
    for running in shell.running() {
        if let Some(running) = shell.release(&running.id) {
            running.client.close().await;
        }
    }
}
