//! The document's sections: read one after the other, checked as a whole in Alertmanager's order, resolved and printed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::assets::{self, Asset};
use super::cmms;
use super::error::{FieldPath, on_the_whole};
use super::fields::Fields;
use super::global;
use super::inhibit::{self, RawRule};
use super::intervals::{self, NamedInterval};
use super::load::{Config, Scope, TemplateEngine};
use super::node::Node;
use super::observability;
use super::order_mails;
use super::own_rules::{self, RawRules, RawWatchdog};
use super::plant_database;
use super::print::{Map, Printed, print};
use super::rate_limit;
use super::receiver::{self, RawReceiver};
use super::route::RawRoute;
use super::section::Section;
use super::settings::RateLimit;
use super::severity::{self, Shorthand};
use super::{order_policy, work_order};
use crate::core::interval::Location;
use crate::core::order_mail::OrderMails;
use crate::core::order_rules::OrderPolicy;
use crate::core::policy::{InhibitRule, OwnRules, Policy, Receiver, ReceiverIdx, WorkOrderRule};
use crate::core::quote::Quoted;

/// The kinds of integrations that Andon can send to.
pub const SENDABLE: &[&str] = &["email", "pagerduty", "slack", "webhook"];

/// A document whose sections have been read.
pub(super) struct Document<'n> {
    root: &'n Node,
    global_node: Option<&'n Node>,
    global: Section,
    route: Option<RawRoute<'n>>,
    rules: Vec<RawRule>,
    severity: Option<Shorthand>,
    receivers: Vec<(RawReceiver<'n>, Own<'n>)>,
    templates: Vec<String>,
    mute_intervals: Vec<NamedInterval<'n>>,
    intervals: Vec<NamedInterval<'n>>,
    tracing: Option<Section>,
    event_recorder: Option<Section>,
    engine: Option<TemplateEngine>,
    plant_database: Option<Section>,
    order_mails: Option<OrderMails>,
    time_zone: Option<Location>,
    watchdogs: Vec<RawWatchdog<'n>>,
    cmms: Vec<Section>,
    orders: Option<OrderPolicy>,
    assets_path: Option<String>,
    assets: BTreeMap<Arc<str>, Asset>,
}

/// What a receiver has of Andon's own.
struct Own<'n> {
    work_orders: Vec<WorkOrderRule>,
    rate_limit: Option<RateLimit>,
    rules: RawRules<'n>,
}

/// Receivers with everything that they inherit.
struct Completed<'n> {
    receivers: Vec<receiver::Receiver>,
    own: Vec<Own<'n>>,
    by_name: BTreeMap<String, ReceiverIdx>,
}

