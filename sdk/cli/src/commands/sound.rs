//! Sound devices and recordings, without any call.

use std::path::Path;

use crate::compare;
use crate::console::Console;
use crate::failure::{Failure, Outcome, chain};
use crate::report::Report;

pub(crate) fn devices(console: &Console) -> Outcome {
    let devices = cooee_sdk::devices().map_err(|error| Failure::new("audio", chain(&error)))?;
    console.tell(&Report::Devices(devices));
    Ok(())
}

pub(crate) fn compare(console: &Console, said: &Path, heard: &Path) -> Outcome {
    console.tell(&Report::Comparison(compare::files(said, heard)?));
    Ok(())
}
