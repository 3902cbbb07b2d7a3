//! What all pages have: where they are, where one may go, and what is wrong with the service itself.

use serde::Serialize;

use super::Sight;
use super::render::ASSETS_VERSION;
use super::words::{When, thousands};
use crate::core::silence::SilenceState;
use crate::core::work_order::Status;

/// The pages that others are reached from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    /// What fires.
    Now,
    /// Silences.
    Silences,
    /// Work orders.
    WorkOrders,
    /// What is told, and what could not be.
    Deliveries,
    /// The route tree.
    Routes,
    /// What happened.
    History,
    /// The service itself.
    Status,
}

impl Here {
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Now, "Now", ""),
        (Self::Silences, "Silences", "ui/silences"),
        (Self::WorkOrders, "Work orders", "ui/work-orders"),
        (Self::Deliveries, "Deliveries", "ui/deliveries"),
        (Self::Routes, "Routes", "ui/routes"),
        (Self::History, "History", "ui/history"),
        (Self::Status, "Status", "ui/status"),
    ];
}

macro_rules! said {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $text:literal;)+) => {
        /// What was just done, as the next page says it. Only these words are taken from a URL.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Said { $($(#[$doc])* $name,)+ }

        impl Said {
            /// The word in the URL.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// From that word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)+ _ => None }
            }

            /// The sentence for people.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

said! {
    /// A silence was made or changed.
    Silenced = "silenced", "The silence is stored and in force from its start.";
    /// A silence was ended.
    Expired = "expired", "The silence has ended.";
    /// A dead letter waits to be sent again.
    Replayed = "replayed", "The dead letter is sent again.";
    /// Something newer is sent in a dead letter's place.
    Superseded = "superseded", "Something newer about the same group waits to be sent already; the dead letter is put away.";
    /// A dead letter was put away.
    Discarded = "discarded", "The dead letter is put away.";
    /// A work order was changed.
    Ordered = "ordered", "The work order is changed.";
    /// A group was taken on.
    Acknowledged = "acknowledged", "The group is acknowledged.";
    /// An acknowledgement was withdrawn.
    Withdrawn = "withdrawn", "The acknowledgement is withdrawn.";
}

/// The part that all pages share.
#[derive(Debug, Serialize)]
pub struct Frame {
    /// The page's name.
    pub title: String,
    /// From this page to the root, so that links work behind any proxy: empty, or `../` repeated.
    pub root: String,
    /// Where one may go.
    pub nav: Vec<Link>,
    /// Goes with every form.
    pub token: String,
    /// What was just done.
    pub said: Option<&'static str>,
    /// What is wrong with the service, if something is.
    pub trouble: Vec<String>,
    /// When the page was made.
    pub made: When,
    /// Of the style sheet and the script.
    pub assets: &'static str,
    /// Of the program.
    pub version: &'static str,
    /// Whether the page follows what happens.
    pub live: bool,
}

/// A page in the list of pages.
#[derive(Debug, Serialize)]
pub struct Link {
    label: &'static str,
    href: &'static str,
    current: bool,
    count: Option<String>,
    alarm: bool,
}

impl Frame {
    /// For a page called `title` that lies `depth` folders below the root.
    pub fn new(sight: &Sight<'_>, here: Here, title: impl Into<String>, depth: usize) -> Self {
        let links = Here::ALL.into_iter().map(|(page, label, href)| {
            let (count, alarm) = badge(sight, page);
            Link { label, href, current: page == here, count: count.filter(|n| *n > 0).map(thousands), alarm }
        });
        Self {
            title: title.into(),
            root: if depth == 0 { "./".into() } else { "../".repeat(depth) },
            nav: links.collect(),
            token: String::new(),
            said: None,
            trouble: Vec::new(),
            made: When::new(sight.now, sight.now),
            assets: &ASSETS_VERSION,
            version: env!("CARGO_PKG_VERSION"),
            live: true,
        }
    }
}

/// The number beside a page's name, and whether it is one to worry about.
fn badge(sight: &Sight<'_>, page: Here) -> (Option<usize>, bool) {
    let view = sight.view;
    match page {
        Here::Now => {
            let firing = view.alerts.iter().filter(|kept| !view.grace.resolved(&kept.alert, sight.now)).count();
            (Some(firing), false)
        }
        Here::Silences => {
            let active = |state| state == SilenceState::Active;
            (Some(view.silences.values().filter(|silence| active(silence.state(sight.now))).count()), false)
        }
        Here::WorkOrders => {
            let open = |status| !matches!(status, Status::Completed | Status::Cancelled);
            (Some(view.work_orders.values().filter(|order| open(order.status)).count()), false)
        }
        Here::Deliveries => (Some(view.dead_letters.len()), true),
        Here::Routes | Here::History | Here::Status => (None, false),
    }
}
