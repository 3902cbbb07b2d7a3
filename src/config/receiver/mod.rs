//! `receivers`: whom to tell, and how.
//!
//! Every kind of integration that Alertmanager knows is read by its table, checked by its rules, completed from `global`,
//! and printed. Andon can send to four of them; the others are refused where a route reaches them, which is not decided
//! here. A `null` in a list is refused, as Alertmanager does.

mod inherit;
mod resolve;
mod rules;
mod tables;
mod tables_chat;
mod tables_incident;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::inherit::Inherit;
use self::resolve::Resolve;
use super::error::{Errors, FieldPath};
use super::fields::Fields;
use super::global::Context;
use super::node::Node;
use super::print::{Map, Printed};
use super::schema::Schema;
use super::section::Section;
use super::settings::{IntegrationConfig, ReceiverConfig};
use super::value::natural_order;
use crate::core::policy::Integration;
use crate::core::quote::Quoted;

/// One kind of integration.
struct Kind {
    /// Alertmanager's word for it.
    name: &'static str,
    /// Its key in a receiver.
    key: &'static str,
    schema: &'static Schema,
    /// Whether one message can say both that an alert fired and that it is over.
    says_both: bool,
    /// Its place among the integrations of a receiver.
    place: u8,
    /// Its place when Alertmanager completes the integrations of a receiver.
    completed: u8,
    inherit: Inherit,
    /// Nothing where Andon cannot send to it.
    resolve: Option<Resolve>,
}

/// All kinds, in the order in which they are printed.
#[rustfmt::skip]
static KINDS: [Kind; 18] = [
    chat("discord", "discord_configs", &tables_chat::DISCORD, [10, 11], inherit::http),
    Kind { resolve: Some(resolve::email), ..chat("email", "email_configs", &tables::EMAIL, [1, 1], inherit::email) },
    incident("incidentio", "incidentio_configs", &tables_incident::INCIDENTIO, [15, 5], inherit::http),
    Kind {
        resolve: Some(resolve::pagerduty),
        ..incident("pagerduty", "pagerduty_configs", &tables::PAGERDUTY, [2, 4], inherit::pagerduty)
    },
    Kind { resolve: Some(resolve::slack), ..chat("slack", "slack_configs", &tables::SLACK, [5, 2], inherit::slack) },
    Kind { resolve: Some(resolve::webhook), ..chat("webhook", "webhook_configs", &tables::WEBHOOK, [0, 0], inherit::http) },
    incident("opsgenie", "opsgenie_configs", &tables_incident::OPSGENIE, [3, 6], inherit::opsgenie),
    chat("wechat", "wechat_configs", &tables_chat::WECHAT, [4, 7], inherit::wechat),
    chat("pushover", "pushover_configs", &tables_incident::PUSHOVER, [7, 3], inherit::http),
    incident("victorops", "victorops_configs", &tables_incident::VICTOROPS, [6, 8], inherit::victorops),
    chat("sns", "sns_configs", &tables_incident::SNS, [8, 9], inherit::http),
    chat("telegram", "telegram_configs", &tables_chat::TELEGRAM, [9, 10], inherit::telegram),
    chat("webex", "webex_configs", &tables_chat::WEBEX, [11, 12], inherit::webex),
    chat("msteams", "msteams_configs", &tables_chat::MSTEAMS, [12, 13], inherit::http),
    chat("msteamsv2", "msteamsv2_configs", &tables_chat::MSTEAMSV2, [13, 14], inherit::msteamsv2),
    incident("jira", "jira_configs", &tables_incident::JIRA, [14, 15], inherit::jira),
    chat("rocketchat", "rocketchat_configs", &tables_chat::ROCKETCHAT, [16, 16], inherit::rocketchat),
    chat("mattermost", "mattermost_configs", &tables_chat::MATTERMOST, [17, 17], inherit::mattermost),
];

/// A kind whose messages can say both that an alert fired and that it is over.
const fn chat(
    name: &'static str,
    key: &'static str,
    schema: &'static Schema,
    [place, completed]: [u8; 2],
    inherit: Inherit,
) -> Kind {
    Kind { name, key, schema, says_both: true, place, completed, inherit, resolve: None }
}

/// A kind that has to be told of a trigger and of a resolve, one after the other.
const fn incident(
    name: &'static str,
    key: &'static str,
    schema: &'static Schema,
    places: [u8; 2],
    inherit: Inherit,
) -> Kind {
    Kind { says_both: false, ..chat(name, key, schema, places, inherit) }
}

/// A receiver as it stands in the file: read and checked, not yet completed from `global`.
pub struct RawReceiver<'n> {
    /// Its name.
    pub name: String,
    /// Its labels; `name` is among them.
    pub labels: BTreeMap<String, String>,
    /// Where it stands.
    pub node: &'n Node,
    /// Where it stands.
    pub path: FieldPath,
    integrations: Vec<RawIntegration<'n>>,
}

struct RawIntegration<'n> {
    kind: &'static Kind,
    index: u32,
    node: &'n Node,
    path: FieldPath,
    section: Section,
}

