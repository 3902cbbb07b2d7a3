//! What a client wants to see: matchers on labels, and on receivers.

use axum::response::Response;
use http::StatusCode;

use crate::core::alert_set::Kept;
use crate::core::label::LabelSet;
use crate::core::matcher::pattern::Room;
use crate::core::matcher::{Matcher, MatcherError, Mode, Op, parse_matcher};
use crate::core::pair_bits::PairBits;
use crate::core::policy::{Policy, Receiver, ReceiverIdx};
use crate::driver::aside;
use crate::http::query::Query;
use crate::http::reply::json_error;

/// A parameter of the query cannot be read; the sentence is the parser's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadQuery(String);

impl BadQuery {
    /// 400 with the sentence.
    pub fn reply(&self) -> Response {
        json_error(StatusCode::BAD_REQUEST, &self.0)
    }
}

/// The values of `filter`: all must match.
pub struct LabelFilter {
    matchers: Vec<Matcher>,
    /// Of the pairs that an alert must have.
    pairs: PairBits,
}

impl LabelFilter {
    /// From the query.
    ///
    /// # Errors
    /// The parser's sentence.
    pub fn of(query: &Query, mode: Mode) -> Result<Self, BadQuery> {
        let matchers = matchers(query, "filter", mode).map_err(|error| BadQuery(error.to_string()))?;
        // An empty value is met by an alert without the label.
        let must_have = matchers.iter().filter(|matcher| matcher.op == Op::Equal && !matcher.value.is_empty());
        let pairs = must_have.fold(PairBits::default(), |bits, matcher| bits.with(&matcher.name, &matcher.value));
        Ok(Self { matchers, pairs })
    }

    /// Whether an alert may be wanted; most that are not are found out by a look at one word.
    pub fn may_want(&self, kept: &Kept) -> bool {
        kept.may_have(self.pairs)
    }

    /// Whether the labels are wanted.
    pub fn wants(&self, labels: &LabelSet) -> bool {
        self.matchers.iter().all(|matcher| matcher.filter_matches(labels.get(&matcher.name)))
    }

    /// The matchers, for those who compare them as they stand.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }
}

/// `receiver` and `receiver_matchers`, asked of every receiver once.
pub struct ReceiverFilter {
    /// For each receiver: whether its name is wanted, and whether its labels are.
    wanted: Vec<(bool, bool)>,
}

impl ReceiverFilter {
    /// From the query, for the receivers of this policy.
    ///
    /// # Errors
    /// The parser's sentence.
    pub fn of(query: &Query, mode: Mode, policy: &Policy) -> Result<Self, BadQuery> {
        let name = query.last("receiver").map(|pattern| Matcher::new("", Op::Regex, pattern)).transpose();
        let name = name.map_err(|error| BadQuery(format!("failed to parse receiver param: {error}")))?;
        let labels = receiver_matchers(query, mode)?;
        let wanted = policy.receivers.iter().map(|receiver| {
            let name_wanted = name.as_ref().is_none_or(|name| name.matches(&receiver.name));
            (name_wanted, labels_match(&labels, receiver))
        });
        Ok(Self { wanted: wanted.collect() })
    }

    /// Whether one of the receivers has a wanted name, and one, maybe another, wanted labels.
    pub fn wants_any(&self, receivers: impl Iterator<Item = ReceiverIdx> + Clone) -> bool {
        receivers.clone().any(|receiver| self.get(receiver).0)
            && receivers.into_iter().any(|receiver| self.get(receiver).1)
    }

    fn get(&self, receiver: ReceiverIdx) -> (bool, bool) {
        self.wanted.get(receiver.0 as usize).copied().unwrap_or_default()
    }
}

/// The values of `receiver_matchers`.
///
/// # Errors
/// The parser's sentence.
pub fn receiver_matchers(query: &Query, mode: Mode) -> Result<Vec<Matcher>, BadQuery> {
    matchers(query, "receiver_matchers", mode)
        .map_err(|error| BadQuery(format!("failed to parse receiver_matchers param: {error}")))
}

/// The values of a parameter. A regular expression may take a while to compile, and all of them have one room.
fn matchers(query: &Query, name: &str, mode: Mode) -> Result<Vec<Matcher>, MatcherError> {
    let parse = || {
        let mut room = Room::default();
        let mut within =
            |matcher: Matcher| room.take(matcher.memory()).map(|()| matcher).map_err(MatcherError::Pattern);
        query.all(name).map(|input| parse_matcher(mode, input)).map(|parsed| parsed.and_then(&mut within)).collect()
    };
    let long = query.all(name).any(|input| input.contains('~'));
    if long { aside(parse) } else { parse() }
}

/// Whether all matchers accept the receiver's labels.
pub fn labels_match(matchers: &[Matcher], receiver: &Receiver) -> bool {
    let label = |name: &str| receiver.labels.get(name).map(String::as_str);
    matchers.iter().all(|matcher| matcher.filter_matches(label(&matcher.name)))
}
