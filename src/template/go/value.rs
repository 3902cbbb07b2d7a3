//! How notification data stand in the values of the Go engine, and how those print.
//!
//! gotmpl knows maps, not Go's types. A map that stands for a Go type carries a hidden entry, [`TAG`], which names the
//! type; methods, printing and JSON go by it. Maps without it are what `dict` makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;

use super::numbers;
use super::time::{self, GoTime};
use crate::core::notification::AlertData;
use crate::template::data::{Context, Pairs, sorted_pairs};

/// The name of the hidden entry.
pub(super) const TAG: &str = "\u{0}type";

/// A Go type that has methods or prints in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `template.Data`
    Data,
    /// `template.Alert`
    Alert,
    /// `template.KV`
    Kv,
    /// `template.KV(nil)`: an empty KV that is `null` in JSON.
    NilKv,
    /// `template.Pair`
    Pair,
    /// `template.Pairs` without any; others are lists.
    NoPairs,
    /// `time.Time`
    Time,
    /// `time.Duration`
    Duration,
    /// `time.Month`
    Month,
    /// `time.Weekday`
    Weekday,
}

const KINDS: [(Kind, &str); 10] = [
    (Kind::Data, "*template.Data"),
    (Kind::Alert, "template.Alert"),
    (Kind::Kv, "template.KV"),
    (Kind::NilKv, "template.KV "),
    (Kind::Pair, "template.Pair"),
    (Kind::NoPairs, "template.Pairs"),
    (Kind::Time, "time.Time"),
    (Kind::Duration, "time.Duration"),
    (Kind::Month, "time.Month"),
    (Kind::Weekday, "time.Weekday"),
];

const DATA_FIELDS: [(&str, &str); 9] = [
    ("Receiver", "receiver"),
    ("Status", "status"),
    ("Alerts", "alerts"),
    ("NotificationReason", "notification_reason"),
    ("GroupLabels", "groupLabels"),
    ("CommonLabels", "commonLabels"),
    ("CommonAnnotations", "commonAnnotations"),
    ("RouteLabels", "routeLabels"),
    ("ExternalURL", "externalURL"),
];

const ALERT_FIELDS: [(&str, &str); 7] = [
    ("Status", "status"),
    ("Labels", "labels"),
    ("Annotations", "annotations"),
    ("StartsAt", "startsAt"),
    ("EndsAt", "endsAt"),
    ("GeneratorURL", "generatorURL"),
    ("Fingerprint", "fingerprint"),
];

impl Kind {
    /// Go's name of the type.
    pub(super) fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name.trim_end())
    }

    /// The type that a value stands for, if it stands for one.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let Value::Map(map) = value else { return None };
        let Some(Value::String(name)) = map.get(TAG) else { return None };
        KINDS.iter().find(|(_, known)| *known == &**name).map(|(kind, _)| *kind)
    }

    /// Its fields, and their names in JSON.
    pub(super) fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Data => &DATA_FIELDS,
            Self::Alert => &ALERT_FIELDS,
            Self::Pair => &[("Name", "Name"), ("Value", "Value")],
            Self::Kv | Self::NilKv | Self::NoPairs | Self::Time | Self::Duration | Self::Month | Self::Weekday => &[],
        }
    }
}

/// A map that stands for a Go type.
pub(super) fn tagged(kind: Kind, entries: impl IntoIterator<Item = (String, Value)>) -> Value {
    let name = KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, name)| name);
    let mut map: BTreeMap<Arc<str>, Value> = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
    // Last, so that no label can take its place.
    map.insert(TAG.into(), name.into());
    Value::from(map)
}

/// A text.
pub(super) fn text(text: &str) -> Value {
    Value::from(text)
}

/// A list.
pub(super) fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::from(items.into_iter().collect::<Vec<_>>())
}

/// A KV.
pub(super) fn kv<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    tagged(Kind::Kv, pairs.into_iter().map(|(name, value)| (name.to_owned(), text(value))))
}

/// The pairs of a map.
pub(super) fn pairs(map: &Pairs) -> impl Iterator<Item = (&str, &str)> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// The names and values of a KV, or of any map of texts.
pub(super) fn pairs_of(value: &Value) -> Pairs {
    entries(value).map(|(name, value)| (name.to_owned(), show(value))).collect()
}

