//! What holds an alert back, in words and with where to look.

use std::sync::Arc;

use serde::Serialize;

use super::Sight;
use super::ack::known;
use super::words::{When, short};
use crate::core::alert_set::Kept;
use crate::core::label::LabelSet;
use crate::core::outbox::group_key_hash;
use crate::core::view::{GroupView, Muting};

/// One thing that holds an alert or a group back.
#[derive(Clone, Debug, Serialize)]
pub struct Held {
    /// `silenced`, `inhibited`, `muted`, `at-work`: also the class.
    pub by: &'static str,
    /// In words.
    pub text: String,
    /// Where to look, from the root; empty for nowhere.
    pub href: String,
    /// Until when, if that is known.
    pub until: Option<When>,
}

/// What holds alerts back at one moment.
pub struct HeldBack<'a> {
    sight: &'a Sight<'a>,
    muting: Muting<'a>,
}

impl<'a> HeldBack<'a> {
    /// Over the whole view.
    pub fn new(sight: &'a Sight<'a>) -> Self {
        Self { sight, muting: sight.view.muting(sight.now) }
    }

    /// Which words are true of the alert, without saying more.
    pub fn states(&self, kept: &Kept, group: Option<&GroupView>) -> States {
        States {
            silenced: !self.muting.silenced_by(&kept.alert.labels).is_empty(),
            inhibited: self.muting.inhibited_by(kept).is_some(),
            muted: group.is_some_and(|group| !group.muted_by.is_empty()),
            at_work: !self.muting.kept_back_by(&kept.alert.labels).is_empty(),
            acknowledged: group.is_some_and(|group| known(self.sight, &group.key).is_some()),
        }
    }

    /// All that holds the alert itself back, its group aside.
    pub fn of(&self, kept: &Kept) -> Vec<Held> {
        let inhibited = self.muting.inhibited_by(kept).map(|source| {
            let name = self.sight.view.alerts.get(source).map(|source| name(&source.alert.labels));
            Held {
                by: "inhibited",
                text: format!("inhibited by {}", name.unwrap_or_else(|| source.to_string())),
                href: format!("ui/alerts/{source}"),
                until: None,
            }
        });
        let silences = self.muting.silenced_by(&kept.alert.labels);
        let silenced = silences.into_iter().filter_map(|id| {
            let silence = self.sight.view.silences.get(&id)?;
            Some(Held {
                by: "silenced",
                text: format!("silenced by {}", short(&silence.created_by)),
                href: format!("ui/silences/{id}"),
                until: Some(When::new(silence.ends_at, self.sight.now)),
            })
        });
        let at_work = self.muting.kept_back_by(&kept.alert.labels).into_iter().map(|number| Held {
            by: "at-work",
            text: format!("work is in progress: {number}"),
            href: format!("ui/work-orders/{number}"),
            until: None,
        });
        inhibited.into_iter().chain(silenced).chain(at_work).collect()
    }
}

/// The time intervals that mute a group.
pub fn muted(group: &GroupView) -> Option<Held> {
    let mut names: Vec<&Arc<str>> = group.muted_by.iter().collect();
    names.dedup();
    let names: Vec<&str> = names.into_iter().map(|name| &**name).collect();
    (!names.is_empty()).then(|| Held {
        by: "muted",
        text: format!("muted by time: {}", names.join(", ")),
        href: "ui/routes".into(),
        until: None,
    })
}

/// Who has taken a group on.
pub fn acknowledged(sight: &Sight<'_>, group: &GroupView) -> Option<Held> {
    let known = known(sight, &group.key)?;
    let said = if known.comment.is_empty() { String::new() } else { format!(": {}", known.comment) };
    Some(Held {
        by: "acknowledged",
        text: format!("acknowledged by {}{said}", known.who),
        href: format!("ui/groups/{}/ack", group_key_hash(&group.key)),
        until: Some(known.until),
    })
}

/// Which words are true of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// A silence matches.
    pub silenced: bool,
    /// Another alert inhibits it.
    pub inhibited: bool,
    /// Its group is muted by time.
    pub muted: bool,
    /// A work order is in progress on its asset, and keeps notifications back.
    pub at_work: bool,
    /// Somebody has taken its group on.
    pub acknowledged: bool,
}

impl States {
    /// Whether nothing holds it back.
    pub fn told(self) -> bool {
        self == Self::default()
    }
}

/// What people call an alert: its name and what it is about.
pub fn name(labels: &LabelSet) -> String {
    named(labels, |_| false)
}

/// The same for a group, with its other labels: they tell it from its neighbours.
pub fn group_name(labels: &LabelSet) -> String {
    named(labels, |name| !["alertname", "asset_code", "instance", "job"].contains(&name))
}

fn named(labels: &LabelSet, with: impl Fn(&str) -> bool) -> String {
    let about = ["asset_code", "instance", "job"].into_iter().find_map(|name| labels.get(name));
    let parts: Vec<&str> = labels.get("alertname").into_iter().chain(about).collect();
    let others = labels.iter().filter(|(name, _)| with(name)).map(|(name, value)| format!(" {name}={value}"));
    if parts.is_empty() { short(&labels.to_string()) } else { short(&(parts.join(" ") + &others.collect::<String>())) }
}
