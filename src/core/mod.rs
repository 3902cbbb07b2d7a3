//! Decides. Pure: no clock, no I/O, no async, no randomness, no serialisation.

pub mod alert;
pub mod alert_set;
pub mod change;
pub mod ingest;
pub mod inhibit;
pub mod interval;
pub mod label;
pub mod matcher;
pub mod outbox;
pub mod policy;
pub mod quote;
pub mod silence;
pub mod view;
pub mod work_order;
