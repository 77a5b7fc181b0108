//! The Cooee terminal client: for people, scripts, bots and tests.
//!
//! ```text
//! args ──▶ commands ──▶ cooee_sdk
//!             │
//!             └─ Report ──▶ console ──▶ stdout: JSON (report) or sentences (words)
//! ```

mod args;
mod commands;
mod compare;
mod console;
mod counts;
mod devices;
mod failure;
mod message_args;
mod prompt;
mod report;
mod report_file;
mod said;
mod session;
mod signals;
mod typed;
mod voice_args;
mod words;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Global};
use crate::console::Console;
use crate::failure::{Failure, Outcome};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(cli.global.json);
    match run(cli, &console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console.fail(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, console: &Console) -> Outcome {
    log(&cli.global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(commands::run(cli, console))
}

/// Logs to stderr, and only when asked to; with `--json` as objects, too.
fn log(global: &Global) -> Result<(), Failure> {
    let asked = std::env::var("COOEE_LOG").ok();
    let filter = match (asked.as_deref(), global.verbose) {
        (Some(filter), _) => filter,
        (None, 0) => return Ok(()),
        (None, 1) => "info",
        (None, _) => "debug",
    };
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::invalid(format!("COOEE_LOG: {error}")))?;
    // Below info, the ICE agent logs the passwords of its checks.
    let filter = match "is=info".parse() {
        Ok(cap) => filter.add_directive(cap),
        Err(_) => EnvFilter::new("info"),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    if global.json {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}
