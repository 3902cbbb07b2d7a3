//! The engine played in virtual time: a script in, a transcript out.

mod faults;
mod parked;
mod play;
mod properties;
mod scripts;
