//! `work_orders`: what holds for all work orders.

use std::collections::BTreeMap;
use std::time::Duration;

use super::duration;
use super::fields::Fields;
use super::print::{Map, Printed};
use crate::core::order_rules::OrderPolicy;
use crate::core::work_order::{LadderStep, Priority};

/// Reads the section; nothing if it is absent.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<OrderPolicy> {
    let mut section = fields.section("work_orders", "andon.WorkOrders")?;
    let preset = OrderPolicy::default();
    let retention = section.duration("retention").unwrap_or(preset.retention);
    if retention.is_zero() {
        section.refuse_field("retention", "retention cannot be zero", "how long closed orders are kept, such as 400d");
    }
    let policy = OrderPolicy {
        due: due(&mut section, preset.due),
        fleeting: section.duration("fleeting").unwrap_or(preset.fleeting),
        reopen_within: section.duration("reopen_within").unwrap_or(preset.reopen_within),
        suppress_pages: section.bool("suppress_pages").unwrap_or(preset.suppress_pages),
        escalation: escalation(&mut section, preset.escalation),
        failure_probability: probabilities(&mut section, preset.failure_probability),
        mails: preset.mails,
        retention,
    };
    section.finish();
    Some(policy)
}

/// The times that stand there; the others stay as they were.
fn due(section: &mut Fields<'_, '_>, mut due: BTreeMap<Priority, Duration>) -> BTreeMap<Priority, Duration> {
    let Some(mut fields) = section.section("due", "andon.Due") else { return due };
    for priority in Priority::ALL {
        let Some(after) = fields.duration(priority.as_str()) else { continue };
        if after.is_zero() {
            let allowed = "the time from opening to the due time, such as 4h or 2d";
            fields.refuse_field(priority.as_str(), "due cannot be zero", allowed);
        }
        due.insert(*priority, after);
    }
    fields.finish();
    due
}

type Ladders = BTreeMap<Priority, BTreeMap<LadderStep, Duration>>;

/// The ladders that stand there, whole: a step that one does not name is not taken.
fn escalation(section: &mut Fields<'_, '_>, mut ladders: Ladders) -> Ladders {
    let Some(mut fields) = section.section("escalation", "andon.Escalation") else { return ladders };
    for priority in Priority::ALL {
        let Some(mut steps) = fields.section(priority.as_str(), "andon.Ladder") else { continue };
        let step = |step: &LadderStep| Some((*step, steps.duration(step.as_str())?));
        let ladder: BTreeMap<_, _> = LadderStep::ALL.iter().filter_map(step).collect();
        if !ladder.values().is_sorted() {
            steps.refuse("a ladder is climbed from the assignee to the manager: no step can come before a lower one");
        }
        steps.finish();
        ladders.insert(*priority, ladder);
    }
    fields.finish();
    ladders
}

fn probabilities(section: &mut Fields<'_, '_>, preset: BTreeMap<Priority, f64>) -> BTreeMap<Priority, f64> {
    let Some(mut fields) = section.section("failure_probability", "andon.FailureProbability") else { return preset };
    let mut probabilities = BTreeMap::new();
    for priority in Priority::ALL {
        let Some(from) = fields.float(priority.as_str()) else { continue };
        if !(0.0..=1.0).contains(&from) {
            fields.refuse_field(priority.as_str(), "not a probability", "a number from 0 to 1");
        }
        probabilities.insert(*priority, from);
    }
    fields.finish();
    probabilities
}

/// As the whole configuration shows it.
pub(super) fn printed(policy: &OrderPolicy) -> Printed {
    let mut map = Map::new();
    let times = |times: &mut dyn Iterator<Item = (&'static str, Duration)>| {
        let mut map = Map::new();
        times.for_each(|(name, after)| map.text(name, duration::format(after)));
        map.done()
    };
    map.put("due", times(&mut policy.due.iter().map(|(priority, after)| (priority.as_str(), *after))));
    map.text("fleeting", duration::format(policy.fleeting));
    map.text("reopen_within", duration::format(policy.reopen_within));
    map.bool("suppress_pages", policy.suppress_pages);
    let mut ladders = Map::new();
    for (priority, ladder) in &policy.escalation {
        ladders.put(priority.as_str(), times(&mut ladder.iter().map(|(step, after)| (step.as_str(), *after))));
    }
    map.put("escalation", ladders.done());
    let mut probabilities = Map::new();
    for (priority, from) in &policy.failure_probability {
        probabilities.put(priority.as_str(), Printed::number(from));
    }
    map.put("failure_probability", probabilities.done());
    map.text("retention", duration::format(policy.retention));
    map.done()
}
