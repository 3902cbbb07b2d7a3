//! `time_intervals` and the older `mute_time_intervals`: names for parts of the week and of the year.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use super::error::{Errors, FieldPath, on_the_whole, refusal};
use super::fields::{Fields, text_of};
use super::load::Scope;
use super::node::Node;
use super::print::{Map, Printed};
use crate::core::interval::{IntervalError, TimeInterval, TimeRange};
use crate::core::quote::Quoted;

/// Several intervals under one name.
pub(super) struct NamedInterval<'n> {
    pub(super) name: Arc<str>,
    pub(super) node: &'n Node,
    pub(super) path: FieldPath,
    pub(super) intervals: Vec<TimeInterval>,
}

/// One of the two sections.
pub(super) struct Section {
    key: &'static str,
    what: &'static str,
}

/// `mute_time_intervals`
pub(super) const MUTE: Section = Section { key: "mute_time_intervals", what: "mute time interval" };
/// `time_intervals`
pub(super) const TIME: Section = Section { key: "time_intervals", what: "time interval" };

impl Section {
    /// Reads the section.
    pub(super) fn read<'n>(&self, top: &mut Fields<'n, '_>, scope: &Scope<'_>) -> Vec<NamedInterval<'n>> {
        let items = top.list(self.key, "[]config.TimeInterval").unwrap_or_default();
        items.into_iter().map(|(path, node)| self.read_one(node, path, scope.errors)).collect()
    }

    fn read_one<'n>(&self, node: &'n Node, path: FieldPath, errors: &Errors) -> NamedInterval<'n> {
        let mut fields = Fields::of(node, path.clone(), "config.plain", errors);
        let name = fields.text("name");
        let items = fields.list("time_intervals", "[]timeinterval.TimeInterval").unwrap_or_default();
        let intervals = items.into_iter().map(|(path, node)| read_interval(node, path, errors)).collect();
        // Nobody reads an element that is null, so Alertmanager misses nothing in it.
        if name.is_empty() && !node.is_null() {
            fields.refuse_field("name", format!("missing name in {}", self.what), "a name that routes can refer to");
        }
        fields.finish();
        NamedInterval { name: Arc::from(name), node, path, intervals }
    }

    /// Complains about a name that was taken before, in this section or the other.
    pub(super) fn refuse_duplicate(&self, interval: &NamedInterval<'_>, scope: &Scope<'_>) {
        let sentence = format!("{} {} is not unique", self.what, Quoted(&interval.name));
        let error = on_the_whole(Some(interval.node), &interval.path.key("name"), sentence);
        scope.errors.add(error.found(format!("{:?}", interval.name)).allowed("a name that no other interval has"));
    }

    /// Prints the section.
    pub(super) fn print(&self, intervals: &[NamedInterval<'_>], map: &mut Map) {
        let mut flow = false;
        let mut printed = Vec::new();
        for named in intervals {
            let on_one_line = flow;
            flow = false;
            let specs = named.intervals.iter().map(|interval| printed_interval(interval, &mut flow)).collect();
            let mut map = Map::new();
            map.text("name", &*named.name);
            map.put("time_intervals", Printed::List(specs));
            printed.push(maybe_flow(map.done(), on_one_line));
        }
        map.list_unless_empty(self.key, printed);
    }
}

fn read_interval(node: &Node, path: FieldPath, errors: &Errors) -> TimeInterval {
    let mut fields = Fields::of(node, path, "timeinterval.TimeInterval", errors);
    let interval = TimeInterval {
        times: times(&mut fields, errors),
        weekdays: ranges(&mut fields, "weekdays", "monday:friday, or a weekday in English"),
        days_of_month: ranges(&mut fields, "days_of_month", "1:5, -3:-1, or a day from 1 to 31 or -31 to -1"),
        months: ranges(&mut fields, "months", "january:march, 1:3, or a month"),
        years: ranges(&mut fields, "years", "2024:2026, or a year"),
        location: fields.take("location").and_then(|node| {
            let path = fields.at("location");
            parse(
                text_of(node, &path, errors)?,
                node,
                &path,
                "UTC, Local or an IANA name such as Europe/Berlin",
                errors,
            )
        }),
    };
    fields.finish();
    interval
}

fn times(fields: &mut Fields<'_, '_>, errors: &Errors) -> Option<Vec<TimeRange>> {
    let items = fields.list("times", "[]timeinterval.TimeRange")?;
    let read = |(path, node): (FieldPath, &Node)| {
        if node.is_null() {
            return None;
        }
        let mut fields = Fields::of(node, path, "timeinterval.yamlTimeRange", errors);
        let (start, end) = (fields.text("start_time"), fields.text("end_time"));
        let range = TimeRange::parse(&start, &end);
        if let Err(error) = &range {
            fields.refuse(error.to_string());
        }
        fields.finish();
        range.ok()
    };
    Some(items.into_iter().filter_map(read).collect())
}

fn ranges<T>(fields: &mut Fields<'_, '_>, key: &'static str, allowed: &str) -> Option<Vec<T>>
where
    T: FromStr<Err = IntervalError>,
{
    let items = fields.list(key, "[]timeinterval.InclusiveRange")?;
    let errors = fields.errors;
    let read = |(path, node): (FieldPath, &Node)| parse(text_of(node, &path, errors)?, node, &path, allowed, errors);
    Some(items.into_iter().filter(|(_, node)| !node.is_null()).filter_map(read).collect())
}

fn parse<T>(text: &str, node: &Node, path: &FieldPath, allowed: &str, errors: &Errors) -> Option<T>
where
    T: FromStr<Err = IntervalError>,
{
    let refuse = |error: IntervalError| errors.add(refusal(node, path, error.to_string()).allowed(allowed));
    text.parse().map_err(refuse).ok()
}

/// Prints an interval. `flow` is yaml.v2's: a value that it was told to print on one line and that has no elements (a
/// location) makes it print the next element of the list that way.
fn printed_interval(interval: &TimeInterval, flow: &mut bool) -> Printed {
    let mut map = Map::new();
    let time = |range: &TimeRange| {
        let mut map = Map::new();
        map.text("start_time", range.start_time());
        map.text("end_time", range.end_time());
        map.done()
    };
    map.list_unless_empty("times", interval.times.iter().flatten().map(time).collect());
    print_ranges(&mut map, "weekdays", interval.weekdays.as_deref());
    print_ranges(&mut map, "days_of_month", interval.days_of_month.as_deref());
    print_ranges(&mut map, "months", interval.months.as_deref());
    print_ranges(&mut map, "years", interval.years.as_deref());
    let on_one_line = std::mem::replace(flow, interval.location.is_some());
    if let Some(location) = &interval.location {
        map.text("location", location.to_string());
    }
    maybe_flow(map.done(), on_one_line)
}

fn print_ranges<T: Display>(map: &mut Map, key: &str, ranges: Option<&[T]>) {
    let ranges: Vec<Printed> =
        ranges.unwrap_or_default().iter().map(|range| Printed::text(range.to_string())).collect();
    if !ranges.is_empty() {
        map.put(key, Printed::Flow(Box::new(Printed::List(ranges))));
    }
}

fn maybe_flow(printed: Printed, on_one_line: bool) -> Printed {
    if on_one_line { Printed::Flow(Box::new(printed)) } else { printed }
}
