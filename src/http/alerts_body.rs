//! Reads the body of `POST /api/v2/alerts` into a batch.
//!
//! Three kinds of trouble, as in Alertmanager: what is not JSON or has values of wrong kinds refuses the request (400), so
//! does what lacks something required (422); an alert that says something impossible is refused alone, and the rest of
//! the batch is taken. Times are judged by the engine, which knows `resolve_timeout`; names and sizes here, before anything
//! is copied. Nothing is allocated for an alert that has no escapes in it and no mistake.

use super::Limits;
use super::json_read::{Kind, Reader, Span, SyntaxError, Texts, repaired, same_key};
use super::reply::FrameworkError;
use super::times;
use super::uri::is_uri;
use crate::core::ingest::{Batch, Rejected};
use crate::core::label_name;
use crate::core::matcher::Mode;
use crate::core::quote::Quoted;
use crate::time::Timestamp;

/// How Go names what it reads first of an alert.
const GO_ALERT: &str = "Go value of type struct { Annotations models.LabelSet \"json:\\\"annotations,omitempty\\\"\"; \
    EndsAt strfmt.DateTime \"json:\\\"endsAt,omitempty\\\"\"; StartsAt strfmt.DateTime \"json:\\\"startsAt,omitempty\\\"\" }";
const GO_STRING: &str = "Go value of type string";

/// What a body holds.
#[derive(Debug, Default)]
pub struct Parsed {
    /// What the engine is asked to take.
    pub batch: Batch,
    /// What it is not asked to take.
    pub refused: Vec<Refused>,
}

/// An alert that is refused without asking the engine.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the body.
    pub index: usize,
    /// When it ends, as sent.
    pub ends_at: Timestamp,
    /// Why.
    pub why: Rejected,
}

/// An alert as it stands in the body: where its pairs begin and end, and the rest.
#[derive(Default)]
struct Raw {
    labels: (usize, usize),
    annotations: (usize, usize),
    has_labels: bool,
    generator_url: Span,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    null: bool,
}

/// What of an alert a key names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Labels,
    Annotations,
    StartsAt,
    EndsAt,
    GeneratorUrl,
    Other,
}

impl Field {
    const NAMES: [(&str, Self); 5] = [
        ("labels", Self::Labels),
        ("annotations", Self::Annotations),
        ("startsAt", Self::StartsAt),
        ("endsAt", Self::EndsAt),
        ("generatorURL", Self::GeneratorUrl),
    ];

    fn of(key: &str) -> Self {
        // Nearly all keys are written as they should be: the case of letters is looked at only where one is not.
        let exact = Self::NAMES.iter().find(|(name, _)| key == *name);
        let found = exact.or_else(|| Self::NAMES.iter().find(|(name, _)| same_key(key, name)));
        found.map_or(Self::Other, |(_, field)| *field)
    }
}

/// Everything of a body, before it is checked. The pairs of all alerts stand in two lists.
#[derive(Default)]
struct Body {
    alerts: Vec<Raw>,
    labels: Vec<(Span, Span)>,
    annotations: Vec<(Span, Span)>,
    /// The first value of a wrong kind. An error of syntax, though later, comes before it.
    mismatch: Option<String>,
    /// The first one in what Alertmanager reads last of an alert: its labels and its `generatorURL`.
    late_mismatch: Option<String>,
}

/// Reads a body. Pure, and never panics, whatever the bytes.
///
/// # Errors
/// The framework's error where the request is refused as a whole.
pub fn parse_alerts(body: &[u8], mode: Mode, limits: &Limits) -> Result<Parsed, FrameworkError> {
    let text = repaired(body);
    let mut reader = Reader::new(&text);
    if reader.at_end() {
        return Err(FrameworkError::new(602, "alerts in body is required"));
    }
    let mut found = Body::default();
    found.read(&mut reader).map_err(|error| parsing(&error.0))?;
    if let Some(mismatch) = &found.mismatch {
        return Err(parsing(mismatch));
    }
    let texts = reader.finish();
    found.check_schema(&texts)?;
    // What names, quotes and times take in the body, lengths take in the batch; what is left is given back with it.
    Ok(found.into_batch(&texts, text.len() / 4 * 3, mode, limits))
}

fn mismatch(kind: Kind, target: &str) -> String {
    format!("json: cannot unmarshal {} into {target}", kind.as_str())
}

