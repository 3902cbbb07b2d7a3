//! Delivers: takes the outbox rows that are due, sends each once, and reports how it ended.
//!
//! ```text
//! driver ── row that is due ──► lane of its integration ──► one attempt ──► Handle::settled ──► driver
//! ```
//!
//! Nothing is decided here: the engine says which row is due and when the next attempt is made, and it has at most one
//! row of a thread in flight. What is here is only that nobody waits for somebody else's receiver.

mod digest;
pub mod recent;
mod room;
pub mod trial;
pub mod worker;
