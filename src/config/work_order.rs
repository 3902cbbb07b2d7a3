//! `work_order_configs` of a receiver: which work orders its alerts open.

use std::sync::Arc;

use super::duration;
use super::error::{FieldPath, on_the_whole};
use super::fields::Fields;
use super::load::Scope;
use super::matching;
use super::node::Node;
use super::print::{Map, Printed};
use crate::core::label_name;
use crate::core::policy::WorkOrderRule;
use crate::core::quote::Quoted;
use crate::core::work_order::{Kind, Priority};

/// The labels that make the key unless others are named. Never the fingerprint: a label such as `status` may change while
/// it is the same failure.
const KEY_LABELS: [&str; 2] = ["alertname", "asset_code"];

/// Reads the section of a receiver.
pub(super) fn read(fields: &mut Fields<'_, '_>, scope: &Scope<'_>) -> Vec<WorkOrderRule> {
    let items = fields.list("work_order_configs", "[]andon.WorkOrderConfig").unwrap_or_default();
    let read = |(path, node): (FieldPath, &Node)| {
        if node.is_null() {
            scope
                .errors
                .add(on_the_whole(Some(node), &path, "missing work_order config").allowed("a mapping, maybe {}"));
            return None;
        }
        Some(read_one(node, path, scope))
    };
    items.into_iter().filter_map(read).collect()
}

fn read_one(node: &Node, path: FieldPath, scope: &Scope<'_>) -> WorkOrderRule {
    let mut fields = Fields::of(node, path, "andon.WorkOrderConfig", scope.errors);
    let key_labels = labels_of(&mut fields, "key_labels", scope).unwrap_or_else(|| KEY_LABELS.map(Arc::from).to_vec());
    if key_labels.is_empty() {
        let allowed = "the labels that tell one failure from another, such as [alertname, asset_code]";
        fields.refuse_field("key_labels", "work_order_configs needs at least one key label", allowed);
    }
    let kind = word(&mut fields, "type", Kind::parse, &Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
    let priorities: Vec<&str> = Priority::ALL.iter().map(|priority| priority.as_str()).collect();
    let priority = word(&mut fields, "priority", Priority::parse, &priorities).unwrap_or(Priority::Medium);
    let due = fields.duration("due");
    if due.is_some_and(|due| due.is_zero()) {
        fields.refuse_field("due", "due cannot be zero", "the time from opening to the due time, such as 4h or 2d");
    }
    let rule = WorkOrderRule {
        key_labels,
        kind: kind.unwrap_or(Kind::Corrective),
        priority,
        priority_from: labels_of(&mut fields, "priority_from", scope).unwrap_or_default(),
        due_after: due,
        title: fields.string("title"),
        description: fields.string("description"),
    };
    fields.finish();
    rule
}

/// A list of names of labels.
fn labels_of(fields: &mut Fields<'_, '_>, key: &'static str, scope: &Scope<'_>) -> Option<Vec<Arc<str>>> {
    let labels: Vec<String> = fields.strings(key)?.into_iter().map(|(text, _)| text).collect();
    if let Some(name) = labels.iter().find(|name| !label_name::is_valid(scope.mode, name)) {
        let sentence = format!("invalid label name {} in {key}", Quoted(name));
        fields.refuse_field(key, sentence, matching::allowed_names(scope.mode));
    }
    Some(labels.iter().map(|name| Arc::from(name.as_str())).collect())
}

fn word<T>(
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    parse: impl Fn(&str) -> Option<T>,
    all: &[&str],
) -> Option<T> {
    let word = fields.string(key)?;
    let parsed = parse(&word);
    if parsed.is_none() {
        fields.refuse_field(key, format!("unknown work order {key} {word:?}"), &all.join(", "));
    }
    parsed
}

/// As the whole configuration shows it.
pub(super) fn printed(rules: &[WorkOrderRule]) -> Printed {
    let printed = |rule: &WorkOrderRule| {
        let mut map = Map::new();
        map.put("key_labels", Printed::texts(rule.key_labels.iter().map(|name| name.to_string())));
        map.text("type", rule.kind.as_str());
        map.text("priority", rule.priority.as_str());
        map.list_unless_empty("priority_from", rule.priority_from.iter().map(|name| Printed::text(&**name)).collect());
        map.text_unless_empty("due", &rule.due_after.map(duration::format).unwrap_or_default());
        map.text_unless_empty("title", rule.title.as_deref().unwrap_or_default());
        map.text_unless_empty("description", rule.description.as_deref().unwrap_or_default());
        map.done()
    };
    Printed::List(rules.iter().map(printed).collect())
}