fn parsing(reason: &str) -> FrameworkError {
    FrameworkError::new(400, format!("parsing alerts body from \"\" failed, because {reason}"))
}

impl Body {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), SyntaxError> {
        match reader.kind()? {
            Kind::Array => reader.array(|reader| self.read_alert(reader)),
            Kind::Null => reader.skip(),
            kind => self.mismatched(reader, kind, "Go value of type models.PostableAlerts"),
        }
    }

    fn read_alert(&mut self, reader: &mut Reader<'_>) -> Result<(), SyntaxError> {
        let mut alert = Raw {
            labels: (self.labels.len(), self.labels.len()),
            annotations: (self.annotations.len(), self.annotations.len()),
            ..Raw::default()
        };
        match reader.kind()? {
            Kind::Object => reader.object(|reader, key| self.read_field(reader, key, &mut alert))?,
            Kind::Null => {
                reader.skip()?;
                alert.null = true;
            }
            kind => self.mismatched(reader, kind, GO_ALERT)?,
        }
        if let Some(late) = self.late_mismatch.take() {
            self.mismatch.get_or_insert(late);
        }
        self.alerts.push(alert);
        Ok(())
    }

    fn read_field(&mut self, reader: &mut Reader<'_>, key: Span, alert: &mut Raw) -> Result<(), SyntaxError> {
        let field = Field::of(reader.text(key));
        match (field, reader.kind()?) {
            (Field::Labels, kind) => self.read_pairs(reader, kind, true, alert)?,
            (Field::Annotations, kind) => self.read_pairs(reader, kind, false, alert)?,
            (Field::GeneratorUrl, Kind::String) => alert.generator_url = reader.string()?,
            (Field::GeneratorUrl, Kind::Null) => {
                reader.skip()?;
                alert.generator_url = Span::default();
            }
            (Field::GeneratorUrl, kind) => self.mismatched_late(reader, kind, GO_STRING)?,
            (Field::StartsAt | Field::EndsAt, Kind::String) => {
                let span = reader.string()?;
                let time = if field == Field::StartsAt { &mut alert.starts_at } else { &mut alert.ends_at };
                match times::parse(reader.text(span)) {
                    Ok(at) => *time = Some(at),
                    Err(error) => drop(self.mismatch.get_or_insert(error)),
                }
            }
            (Field::StartsAt | Field::EndsAt, Kind::Null) | (Field::Other, _) => reader.skip()?,
            (Field::StartsAt | Field::EndsAt, kind) => self.mismatched(reader, kind, GO_STRING)?,
        }
        Ok(())
    }

    /// Reads labels or annotations. As in Go a second object adds to the first, and `null` takes it away.
    fn read_pairs(
        &mut self,
        reader: &mut Reader<'_>,
        kind: Kind,
        labels: bool,
        alert: &mut Raw,
    ) -> Result<(), SyntaxError> {
        let field = if labels { "Alert.labels" } else { ".annotations" };
        let mismatched = if labels { Self::mismatched_late } else { Self::mismatched };
        if labels {
            alert.has_labels = kind != Kind::Null;
        }
        match kind {
            Kind::Object => reader.object(|reader, name| {
                let value = match reader.kind()? {
                    Kind::String => reader.string()?,
                    Kind::Null => {
                        reader.skip()?;
                        Span::default()
                    }
                    kind => {
                        let target = format!("Go struct field {field}.{} of type string", reader.text(name));
                        return mismatched(self, reader, kind, &target);
                    }
                };
                (if labels { &mut self.labels } else { &mut self.annotations }).push((name, value));
                Ok(())
            })?,
            Kind::Null => {
                reader.skip()?;
                if labels {
                    self.labels.truncate(alert.labels.0)
                } else {
                    self.annotations.truncate(alert.annotations.0)
                }
            }
            kind => mismatched(self, reader, kind, &format!("Go struct field {field} of type models.LabelSet"))?,
        }
        alert.labels.1 = self.labels.len();
        alert.annotations.1 = self.annotations.len();
        Ok(())
    }

    fn mismatched(&mut self, reader: &mut Reader<'_>, kind: Kind, target: &str) -> Result<(), SyntaxError> {
        self.mismatch.get_or_insert_with(|| mismatch(kind, target));
        reader.skip()
    }

    fn mismatched_late(&mut self, reader: &mut Reader<'_>, kind: Kind, target: &str) -> Result<(), SyntaxError> {
        self.late_mismatch.get_or_insert_with(|| mismatch(kind, target));
        reader.skip()
    }

    fn check_schema(&self, texts: &Texts<'_>) -> Result<(), FrameworkError> {
        // Alerts of one rule stand together and come from one URL.
        let mut good = None;
        for (index, alert) in self.alerts.iter().enumerate() {
            let url = texts.get(alert.generator_url);
            if alert.null {
                return Err(FrameworkError::new(602, format!("{index} in body is required")));
            }
            if good != Some(url) && !is_uri(url) {
                let message = format!("{index}.generatorURL in body must be of type uri: {}", Quoted(url));
                return Err(FrameworkError::new(601, message));
            }
            good = Some(url);
            if !alert.has_labels {
                return Err(FrameworkError::new(602, format!("{index}.labels in body is required")));
            }
        }
        Ok(())
    }

    fn into_batch(self, texts: &Texts<'_>, room: usize, mode: Mode, limits: &Limits) -> Parsed {
        let batch = Batch::with_capacity(self.alerts.len(), room);
        let mut parsed = Parsed { batch, refused: Vec::new() };
        let (mut labels, mut annotations) = (Vec::new(), Vec::new());
        for (index, alert) in self.alerts.iter().enumerate() {
            let fill = |pairs: &mut Vec<_>, all: &[(Span, Span)], (from, to): (usize, usize)| {
                pairs.clear();
                let spans = all.get(from..to).unwrap_or_default();
                pairs.extend(spans.iter().map(|(name, value)| (texts.get(*name), texts.get(*value))));
            };
            fill(&mut labels, &self.labels, alert.labels);
            fill(&mut annotations, &self.annotations, alert.annotations);
            let starts_at = alert.starts_at.unwrap_or(Timestamp::ZERO);
            let ends_at = alert.ends_at.unwrap_or(Timestamp::ZERO);
            let url = texts.get(alert.generator_url);
            let checked = check(&mut labels, &annotations, mode, limits).map_err(|why| {
                // A name is looked at last: an alert that ends before it starts says so first.
                if !ends_at.is_zero() && ends_at < starts_at { Rejected::EndsBeforeStart } else { why }
            });
            let pushed = checked.and_then(|()| {
                let pushed = parsed.batch.push(&mut labels, &mut annotations, url, starts_at, ends_at);
                pushed.map_err(|error| Rejected::Limit(error.to_string()))
            });
            if let Err(why) = pushed {
                parsed.refused.push(Refused { index, ends_at, why });
            }
        }
        parsed
    }
}

