//! Runs one test of this binary in a process of its own.

use std::env;
use std::process::Command;

/// What the child is to work on; unset in the tests' own process.
const VARIABLE: &str = "COOEE_STORE_CHILD";

/// The arguments that make this binary run only the ignored test `name`.
pub(crate) fn arguments(name: &str) -> [&str; 4] {
    [name, "--exact", "--ignored", "--nocapture"]
}

/// A command that runs the ignored test `name` alone, telling it `task`.
pub(crate) fn command(name: &str, task: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments(name)).env(VARIABLE, task);
    command
}

/// The environment variable that carries the task, for commands that start the child themselves.
pub(crate) fn variable() -> &'static str {
    VARIABLE
}

/// What the parent told this child; `None` when somebody ran the ignored tests by hand.
pub(crate) fn task() -> Option<String> {
    env::var(VARIABLE).ok()
}
