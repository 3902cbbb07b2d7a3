//! The page: what people look at.
//!
//! Each page is a function from what is known to a typed model, and a template (`templates/ui/`, in the binary) from that
//! model to HTML. Promised: the same facts and reasons as the API and the metrics have; everything that comes from outside
//! is escaped and cut to a length that fits a page; lists are filtered and paged here, so that ten thousand alerts cost
//! what twenty cost. Refused: `{{{ }}}`, scripts and styles within pages, links to anything but HTTP, and other hosts.
//!
//! Not here: requests, forms and cookies (`http::page`), and any decision.

pub mod ack;
pub mod alert;
pub mod attempts;
pub mod deliveries;
pub mod filter;
mod frame;
mod held;
pub mod history;
pub mod link;
pub mod now;
pub mod orders;
mod parts;
mod plot;
mod render;
pub mod routes;
mod row;
pub mod silences;
pub mod status;
pub mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::frame::{Frame, Here, Said};
pub use self::render::{Page, asset, page};
use crate::config::assets::Asset;
use crate::core::matcher::Mode;
use crate::core::view::View;
use crate::time::Timestamp;

/// What pages are made from.
pub struct Sight<'a> {
    /// The committed state.
    pub view: &'a View,
    /// The present moment.
    pub now: Timestamp,
    /// Which grammar matchers follow.
    pub mode: Mode,
    /// The plant's assets by their codes.
    pub assets: &'a BTreeMap<Arc<str>, Asset>,
}
