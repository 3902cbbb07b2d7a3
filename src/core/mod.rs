//! Decides. Pure: no clock, no I/O, no async, no randomness, no serialisation.

pub mod ack;
pub mod alert;
pub mod alert_set;
mod arrive;
pub mod asset;
pub mod change;
pub mod circuit;
mod condense;
pub mod dead_letters;
pub mod dedup;
pub mod deliver;
pub mod engine;
mod fallback;
pub mod flush;
mod former;
pub mod group;
pub mod history;
pub mod ingest;
pub mod inhibit;
pub mod interval;
pub mod label;
pub mod label_name;
pub mod look;
pub mod matcher;
pub mod mirrored;
pub mod note;
pub mod notification;
mod order_alerts;
pub mod order_command;
mod order_life;
pub mod order_mail;
mod order_news;
pub mod order_rules;
pub mod order_text;
mod order_watch;
mod orders;
pub mod outbox;
mod own;
pub mod policy;
pub mod quote;
pub mod replay;
mod restore;
pub mod route;
pub mod shared_map;
pub mod silence;
mod silence_rules;
mod state;
mod texts;
pub mod urgency;
pub mod view;
mod watchdog;
pub mod work_order;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
