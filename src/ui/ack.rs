//! The form by which somebody takes a group on.

use serde::Serialize;

use super::Sight;
use super::words::{When, count, short};
use crate::core::outbox::group_key_hash;

/// What stands in the fields.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fields {
    /// Who.
    pub who: String,
    /// For how long, or until when.
    pub until: String,
    /// What others should know.
    pub comment: String,
}

/// The page.
#[derive(Debug, Serialize)]
pub struct AckPage {
    hash: String,
    labels: String,
    receiver: String,
    firing: String,
    acknowledged: Option<Known>,
    fields: Fields,
    problem: Option<String>,
}

/// An acknowledgement that holds.
#[derive(Clone, Debug, Serialize)]
pub struct Known {
    /// Who.
    pub who: String,
    /// What they said.
    pub comment: String,
    /// Until when.
    pub until: When,
}

/// The acknowledgement of the group with this key, if one holds.
pub fn known(sight: &Sight<'_>, group_key: &str) -> Option<Known> {
    let ack = sight.view.acks.get(group_key).filter(|ack| ack.holds(sight.now))?;
    Some(Known { who: short(&ack.who), comment: short(&ack.comment), until: When::new(ack.until, sight.now) })
}

/// The form for the group with this hash, if there is one.
pub fn form(sight: &Sight<'_>, hash: &str, fields: Fields, problem: Option<String>) -> Option<AckPage> {
    let view = sight.view;
    let group = view.groups.iter().find(|group| group_key_hash(&group.key) == hash)?;
    let members = group.members.iter().filter_map(|member| view.alerts.get(*member));
    let firing = members.filter(|kept| !view.grace.resolved(&kept.alert, sight.now)).count();
    Some(AckPage {
        hash: hash.to_owned(),
        labels: short(&group.labels.to_string()),
        receiver: view.policy.receiver_of(view.policy.route(group.route)).name.to_string(),
        firing: count(firing, "alert"),
        acknowledged: known(sight, &group.key),
        fields,
        problem,
    })
}
