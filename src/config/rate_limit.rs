//! `rate_limit` of a receiver: how often each of its integrations is told at most.

use std::num::NonZeroU32;

use super::fields::Fields;
use super::print::{Map, Printed};
use super::settings::{Per, RateLimit};

/// No limit is higher: beyond it there is nothing to limit.
const HIGHEST: u32 = 1_000_000;

/// Reads the section of a receiver.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<RateLimit> {
    let mut section = fields.section("rate_limit", "andon.RateLimit")?;
    let second = count(&mut section, "per_second");
    let minute = count(&mut section, "per_minute");
    let burst = count(&mut section, "burst");
    let limit = match (second, minute) {
        (Some(tokens), None) => Some((tokens, Per::Second)),
        (None, Some(tokens)) => Some((tokens, Per::Minute)),
        (Some(_), Some(_)) => {
            section.refuse_field(
                "per_minute",
                "at most one of per_second & per_minute must be configured",
                "one of them",
            );
            None
        }
        // What stands there and could not be read has been complained about.
        (None, None) if section.has("per_second") || section.has("per_minute") => None,
        (None, None) => {
            section.refuse("rate_limit needs per_second or per_minute");
            None
        }
    };
    section.finish();
    limit.map(|(tokens, per)| RateLimit { tokens, per, burst: burst.unwrap_or(tokens) })
}

fn count(section: &mut Fields<'_, '_>, key: &'static str) -> Option<NonZeroU32> {
    let count = section.integer(key, "uint32", 1..=i128::from(HIGHEST))?;
    u32::try_from(count).ok().and_then(NonZeroU32::new)
}

/// As the whole configuration shows it.
pub(super) fn printed(limit: &RateLimit) -> Printed {
    let mut map = Map::new();
    let key = match limit.per {
        Per::Second => "per_second",
        Per::Minute => "per_minute",
    };
    map.put(key, Printed::number(limit.tokens.get()));
    map.put("burst", Printed::number(limit.burst.get()));
    map.done()
}