impl<'n> Document<'n> {
    /// Reads all sections.
    pub(super) fn read(root: &'n Node, scope: &Scope<'_>) -> Self {
        let top = FieldPath::top();
        let mut fields = Fields::of(root, top.clone(), "config.plain", scope.errors);
        let global_node = fields.take("global");
        let time_zone = order_mails::time_zone(&mut fields);
        let items = |list: Option<Vec<(FieldPath, &'n Node)>>| list.unwrap_or_default();
        let document = Self {
            root,
            global_node,
            global: global::read(global_node, &top.key("global"), &scope.context, scope.errors),
            route: fields.take("route").map(|node| RawRoute::read(node, top.key("route"), scope)),
            rules: items(fields.list("inhibit_rules", "[]common.InhibitRule"))
                .into_iter()
                .map(|(path, node)| RawRule::read(node, path, scope))
                .collect(),
            receivers: items(fields.list("receivers", "[]config.Receiver"))
                .into_iter()
                .map(|(path, node)| read_receiver(node, path, scope))
                .collect(),
            templates: fields.strings("templates").unwrap_or_default().into_iter().map(|(text, _)| text).collect(),
            mute_intervals: intervals::MUTE.read(&mut fields, scope),
            intervals: intervals::TIME.read(&mut fields, scope),
            tracing: observability::tracing(&mut fields, scope),
            event_recorder: observability::event_recorder(&mut fields, scope),
            severity: fields
                .take("severity_inhibition")
                .and_then(|node| severity::read(node, top.key("severity_inhibition"), scope)),
            engine: template_engine(&mut fields),
            cmms: cmms::read(&mut fields, scope),
            plant_database: fields
                .take("plant_database")
                .map(|node| plant_database::read(node, top.key("plant_database"), scope)),
            order_mails: order_mails::read(&mut fields, time_zone.as_ref()),
            time_zone,
            watchdogs: own_rules::read_watchdogs(&mut fields, scope),
            orders: order_policy::read(&mut fields),
            assets_path: fields.string("assets").filter(|path| !path.is_empty()),
            assets: BTreeMap::new(),
        };
        let assets = document.assets_path.as_deref().and_then(|path| {
            let read = assets::load(&beside(&scope.context.base_dir, path));
            read.map_err(|sentence| fields.refuse_field("assets", sentence, "the path of a YAML file of assets")).ok()
        });
        fields.finish();
        Self { assets: assets.unwrap_or_default(), ..document }
    }

    /// Checks what only the whole can tell, in Alertmanager's order, and resolves. Where anything is wrong, the result
    /// means nothing.
    pub(super) fn resolve(mut self, scope: &Scope<'_>, text: &str) -> Config {
        global::check(&self.global, self.global_node, &FieldPath::top().key("global"), scope.errors);
        let completed = self.complete_receivers(scope);
        let index_of = |name: &str| completed.by_name.get(name).copied();
        self.check_route(&completed, scope);
        self.check_own(&completed, scope);
        let routes = self.route.as_ref().map(|route| route.resolve(&index_of)).unwrap_or_default();
        if let Some(route) = &self.route {
            route.warn(&routes, scope);
        }
        let watchdogs: Vec<_> = self.watchdogs.iter().filter_map(|watchdog| watchdog.resolve(&index_of)).collect();
        let receivers = completed.decided();
        let policy = Policy {
            routes,
            inhibit_rules: Vec::new(),
            intervals: BTreeMap::new(),
            receivers,
            resolve_timeout: global::resolve_timeout(&self.global),
            orders: self.orders.clone().unwrap_or_default(),
            assets: assets::known(&self.assets),
            own: OwnRules::new(watchdogs),
            order_texts: None,
        };
        let mut policy = policy.with_own_routes();
        policy.orders.mails = self.order_mails.clone();
        let used: BTreeSet<ReceiverIdx> = policy.routes.iter().map(|route| route.receiver).collect();
        let mut inhibit_rules: Vec<InhibitRule> = self.rules.iter().map(RawRule::resolve).collect();
        inhibit_rules.extend(self.severity.iter().flat_map(Shorthand::expand));
        let intervals = self.mute_intervals.iter().chain(&self.intervals);
        let (original, redacted) = self.printed(&completed, &used, scope);
        let intervals = intervals.map(|named| (named.name.clone(), named.intervals.clone())).collect();
        let policy = Policy { inhibit_rules, intervals, ..policy };
        Config {
            policy: Arc::new(policy),
            receivers: completed.receivers.into_iter().map(|receiver| receiver.config).collect(),
            used,
            templates: self.templates.iter().map(|path| beside(&scope.context.base_dir, path)).collect(),
            template_engine: self.engine.unwrap_or_default(),
            cmms: self.cmms.iter().map(cmms::settings).collect(),
            plant_database: self.plant_database.as_ref().and_then(plant_database::settings),
            time_zone: order_mails::zone_of_texts(self.time_zone.as_ref(), self.order_mails.as_ref()),
            assets: self.assets,
            original,
            redacted,
            source: Config::source(text),
            sha256: String::new(),
            warnings: Vec::new(),
        }
    }

    fn complete_receivers(&mut self, scope: &Scope<'_>) -> Completed<'n> {
        let mut completed = Completed { receivers: Vec::new(), own: Vec::new(), by_name: BTreeMap::new() };
        for (receiver, own) in std::mem::take(&mut self.receivers) {
            // A 4 MiB file has fewer receivers than that.
            let index = ReceiverIdx(u32::try_from(completed.receivers.len()).unwrap_or(u32::MAX));
            if completed.by_name.insert(receiver.name.clone(), index).is_some() {
                let sentence = format!("notification config name {} is not unique", Quoted(&receiver.name));
                let error = on_the_whole(Some(receiver.node), &receiver.path.key("name"), sentence);
                let found = format!("{:?}", receiver.name);
                scope.errors.add(error.found(found).allowed("a name that no other receiver has"));
            }
            let mut receiver = receiver.complete(&self.global, &scope.context.base_dir, scope.errors);
            receiver.config.rate_limit = own.rate_limit;
            receiver.config.digest = own.rules.digest();
            receiver.integrations.iter_mut().for_each(|integration| integration.digest &= own.rules.digest());
            receiver.config.was = own.rules.was();
            completed.receivers.push(receiver);
            completed.own.push(own);
        }
        completed
    }

    fn check_route(&self, completed: &Completed<'n>, scope: &Scope<'_>) {
        let Some(route) = &self.route else {
            let error = on_the_whole(Some(self.root), &FieldPath::top().key("route"), "no routes provided");
            scope.errors.add(error.found("nothing").allowed("the root of the route tree"));
            return self.check_interval_names(scope);
        };
        route.check_root(scope);
        let names: Vec<&str> = completed.by_name.keys().map(String::as_str).filter(|name| !name.is_empty()).collect();
        route.check_receivers(&|name| completed.by_name.contains_key(name), &one_of("receivers", &names), scope);
        self.check_interval_names(scope);
        let names: BTreeSet<&str> =
            self.mute_intervals.iter().chain(&self.intervals).map(|interval| &*interval.name).collect();
        let allowed = one_of("time intervals", &names.iter().copied().collect::<Vec<_>>());
        route.check_intervals(&|name| names.contains(name), &allowed, scope);
        route.check_continue(scope);
        if !scope.unsendable {
            let named = route.receivers();
            let named = named.iter().map(|(name, node, path)| (*name, *node, path));
            check_sendable(named.chain(self.told_by_andon(completed)), completed, scope);
        }
    }

    /// The receivers that Andon tells of itself, as they are named.
    fn told_by_andon<'a>(
        &'a self,
        completed: &'a Completed<'n>,
    ) -> impl Iterator<Item = (&'a str, &'a Node, &'a FieldPath)> {
        let fallbacks = completed.own.iter().filter_map(|own| own.rules.fallback());
        fallbacks.chain(self.watchdogs.iter().filter_map(RawWatchdog::receiver))
    }

    fn check_own(&self, completed: &Completed<'n>, scope: &Scope<'_>) {
        if let Some(mails) = &self.order_mails {
            let mailing = |name: &str| {
                let receiver = completed.receivers.iter().find(|receiver| receiver.config.name == name)?;
                Some(receiver.integrations.iter().any(|integration| integration.kind == "email"))
            };
            order_mails::check(mails, mailing, scope);
        }
        let names: Vec<&str> = completed.by_name.keys().map(String::as_str).filter(|name| !name.is_empty()).collect();
        let known = |name: &str| completed.by_name.contains_key(name);
        own_rules::check_known(self.told_by_andon(completed), &known, &one_of("receivers", &names), scope);
        let rules = completed.receivers.iter().zip(&completed.own);
        let rules = rules.map(|(receiver, own)| (receiver.config.name.clone(), &own.rules)).collect();
        own_rules::check_receivers(&rules, scope);
    }

    fn check_interval_names(&self, scope: &Scope<'_>) {
        let mut seen = BTreeSet::new();
        for (section, list) in [(&intervals::MUTE, &self.mute_intervals), (&intervals::TIME, &self.intervals)] {
            for interval in list.iter().filter(|interval| !seen.insert(interval.name.clone())) {
                section.refuse_duplicate(interval, scope);
            }
        }
    }

    /// The configuration as Alertmanager's, and as it is.
    fn printed(&self, completed: &Completed<'n>, used: &BTreeSet<ReceiverIdx>, scope: &Scope<'_>) -> (String, String) {
        let original = self.print_sections(completed, used, scope, false);
        let redacted = self.print_sections(completed, used, scope, true);
        (print(&original.done()), print(&redacted.done()))
    }

    fn print_sections(
        &self,
        completed: &Completed<'n>,
        used: &BTreeSet<ReceiverIdx>,
        scope: &Scope<'_>,
        own: bool,
    ) -> Map {
        let mut map = Map::new();
        map.put("global", self.global.printed());
        if let Some(route) = &self.route {
            map.put("route", route.printed());
        }
        let mut rules: Vec<Printed> = self.rules.iter().map(RawRule::printed).collect();
        if !own {
            let expanded: Vec<InhibitRule> = self.severity.iter().flat_map(Shorthand::expand).collect();
            rules.extend(expanded.iter().map(inhibit::printed));
        }
        map.list_unless_empty("inhibit_rules", rules);
        map.list_unless_empty("receivers", completed.printed(used, own));
        let handlebars = self.engine == Some(TemplateEngine::Handlebars);
        let templates = if handlebars && !own { &[][..] } else { &self.templates[..] };
        let templates = templates.iter().map(|path| Printed::text(beside(&scope.context.base_dir, path)));
        map.put("templates", Printed::List(templates.collect()));
        intervals::MUTE.print(&self.mute_intervals, &mut map);
        intervals::TIME.print(&self.intervals, &mut map);
        if let Some(tracing) = &self.tracing {
            map.put("tracing", tracing.printed());
        }
        if let Some(event_recorder) = &self.event_recorder {
            map.put("event_recorder", event_recorder.printed());
        }
        if own {
            if let Some(severity) = &self.severity {
                map.put("severity_inhibition", severity.printed());
            }
            if let Some(zone) = &self.time_zone {
                map.text("time_zone", zone.to_string());
            }
            if let Some(mails) = &self.order_mails {
                map.put("work_order_mails", order_mails::printed(mails));
            }
            map.list_unless_empty("watchdog", self.watchdogs.iter().map(RawWatchdog::printed).collect());
            if let Some(engine) = self.engine {
                map.text("template_engine", engine.as_str());
            }
            if let Some(orders) = &self.orders {
                map.put("work_orders", order_policy::printed(orders));
            }
            if let Some(path) = &self.assets_path {
                map.text("assets", beside(&scope.context.base_dir, path));
            }
            if let Some(database) = &self.plant_database {
                map.put("plant_database", database.printed());
            }
            map.list_unless_empty("cmms", cmms::printed(&self.cmms));
        }
        map
    }
}

impl Completed<'_> {
    /// What the engine has to know of the receivers.
    fn decided(&self) -> Vec<Receiver> {
        let pairs = self.receivers.iter().zip(&self.own);
        let index_of = |name: &str| self.by_name.get(name).copied();
        let decided = |(receiver, own): (&receiver::Receiver, &Own<'_>)| Receiver {
            name: Arc::from(receiver.config.name.as_str()),
            labels: receiver.labels.clone(),
            integrations: receiver.integrations.clone(),
            work_orders: own.work_orders.clone(),
            rules: own.rules.resolve(&index_of),
        };
        pairs.map(decided).collect()
    }

