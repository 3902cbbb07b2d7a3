//! Andon: an alert router that is a drop-in for Prometheus Alertmanager and forgets nothing it accepted.
#![warn(missing_docs)]

pub mod app;
pub mod cli;
pub mod config;
pub mod core;
pub mod delivery;
pub mod demo;
pub mod driver;
pub mod explain;
pub mod failpoint;
pub mod flags;
pub mod http;
pub mod json;
pub mod log;
pub mod mail_link;
pub mod metrics;
pub mod mirror;
pub mod receivers;
pub mod reload;
pub mod store;
pub mod template;
#[cfg(test)]
mod tests;
pub mod time;
pub mod ui;
