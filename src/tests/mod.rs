//! Tests of several modules at once.

mod digests;
#[path = "../../tests/it/support/random.rs"]
mod random;
mod simulation;
