//! The engine played in virtual time: a script in, a transcript out.

mod faults;
mod play;
mod properties;
mod scripts;