/// The entries of a map without the hidden one.
pub(super) fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let map = if let Value::Map(map) = value { Some(map) } else { None };
    map.into_iter().flat_map(|map| map.iter()).filter(|(key, _)| &***key != TAG).map(|(key, value)| (&**key, value))
}

/// The dot of a notification's templates; `route_labels` are those already rendered.
pub(super) fn dot(context: &Context, route_labels: &Pairs) -> Value {
    let data = &context.data;
    let optional = |map: &Option<Pairs>| kv(map.iter().flat_map(pairs));
    tagged(
        Kind::Data,
        [
            ("Receiver".to_owned(), text(&data.receiver)),
            ("Status".to_owned(), text(data.status)),
            ("Alerts".to_owned(), list(data.alerts.iter().map(alert))),
            ("NotificationReason".to_owned(), text(data.reason)),
            ("GroupLabels".to_owned(), kv(&data.group_labels)),
            ("CommonLabels".to_owned(), kv(&data.common_labels)),
            ("CommonAnnotations".to_owned(), kv(&data.common_annotations)),
            ("RouteLabels".to_owned(), kv(pairs(route_labels))),
            ("ExternalURL".to_owned(), text(&data.external_url)),
            ("Asset".to_owned(), optional(&context.asset)),
            (
                "WorkOrder".to_owned(),
                kv(work_order(context).iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            ),
        ],
    )
}

/// The texts of the first work order.
fn work_order(context: &Context) -> Pairs {
    let order = context.work_orders.first().and_then(serde_json::Value::as_object).into_iter().flatten();
    order.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn alert(alert: &AlertData) -> Value {
    tagged(
        Kind::Alert,
        [
            ("Status".to_owned(), text(alert.status)),
            ("Labels".to_owned(), kv(&alert.labels)),
            ("Annotations".to_owned(), kv(&alert.annotations)),
            ("StartsAt".to_owned(), GoTime::from(alert.starts_at).to_value()),
            ("EndsAt".to_owned(), GoTime::from(alert.ends_at).to_value()),
            ("GeneratorURL".to_owned(), text(&alert.generator_url)),
            ("Fingerprint".to_owned(), text(&alert.fingerprint.to_string())),
        ],
    )
}

/// A KV's pairs as a list of `Pair`, `alertname` first.
pub(super) fn sorted(value: &Value) -> Value {
    let found = pairs_of(value);
    let pair = |(name, value): (&str, &str)| {
        tagged(Kind::Pair, [("Name".to_owned(), text(name)), ("Value".to_owned(), text(value))])
    };
    if found.is_empty() {
        return tagged(Kind::NoPairs, []);
    }
    list(sorted_pairs(pairs(&found)).into_iter().map(pair))
}

/// What `{{ value }}` prints: Go's `fmt.Sprint`.
pub(super) fn show(value: &Value) -> String {
    let mut out = String::new();
    write_shown(value, &mut out);
    out
}

fn write_shown(value: &Value, out: &mut String) {
    match (Kind::of(value), value) {
        (Some(Kind::Kv | Kind::NilKv), _) => {
            let found = pairs_of(value);
            let shown: Vec<String> =
                sorted_pairs(pairs(&found)).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            out.push_str(&shown.join(", "));
        }
        (Some(Kind::Time), _) => out.push_str(&GoTime::from_value(value).unwrap_or_default().to_string()),
        (Some(Kind::Duration), _) => out.push_str(&time::duration_text(ordinal(value).unwrap_or(0))),
        (Some(Kind::Month), _) => out.push_str(time::month_name(ordinal(value).unwrap_or(0))),
        (Some(Kind::Weekday), _) => out.push_str(time::weekday_name(ordinal(value).unwrap_or(0))),
        (Some(kind), Value::Map(map)) if !kind.fields().is_empty() => {
            let fields = kind.fields().iter().filter_map(|(field, _)| map.get(*field));
            write_separated(fields, ["{", " ", "}"], out, write_shown);
        }
        (Some(_), _) => {}
        (None, Value::List(items)) if is_pairs(items) => {
            let part = |item: &Value, field: &str| item.field(field).map(show).unwrap_or_default();
            write_separated(items.iter(), ["", ", ", ""], out, |item, out| {
                out.push_str(&format!("{}={}", part(item, "Name"), part(item, "Value")));
            });
        }
        (None, Value::List(items)) => write_separated(items.iter(), ["[", " ", "]"], out, write_shown),
        (None, Value::Map(_)) => write_separated(entries(value), ["map[", " ", "]"], out, |(key, value), out| {
            out.push_str(key);
            out.push(':');
            write_shown(value, out);
        }),
        (None, Value::Float(number)) => out.push_str(&numbers::shortest(*number)),
        (_, other) => out.push_str(&other.to_string()),
    }
}

/// Whether a list is `template.Pairs`.
pub(super) fn is_pairs(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| Kind::of(item) == Some(Kind::Pair))
}

/// What `toJson` gives: keys of dicts sorted, `<`, `>` and `&` escaped.
pub(super) fn json(value: &Value, out: &mut String) {
    match (Kind::of(value), value) {
        (Some(Kind::NilKv), _) => out.push_str("null"),
        (Some(Kind::Time), _) => quote(&GoTime::from_value(value).unwrap_or_default().rfc3339(), out),
        (Some(Kind::NoPairs), _) => out.push_str("[]"),
        (Some(Kind::Duration | Kind::Month | Kind::Weekday), _) => {
            out.push_str(&ordinal(value).unwrap_or(0).to_string());
        }
        (Some(kind @ (Kind::Data | Kind::Alert | Kind::Pair)), Value::Map(map)) => {
            let fields = kind.fields().iter().filter_map(|(field, key)| map.get(*field).map(|value| (*key, value)));
            write_separated(fields, ["{", ",", "}"], out, json_entry);
        }
        (_, Value::Map(_)) => write_separated(entries(value), ["{", ",", "}"], out, json_entry),
        (_, Value::List(items)) => write_separated(items.iter(), ["[", ",", "]"], out, json),
        (_, Value::Nil | Value::Function(_)) => out.push_str("null"),
        (_, Value::String(text) | Value::Safe { s: text, .. }) => quote(text, out),
        (_, Value::Float(number)) if !number.is_finite() => out.push_str("null"),
        (_, Value::Float(number)) => out.push_str(&numbers::json(*number)),
        (_, other) => out.push_str(&show(other)),
    }
}

fn json_entry((key, value): (&str, &Value), out: &mut String) {
    quote(key, out);
    out.push(':');
    json(value, out);
}

/// Writes items between two marks, with a third between each two.
pub(super) fn write_separated<T>(
    items: impl Iterator<Item = T>,
    [open, separator, close]: [&str; 3],
    out: &mut String,
    write: impl Fn(T, &mut String),
) {
    out.push_str(open);
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push_str(separator);
        }
        write(item, out);
    }
    out.push_str(close);
}

