//! The engine played in virtual time: a script in, a transcript out.

mod acks;
mod bounded;
mod catalogue;
mod circuit;
mod clock;
mod dead_letters;
mod faults;
mod former;
mod given_up;
mod history;
mod order_mails;
mod orders;
mod orders_model;
mod own;
mod parked;
pub(crate) mod play;
mod properties;
mod replay;
mod scripts;
mod silences;
mod soak;
mod together;
mod unconfigured;
