//! `cooee-server`: reads its options, starts the server, waits for a signal.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use cooee_server::Server;
use cooee_server::backup::Summary;
use cooee_server::doctor::Verdict;
use cooee_server::options::{Cli, Command, Doctor, LogFormat, Options, Stored};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::Doctor(doctor)) => examine(*doctor),
        Some(Command::Backup(stored)) => back_up(&stored),
        Some(Command::Restore(stored)) => restore(&stored),
        None => run(cli.options).map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cooee-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells what the doctor finds; fails when a check does.
fn examine(doctor: Doctor) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let config = doctor.options.with_file()?.into_config()?;
    let checks = cooee_server::doctor::examine(&config);
    let mut stdout = std::io::stdout().lock();
    for check in &checks {
        if doctor.json {
            writeln!(stdout, "{}", check.json())?;
        } else {
            writeln!(stdout, "{check}")?;
        }
    }
    let failed = checks.iter().any(|check| check.verdict == Verdict::Fail);
    Ok(ExitCode::from(u8::from(failed)))
}

fn back_up(stored: &Stored) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let data = stored.data()?;
    let kept = cooee_server::backup::backup(&data, &stored.file)?;
    println!("{}", told("backed up", &kept));
    Ok(ExitCode::SUCCESS)
}

fn restore(stored: &Stored) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let data = stored.data()?;
    let kept = cooee_server::backup::restore(&stored.file, &data)?;
    println!("{} into {}", told("restored", &kept), data.display());
    Ok(ExitCode::SUCCESS)
}

fn told(what: &str, kept: &Summary) -> String {
    let Summary { files, bytes } = kept;
    format!("{what}: the database and {files} pictures and attachments, {bytes} bytes")
}

fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let options = options.with_file()?;
    log(&options)?;
    let config = options.into_config()?;
    if std::env::args()
        .any(|argument| argument == "--turn-secret" || argument.starts_with("--turn-secret="))
    {
        tracing::warn!(
            "every user of this machine can see the value of --turn-secret: \
             COOEE_TURN_SECRET or --turn-secret-file keep it to yourself"
        );
    }
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => tracing::debug!(files, "open files allowed"),
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it is"),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        // Listened for before the server says that it is ready.
        let stop = signals()?;
        let server = Server::start(config).await?;
        println!("{}", server.ready_line());
        stop.await;
        tracing::info!("stopping");
        server.shutdown().await;
        Ok(())
    });
    // Whatever still runs in the background has had its time.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

fn log(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut filter = EnvFilter::try_new(options.log.as_deref().unwrap_or("info"))?;
    // The relay's engine logs addresses, keys and every packet: none of that is for a log.
    for silent in [
        "turn_server_proto",
        "turn_types",
        "stun_proto",
        "stun_types",
    ] {
        filter = filter.add_directive(format!("{silent}=off").parse()?);
    }
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match options.log_format.unwrap_or_default() {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

/// Ends when the process is asked to.
#[cfg(unix)]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _failed_means_stop = tokio::signal::ctrl_c().await;
    })
}