    fn printed(&self, used: &BTreeSet<ReceiverIdx>, own: bool) -> Vec<Printed> {
        let pairs = self.receivers.iter().zip(&self.own).enumerate();
        let printed = |(i, (receiver, Own { work_orders, rules, .. })): (usize, (&receiver::Receiver, &Own<'_>))| {
            let reached = u32::try_from(i).is_ok_and(|i| used.contains(&ReceiverIdx(i)));
            let mut printed = receiver.printed(reached, own);
            if let (Printed::Map(entries), true) = (&mut printed, own) {
                if !work_orders.is_empty() {
                    entries.push(("work_order_configs".into(), work_order::printed(work_orders)));
                }
                if let Some(limit) = &receiver.config.rate_limit {
                    entries.push(("rate_limit".into(), rate_limit::printed(limit)));
                }
                rules.print(entries);
            }
            printed
        };
        pairs.map(printed).collect()
    }
}

fn read_receiver<'n>(node: &'n Node, path: FieldPath, scope: &Scope<'_>) -> (RawReceiver<'n>, Own<'n>) {
    let mut fields = Fields::of(node, path, "config.plain", scope.errors);
    let own = Own {
        work_orders: work_order::read(&mut fields, scope),
        rate_limit: rate_limit::read(&mut fields),
        rules: own_rules::read_rules(&mut fields),
    };
    let receiver = receiver::read(&mut fields, &scope.context);
    fields.finish();
    (receiver, own)
}

