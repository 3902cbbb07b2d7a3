//! Tests of several modules at once.

#[path = "../../tests/it/support/random.rs"]
mod random;
mod simulation;
