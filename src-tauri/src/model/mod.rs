//! What the shell and the UI tell each other. TypeScript's side of it is generated
//! (`ui/src/lib/bindings.ts`); a test fails when that is stale.
//!
//! Fields are camel case and words of enums snake case. Times are milliseconds since the Unix
//! epoch, in whole numbers.

pub(crate) mod account;
pub(crate) mod app;
pub(crate) mod call;
pub(crate) mod conversation;
pub(crate) mod event;
pub(crate) mod people;
pub(crate) mod settings;
