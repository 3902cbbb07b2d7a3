//! The configuration file: parsed strictly, every error at once, resolved into a policy and settings.
//!
//! A file passes four stations: [`yaml`] makes a tree of it in which each value knows its place; the readers of the
//! sections walk the tree with [`fields`] and collect their complaints in [`error::Errors`]; what they read is resolved
//! (inheritance, names to indices, shorthands); and [`print`](mod@print) shows the result as Alertmanager would.

pub mod assets;
mod cmms;
mod document;
pub mod duration;
pub mod environment;
pub mod error;
pub mod fields;
pub mod global;
pub mod http;
mod inhibit;
mod intervals;
mod load;
mod matching;
mod missing;
pub mod node;
mod observability;
mod order_mails;
mod order_policy;
mod own_rules;
pub mod plant_database;
pub mod print;
mod rate_limit;
pub mod receiver;
mod route;
pub mod schema;
pub mod secret;
pub mod section;
pub mod settings;
mod severity;
pub mod signing;
mod template_syntax;
#[cfg(test)]
mod tests;
mod url;
pub mod value;
mod work_order;
mod written;
pub mod yaml;

pub use assets::Asset;
pub use document::SENDABLE;
pub use error::{ConfigError, ConfigErrors};
pub use load::{Config, Options, Source, TemplateEngine};
