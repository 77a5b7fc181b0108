//! Past calls.

use crate::args::Global;
use crate::console::Console;
use crate::failure::{Failure, Outcome, chain};
use crate::report::Report;
use crate::session;

/// The history is kept on this device, so nothing is asked of the server.
pub(crate) async fn run(global: &Global, console: &Console, limit: u32) -> Outcome {
    let client = session::client(global).await?;
    let calls = client
        .history(limit, None)
        .await
        .map_err(|error| Failure::new("cache", chain(&error)))?;
    console.tell(&Report::History(calls));
    client.close().await;
    Ok(())
}
