//! The forms in which the configuration writes matchers: lists of texts, and the older `match` and `match_re` mappings.

use super::error::refusal;
use super::fields::{Fields, text_of};
use super::load::Scope;
use super::node::Node;
use super::print::{Map, Printed};
use crate::core::label_name;
use crate::core::matcher::{Matcher, Mode, Op, parse_matchers};
use crate::core::quote::Quoted;

/// An entry of `match` or `match_re`.
pub(super) struct Named {
    /// The label.
    pub(super) name: String,
    /// As written.
    value: String,
    /// What it means.
    pub(super) matcher: Matcher,
}

/// Which names of labels a mode allows, for messages.
pub(super) fn allowed_names(mode: Mode) -> &'static str {
    match mode {
        Mode::Classic => "letters, digits and underscores, not beginning with a digit",
        Mode::Fallback | Mode::Utf8Strict => "any name but the empty one",
    }
}

/// Reads a list of matchers; sorted, as Alertmanager shows them.
pub(super) fn matchers(fields: &mut Fields<'_, '_>, key: &'static str, scope: &Scope<'_>) -> Vec<Matcher> {
    let path = fields.at(key);
    let mut matchers = Vec::new();
    for (text, node) in fields.strings(key).unwrap_or_default() {
        match parse_matchers(scope.mode, &text) {
            Ok((parsed, warnings)) => {
                matchers.extend(parsed);
                warnings.into_iter().for_each(|warning| scope.warn(node, &path, &warning));
            }
            Err(error) => {
                let error = refusal(node, &path, error.to_string());
                scope.errors.add(error.allowed(r#"a matcher such as severity="critical" or team=~"a|b""#));
            }
        }
    }
    matchers.sort();
    matchers
}

/// Reads `match`: a label and the value that it has to have. The names are for the caller to check.
pub(super) fn equal(fields: &mut Fields<'_, '_>, key: &'static str) -> Vec<Named> {
    let mut entries = fields.string_map(key).unwrap_or_default();
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    let named = |(name, value, _): (String, String, &Node)| {
        // Without a pattern there is nothing that could fail to compile.
        let matcher = Matcher::new(name.as_str(), Op::Equal, value.as_str()).ok()?;
        Some(Named { name, value, matcher })
    };
    entries.into_iter().filter_map(named).collect()
}

/// Reads `match_re`: a label and the pattern that its value has to match. The pattern counts with its anchors, which is
/// how it shows in the keys of groups.
pub(super) fn regex(fields: &mut Fields<'_, '_>, key: &'static str) -> Vec<Named> {
    let (errors, path) = (fields.errors, fields.at(key));
    let mut entries = fields.map(key, "map[string]string").unwrap_or_default();
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    let named = |(name, node): (String, &Node)| {
        let at = path.key(&name);
        if !label_name::is_valid_classic(&name) {
            let error = refusal(node, &path, format!("invalid label name {}", Quoted(&name)));
            errors.add(error.found(format!("{}", Quoted(&name))).allowed(allowed_names(Mode::Classic)));
            return None;
        }
        if node.is_null() {
            let error = refusal(node, &at, format!("invalid regexp value for {}", Quoted(&name)));
            errors.add(error.allowed("a regular expression"));
            return None;
        }
        let value = text_of(node, &at, errors)?.to_owned();
        let compiled = Matcher::new(name.as_str(), Op::Regex, value.as_str())
            .and_then(|_| Matcher::new(name.as_str(), Op::Regex, format!("^(?:{value})$")));
        match compiled {
            Ok(matcher) => Some(Named { name, value, matcher }),
            Err(error) => {
                errors.add(refusal(node, &at, error.to_string()).allowed("a regular expression"));
                None
            }
        }
    };
    entries.into_iter().filter_map(named).collect()
}

/// Prints `match` or `match_re`.
pub(super) fn print(map: &mut Map, key: &str, entries: &[Named]) {
    if !entries.is_empty() {
        let entry = |named: &Named| {
            let value = match named.value.is_empty() && named.matcher.op == Op::Regex {
                true => Printed::Null,
                false => Printed::text(named.value.as_str()),
            };
            (named.name.clone(), value)
        };
        map.put(key, Printed::Map(entries.iter().map(entry).collect()));
    }
}

/// Complains about names in a `match` that are no names of labels.
pub(super) fn check_names(entries: &[Named], key: &str, fields: &Fields<'_, '_>) {
    for Named { name, .. } in entries.iter().filter(|named| !label_name::is_valid_classic(&named.name)) {
        fields.refuse_field(key, format!("invalid label name {}", Quoted(name)), allowed_names(Mode::Classic));
    }
}
