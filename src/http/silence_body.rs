//! Reads the body of `POST /api/v2/silences`.
//!
//! The schema is checked in Alertmanager's order (fields by the alphabet, matchers within), and only the first mistake is
//! told. Whether the times and matchers make sense is for [`validate`], in the order in which Alertmanager asks.

use super::json_read::{Kind, Reader, Span, SyntaxError, Texts, repaired, same_key};
use super::reply::FrameworkError;
use super::times;
use crate::core::label::LabelSet;
use crate::core::label_name;
use crate::core::matcher::pattern::{Anchored, Pattern, PatternError, Room};
use crate::core::matcher::{Matcher, Mode, Op};
use crate::core::quote::Quoted;
use crate::time::Timestamp;

/// The longest regular expression in bytes.
const MAX_PATTERN: usize = 4 << 10;

/// A silence as it was asked for; the schema holds, nothing else is known of it.
#[derive(Debug, PartialEq)]
pub struct PostedSilence {
    /// The silence to change, or empty.
    pub id: String,
    /// At least one.
    pub matchers: Vec<PostedMatcher>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Free-form.
    pub annotations: LabelSet,
}

/// A matcher as it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct PostedMatcher {
    /// The label.
    pub name: String,
    /// With what it is compared.
    pub value: String,
    /// How.
    pub op: Op,
}

#[derive(Default)]
struct RawMatcher {
    name: Option<Span>,
    value: Option<Span>,
    is_regex: Option<bool>,
    is_equal: Option<bool>,
}

#[derive(Default)]
struct Raw {
    id: Span,
    matchers: Option<Vec<Option<RawMatcher>>>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    created_by: Option<Span>,
    comment: Option<Span>,
    annotations: Vec<(Span, Span)>,
    mismatch: Option<String>,
}

/// Reads a body. Pure, and never panics, whatever the bytes.
///
/// # Errors
/// The framework's error where the body is no silence.
pub fn parse_silence(body: &[u8]) -> Result<PostedSilence, FrameworkError> {
    let text = repaired(body);
    let mut reader = Reader::new(&text);
    if reader.at_end() {
        return Err(required("silence"));
    }
    let parsing =
        |reason: &str| FrameworkError::new(400, format!("parsing silence body from \"\" failed, because {reason}"));
    let mut raw = Raw::default();
    raw.read(&mut reader).map_err(|error| parsing(&error.0))?;
    if let Some(mismatch) = &raw.mismatch {
        return Err(parsing(mismatch));
    }
    raw.checked(&reader.finish())
}

fn required(field: &str) -> FrameworkError {
    FrameworkError::new(602, format!("{field} in body is required"))
}

/// Compiles the matchers of a silence whose times hold at `now`, in Alertmanager's order of asking.
///
/// # Errors
/// Alertmanager's sentence about the first mistake.
pub fn validate(posted: &PostedSilence, mode: Mode, now: Timestamp) -> Result<Vec<Matcher>, String> {
    if posted.starts_at >= posted.ends_at {
        return Err("Failed to create silence: start time must be before end time".into());
    }
    if posted.ends_at < now {
        return Err("Failed to create silence: end time can't be in the past".into());
    }
    let mut matchers = Vec::with_capacity(posted.matchers.len());
    let (mut may_be_empty, mut room) = (true, Room::default());
    for (index, matcher) in posted.matchers.iter().enumerate() {
        let invalid = |why: String| format!("invalid silence: invalid label matcher {index} in set 0: {why}");
        let PostedMatcher { name, value, op } = matcher;
        if !label_name::is_valid(mode, name) {
            return Err(invalid(format!("invalid label name {}", Quoted(name))));
        }
        if op.is_regex() && value.len() > MAX_PATTERN {
            let found = value.len();
            return Err(invalid(format!("a regular expression may have {MAX_PATTERN} bytes, this one has {found}")));
        }
        let bad_pattern =
            |error: PatternError| invalid(format!("invalid regular expression {}: {error}", Quoted(value)));
        // The pattern as written comes first, since errors show it so, and since it counts for the rule below.
        may_be_empty &= match op {
            Op::Equal => value.is_empty(),
            Op::NotEqual => false,
            Op::Regex => Pattern::compile(value, Anchored::No).map_err(bad_pattern)?.matches(""),
            Op::NotRegex => Pattern::compile(value, Anchored::No).map(|_| false).map_err(bad_pattern)?,
        };
        matchers.push(Matcher::within(&mut room, name.as_str(), *op, value.as_str()).map_err(bad_pattern)?);
    }
    if may_be_empty {
        let rule = "at least one matcher must not match the empty string";
        return Err(format!("invalid silence: matcher set 0: {rule}"));
    }
    Ok(matchers)
}

