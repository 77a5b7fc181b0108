//! What the stories in `tests/` are told with: a real server in this process, and people who use
//! it through real clients.
//!
//! A [`World`] is the server. A [`Person`] has a client, a [`Line`] to the server that can be cut,
//! and, in a [`Talk`], a [`Voice`] of their own and an ear. A [`Wire`] is somebody without a
//! client, who speaks frames. [`Clock`] stops time for stories that wait for minutes.
//!
//! Nobody here sleeps: whoever waits, waits for something, and gives up with a sentence when it
//! does not come.

mod clock;
mod line;
mod patience;
mod person;
mod refusal;
mod talk;
mod voice;
mod wire;
mod world;

pub use clock::Clock;
pub use line::Line;
pub use person::Person;
pub use refusal::Refusal;
pub use talk::Talk;
pub use voice::{Mouth, Voice};
pub use wire::Wire;
pub use world::{World, name, password};