/// A receiver, complete.
pub struct Receiver {
    /// How to send.
    pub config: ReceiverConfig,
    /// What deciding needs of each integration, in the same order.
    pub integrations: Vec<Integration>,
    /// Its labels; `name` is among them.
    pub labels: BTreeMap<String, String>,
    sections: Vec<(&'static Kind, Section)>,
}

/// Reads the keys of a receiver that Alertmanager knows; the caller has taken its own before, and finishes the fields.
pub fn read<'n>(fields: &mut Fields<'n, '_>, context: &Context) -> RawReceiver<'n> {
    let name = fields.text("name");
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    labels.extend(fields.string_map("labels").unwrap_or_default().into_iter().map(|(key, text, _)| (key, text)));
    let mut integrations = Vec::new();
    for kind in &KINDS {
        let type_name = format!("[]*{}", kind.schema.go_type.replace("plain", "Config"));
        for (index, (path, node)) in fields.list(kind.key, &type_name).unwrap_or_default().into_iter().enumerate() {
            let section = match node.is_null() {
                true => Section::empty(kind.schema),
                false => Section::read(kind.schema, node, path.clone(), &files_of(kind, context), fields.errors),
            };
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            integrations.push(RawIntegration { kind, index, node, path, section });
        }
    }
    if name.is_empty() {
        fields.refuse("missing name in receiver");
    } else if let Some(other) = labels.get("name").filter(|other| **other != name) {
        let (name, other) = (Quoted(&name), Quoted(other));
        fields.refuse(format!("receiver label \"name\" must match receiver name {name}, got {other}"));
    }
    labels.insert("name".into(), name.clone());
    RawReceiver { name, labels, node: fields.node, path: fields.path.clone(), integrations }
}

/// Alertmanager forgets to make the files of incident.io's `http_config` relative to the configuration file.
fn files_of(kind: &Kind, context: &Context) -> Context {
    match kind.name {
        "incidentio" => Context { base_dir: PathBuf::new(), ..context.clone() },
        _ => context.clone(),
    }
}

impl RawReceiver<'_> {
    /// Completes the integrations from `global`, and says what is missing.
    /// Relative files of `http_config` are beside the configuration file, in `base_dir`.
    pub fn complete(mut self, global: &Section, base_dir: &Path, errors: &Errors) -> Receiver {
        self.integrations.sort_by_key(|integration| integration.kind.completed);
        for integration in &mut self.integrations {
            integration.complete(global, errors);
            inherit::put_beside(&mut integration.section, base_dir);
        }
        self.integrations.sort_by_key(|integration| integration.kind.place);
        let resolve = |integration: &RawIntegration<'_>| match integration.kind.resolve {
            Some(resolve) => resolve(&integration.section),
            None => IntegrationConfig::Unsupported { kind: integration.kind.name },
        };
        let decided = |integration: &RawIntegration<'_>| Integration {
            kind: integration.kind.name,
            index: integration.index,
            send_resolved: integration.section.flag("send_resolved"),
            says_both: integration.kind.says_both,
            digest: integration.kind.says_both,
        };
        Receiver {
            config: ReceiverConfig {
                name: self.name,
                was: Vec::new(),
                integrations: self.integrations.iter().map(resolve).collect(),
                rate_limit: None,
                digest: true,
            },
            integrations: self.integrations.iter().map(decided).collect(),
            labels: self.labels,
            sections: self.integrations.into_iter().map(|i| (i.kind, i.section)).collect(),
        }
    }
}

impl RawIntegration<'_> {
    fn complete(&mut self, global: &Section, errors: &Errors) {
        // Of a null entry of these, Alertmanager says first what `global` lacks.
        let looks_first = ["slack", "opsgenie", "wechat", "rocketchat"].contains(&self.kind.name);
        let null = self.node.is_null();
        let missing = || Err(format!("missing {} config", self.kind.name));
        let completed = match (self.kind.inherit)(&mut self.section, global) {
            _ if null && !looks_first => missing(),
            Ok(()) if null => missing(),
            other => other,
        };
        // What could not be read has been complained about, and lacks more than was forgotten.
        if let Err(sentence) = completed
            && self.section.is_sound()
        {
            errors.whole(Some(self.node), &self.path, sentence);
        }
    }
}

impl Receiver {
    /// As it is shown. `built` says whether a route reaches it: only then a mail has all its headers. `own` says
    /// whether Andon's own keys are shown, which `config.original` leaves out.
    pub fn printed(&self, built: bool, own: bool) -> Printed {
        let mut receiver = Map::new();
        receiver.text("name", self.config.name.as_str());
        let mut labels: Vec<_> = self.labels.iter().collect();
        labels.sort_by(|(left, _), (right, _)| natural_order(left, right));
        let labels = labels.into_iter().map(|(name, value)| (name.clone(), Printed::text(value.as_str())));
        receiver.put("labels", Printed::Map(labels.collect()));
        for kind in &KINDS {
            let of_kind = self.sections.iter().filter(|(other, _)| other.name == kind.name);
            let printed = of_kind.map(|(kind, section)| {
                let mut section = if own { section.clone() } else { section.without_own() };
                if kind.name == "email" && built {
                    inherit::mail_headers(&mut section);
                }
                section.printed()
            });
            receiver.list_unless_empty(kind.key, printed.collect());
        }
        receiver.done()
    }
}