/// Whether names and sizes are as they may be. Labels without a value do not count and go.
fn check(
    labels: &mut Vec<(&str, &str)>,
    annotations: &[(&str, &str)],
    mode: Mode,
    limits: &Limits,
) -> Result<(), Rejected> {
    labels.retain(|(_, value)| !value.is_empty());
    let wrong = |pairs: &[(&str, &str)]| {
        let wrong = pairs.iter().filter(|(name, _)| !label_name::is_valid(mode, name)).map(|(name, _)| *name).min();
        wrong.map(|name| Quoted(name).to_string())
    };
    if labels.is_empty() {
        return Err(Rejected::NoLabels);
    }
    if let Some(name) = wrong(labels) {
        return Err(Rejected::LabelName(name));
    }
    if let Some(name) = wrong(annotations) {
        return Err(Rejected::AnnotationName(name));
    }
    within("label", labels, limits.labels, limits.name, limits.value)?;
    within("annotation", annotations, limits.labels, limits.name, limits.annotation)
}

fn within(
    what: &str,
    pairs: &[(&str, &str)],
    most: usize,
    longest_name: usize,
    longest_value: usize,
) -> Result<(), Rejected> {
    if pairs.len() > most {
        return Err(Rejected::Limit(format!("an alert may have {most} {what}s, this one has {}", pairs.len())));
    }
    for (name, value) in pairs {
        if name.len() > longest_name {
            let found = name.len();
            let message = format!("the name of each {what} may have {longest_name} bytes, one has {found}");
            return Err(Rejected::Limit(message));
        }
        if value.len() > longest_value {
            let found = value.len();
            let message = format!(
                "the value of each {what} may have {longest_value} bytes, that of {} has {found}",
                Quoted(name)
            );
            return Err(Rejected::Limit(message));
        }
    }
    Ok(())
}