/// A receiver that is told must be one that Andon can tell.
fn check_sendable<'a>(
    named: impl Iterator<Item = (&'a str, &'a Node, &'a FieldPath)>,
    completed: &Completed<'_>,
    scope: &Scope<'_>,
) {
    let mut seen = BTreeSet::new();
    for (name, node, path) in named {
        let Some(index) = completed.by_name.get(name).filter(|index| seen.insert(**index)) else { continue };
        let Some(receiver) = completed.receivers.get(index.0 as usize) else { continue };
        let kinds: BTreeSet<&str> = receiver.integrations.iter().map(|integration| integration.kind).collect();
        for kind in kinds.into_iter().filter(|kind| !SENDABLE.contains(kind)) {
            let sentence = format!("receiver {name:?} used in route has {kind}_configs, which Andon cannot send to");
            let allowed = format!("receivers with {}_configs, or no route to it", SENDABLE.join("_configs, "));
            scope.errors.add(on_the_whole(Some(node), path, sentence).allowed(allowed));
        }
    }
}

fn template_engine(fields: &mut Fields<'_, '_>) -> Option<TemplateEngine> {
    let word = fields.string("template_engine")?;
    let engine = TemplateEngine::parse(&word);
    if engine.is_none() {
        fields.refuse_field(
            "template_engine",
            format!("unknown template engine {}", Quoted(&word)),
            "handlebars, or go",
        );
    }
    engine
}

impl TemplateEngine {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "handlebars" => Some(Self::Handlebars),
            "go" => Some(Self::Go),
            _ => None,
        }
    }

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Handlebars => "handlebars",
        }
    }
}

/// A path beside the configuration file, unless it is absolute.
fn beside(base_dir: &Path, path: &str) -> String {
    let own_folder = base_dir.as_os_str().is_empty() || base_dir == Path::new(".");
    match own_folder || path.is_empty() || Path::new(path).is_absolute() {
        true => path.to_owned(),
        false => base_dir.join(path).to_string_lossy().into_owned(),
    }
}

/// The names that may stand somewhere, not too many of them.
fn one_of(what: &str, names: &[&str]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<&str> = names.iter().copied().take(SHOWN).collect();
    match names.len() {
        0 => format!("the file has no {what}"),
        1..=SHOWN => shown.join(", "),
        more => format!("{} and {} more {what}", shown.join(", "), more - SHOWN),
    }
}