/// A JSON string as Go writes it.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// A duration.
pub(super) fn duration(nanoseconds: i64) -> Value {
    numbered(Kind::Duration, nanoseconds)
}

/// A value of one of Go's named integers, which print as words: durations, months, weekdays.
pub(super) fn numbered(kind: Kind, number: i64) -> Value {
    tagged(kind, [("n".to_owned(), Value::Int(number))])
}

/// The number behind a duration, a month or a weekday.
pub(super) fn ordinal(value: &Value) -> Option<i64> {
    match (Kind::of(value)?, value.field("n")?) {
        (Kind::Duration | Kind::Month | Kind::Weekday, Value::Int(number)) => Some(*number),
        _ => None,
    }
}

/// The nanoseconds of a duration.
pub(super) fn nanoseconds(value: &Value) -> Option<i64> {
    ordinal(value).filter(|_| Kind::of(value) == Some(Kind::Duration))
}

/// Go's name of a value's type.
pub(super) fn type_name(value: &Value) -> &'static str {
    match (Kind::of(value), value) {
        (Some(kind), _) => kind.name(),
        (None, Value::Map(_)) => "map[string]interface {}",
        (None, Value::List(items)) => match items.first() {
            Some(first) => match (Kind::of(first), first) {
                (Some(Kind::Alert), _) => "template.Alerts",
                (Some(Kind::Pair), _) => "template.Pairs",
                (None, Value::String(_)) => "[]string",
                _ => "[]interface {}",
            },
            None => "[]interface {}",
        },
        (None, Value::Float(_)) => "float64",
        (None, other) => other.type_name(),
    }
}
