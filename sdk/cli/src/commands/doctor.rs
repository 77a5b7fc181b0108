//! What could keep a call from working here, and what to do about it.

use cooee_sdk::doctor::{self, Check, Checkup, Verdict};
use serde_json::{Value, json};

use crate::args::Global;
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::report::Report;
use crate::session;

pub(crate) async fn run(global: &Global, console: &Console, stun: Option<String>) -> Outcome {
    let checkup = Checkup {
        server: global.server.clone(),
        data: session::data_folder(global)?,
        credentials: session::credentials(global),
        allow_plaintext: global.allow_plaintext,
        ca_file: global.ca.clone(),
        stun,
    };
    let mut failed = 0_usize;
    doctor::examine(checkup, |check| {
        failed += usize::from(check.verdict == Verdict::Fail);
        console.tell(&Report::Check(check));
    })
    .await;
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new("unhealthy", "1 check failed")),
        failed => Err(Failure::new("unhealthy", format!("{failed} checks failed"))),
    }
}

/// The object of `--json`. A warning is `ok`, and says that it is one.
pub(crate) fn object(check: &Check) -> Value {
    json!({
        "event": "check",
        "name": check.name,
        "ok": check.verdict != Verdict::Fail,
        "warning": check.verdict == Verdict::Warning,
        "detail": check.detail,
        "advice": check.advice,
    })
}

/// The lines for a person.
pub(crate) fn sentences(check: &Check) -> Vec<String> {
    let mark = check.verdict.to_string();
    let mut lines = vec![format!("{mark:<7}  {:<10}  {}", check.name, check.detail)];
    if let Some(advice) = &check.advice {
        lines.push(format!("{:21}{advice}", ""));
    }
    lines
}
