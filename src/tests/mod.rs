//! Tests of several modules at once.

mod digests;
#[path = "../../tests/it/support/random.rs"]
pub(crate) mod random;
mod simulation;