impl Raw {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), SyntaxError> {
        match reader.kind()? {
            Kind::Object => reader.object(|reader, key| self.read_field(reader, key)),
            Kind::Null => reader.skip(),
            kind => {
                self.mismatched(reader, kind, "Go value of type struct { ID string \"json:\\\"id,omitempty\\\"\" }")
            }
        }
    }

    fn read_field(&mut self, reader: &mut Reader<'_>, key: Span) -> Result<(), SyntaxError> {
        const FIELDS: [&str; 7] = ["id", "matchers", "startsAt", "endsAt", "createdBy", "comment", "annotations"];
        let key = reader.text(key).to_owned();
        let field = FIELDS.into_iter().find(|field| same_key(&key, field));
        match (field, reader.kind()?) {
            (None, _) => reader.skip(),
            (Some("matchers"), kind) => self.read_matchers(reader, kind),
            (Some("annotations"), kind) => self.read_annotations(reader, kind),
            (Some("startsAt" | "endsAt"), Kind::Null) => reader.skip(),
            (Some(field @ ("startsAt" | "endsAt")), Kind::String) => {
                let span = reader.string()?;
                match times::parse(reader.text(span)) {
                    Ok(at) => *(if field == "endsAt" { &mut self.ends_at } else { &mut self.starts_at }) = Some(at),
                    Err(error) => drop(self.mismatch.get_or_insert(error)),
                }
                Ok(())
            }
            (Some("startsAt" | "endsAt"), kind) => self.mismatched(reader, kind, "Go value of type string"),
            (Some(field), Kind::String) => {
                let span = reader.string()?;
                match field {
                    "createdBy" => self.created_by = Some(span),
                    "comment" => self.comment = Some(span),
                    _ => self.id = span,
                }
                Ok(())
            }
            (Some(field), Kind::Null) => {
                match field {
                    "createdBy" => self.created_by = None,
                    "comment" => self.comment = None,
                    _ => {}
                }
                reader.skip()
            }
            (Some(field), kind) => {
                let owner = if field == "id" { "" } else { "Silence" };
                self.mismatched(reader, kind, &format!("Go struct field {owner}.{key} of type string"))
            }
        }
    }

    fn read_matchers(&mut self, reader: &mut Reader<'_>, kind: Kind) -> Result<(), SyntaxError> {
        match kind {
            Kind::Array => {
                let mut matchers = Vec::new();
                reader.array(|reader| {
                    matchers.push(self.read_matcher(reader, matchers.len())?);
                    Ok::<(), SyntaxError>(())
                })?;
                self.matchers = Some(matchers);
                Ok(())
            }
            Kind::Null => {
                self.matchers = None;
                reader.skip()
            }
            kind => self.mismatched(reader, kind, "Go struct field Silence.matchers of type models.Matchers"),
        }
    }

    /// Reads one matcher; nothing for `null`.
    fn read_matcher(&mut self, reader: &mut Reader<'_>, index: usize) -> Result<Option<RawMatcher>, SyntaxError> {
        let mut matcher = RawMatcher::default();
        match reader.kind()? {
            Kind::Object => reader.object(|reader, key| {
                let key = reader.text(key);
                let is = |name: &str| same_key(key, name);
                let (text, flag) = match () {
                    () if is("name") => (Some(&mut matcher.name), None),
                    () if is("value") => (Some(&mut matcher.value), None),
                    () if is("isRegex") => (None, Some(&mut matcher.is_regex)),
                    () if is("isEqual") => (None, Some(&mut matcher.is_equal)),
                    () => (None, None),
                };
                let key = key.to_owned();
                match (reader.kind()?, text, flag) {
                    (Kind::String, Some(text), _) => *text = Some(reader.string()?),
                    (Kind::Bool, _, Some(flag)) => *flag = Some(reader.boolean()?),
                    (Kind::Null, text, flag) => {
                        if let Some(text) = text {
                            *text = None;
                        }
                        if let Some(flag) = flag {
                            *flag = None;
                        }
                        reader.skip()?;
                    }
                    (_, None, None) => reader.skip()?,
                    (kind, text, _) => {
                        let wanted = if text.is_some() { "string" } else { "bool" };
                        let target = format!("Go struct field Silence.matchers.{index}.{key} of type {wanted}");
                        self.mismatched(reader, kind, &target)?;
                    }
                }
                Ok::<(), SyntaxError>(())
            })?,
            Kind::Null => {
                reader.skip()?;
                return Ok(None);
            }
            kind => {
                let target = format!("Silence.matchers.{index} of type models.Matcher");
                self.mismatched(reader, kind, &target)?;
            }
        }
        Ok(Some(matcher))
    }

    fn read_annotations(&mut self, reader: &mut Reader<'_>, kind: Kind) -> Result<(), SyntaxError> {
        match kind {
            Kind::Object => reader.object(|reader, name| {
                let value = match reader.kind()? {
                    Kind::String => reader.string()?,
                    Kind::Null => {
                        reader.skip()?;
                        Span::default()
                    }
                    kind => {
                        let name = reader.text(name);
                        let target = format!("Go struct field Silence.annotations.{name} of type string");
                        return self.mismatched(reader, kind, &target);
                    }
                };
                self.annotations.push((name, value));
                Ok(())
            }),
            Kind::Null => {
                self.annotations.clear();
                reader.skip()
            }
            kind => self.mismatched(reader, kind, "Go struct field Silence.annotations of type models.LabelSet"),
        }
    }

    fn mismatched(&mut self, reader: &mut Reader<'_>, kind: Kind, target: &str) -> Result<(), SyntaxError> {
        if self.mismatch.is_none() {
            self.mismatch = Some(format!("json: cannot unmarshal {} into {target}", kind.as_str()));
        }
        reader.skip()
    }

    fn checked(self, texts: &Texts<'_>) -> Result<PostedSilence, FrameworkError> {
        let comment = self.comment.ok_or_else(|| required("comment"))?;
        let created_by = self.created_by.ok_or_else(|| required("createdBy"))?;
        let ends_at = self.ends_at.ok_or_else(|| required("endsAt"))?;
        let raw_matchers = self.matchers.ok_or_else(|| required("matchers"))?;
        if raw_matchers.is_empty() {
            return Err(FrameworkError::new(612, "matchers in body should have at least 1 items"));
        }
        let mut matchers = Vec::with_capacity(raw_matchers.len());
        for (index, matcher) in raw_matchers.into_iter().enumerate() {
            let lacks = |field: &str| required(&format!("matchers.{index}{field}"));
            let matcher = matcher.ok_or_else(|| lacks(""))?;
            let is_regex = matcher.is_regex.ok_or_else(|| lacks(".isRegex"))?;
            let name = matcher.name.ok_or_else(|| lacks(".name"))?;
            let value = matcher.value.ok_or_else(|| lacks(".value"))?;
            let op = Op::of(is_regex, matcher.is_equal.unwrap_or(true));
            matchers.push(PostedMatcher { name: texts.get(name).into(), value: texts.get(value).into(), op });
        }
        let starts_at = self.starts_at.ok_or_else(|| required("startsAt"))?;
        let annotations = self.annotations.iter().map(|(name, value)| (texts.get(*name), texts.get(*value)));
        Ok(PostedSilence {
            id: texts.get(self.id).into(),
            matchers,
            starts_at,
            ends_at,
            created_by: texts.get(created_by).into(),
            comment: texts.get(comment).into(),
            annotations: LabelSet::new(annotations)
                .map_err(|error| FrameworkError::new(400, format!("annotations in body: {error}")))?,
        })
    }
}
