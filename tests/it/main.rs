//! All tests that look at the program from outside, as one binary.

mod cases;
mod flags;
mod layering;
