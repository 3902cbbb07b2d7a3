//! The stored forms of notes: a code, which is never reused, and then what is noted.

use serde_json::Value;

use super::json::{Json, NotThat, one, only};
use super::wire::{Malformed, Reader, Stored};
use crate::core::note::Note;

impl Stored for Note {
    fn put(&self, out: &mut Vec<u8>) {
        fn put(code: u8, what: &impl Stored, out: &mut Vec<u8>) {
            out.push(code);
            what.put(out);
        }
        match self {
            Self::Changed(fingerprint) => put(0, fingerprint, out),
            Self::RanOut(alerts) => put(1, alerts, out),
            Self::Enqueued(id) => put(2, id, out),
            Self::Superseded(of, by) => {
                put(3, of, out);
                by.put(out);
            }
            Self::Attempted(attempt) => put(4, attempt, out),
            Self::RateLimited(of) => put(5, of, out),
            Self::Flushed(flushed) => put(6, flushed, out),
            Self::ConfigChanged(difference) => put(7, difference, out),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            0 => Self::Changed(Stored::take(from)?),
            1 => Self::RanOut(Stored::take(from)?),
            2 => Self::Enqueued(Stored::take(from)?),
            3 => Self::Superseded(Stored::take(from)?, Stored::take(from)?),
            4 => Self::Attempted(Stored::take(from)?),
            5 => Self::RateLimited(Stored::take(from)?),
            6 => Self::Flushed(Stored::take(from)?),
            7 => Self::ConfigChanged(Stored::take(from)?),
            _ => return Err(from.malformed("not a Note")),
        })
    }
}

impl Json for Note {
    fn show(&self) -> Value {
        match self {
            Self::Changed(fingerprint) => one("changed", fingerprint.show()),
            Self::RanOut(alerts) => one("ran_out", alerts.show()),
            Self::Enqueued(id) => one("enqueued", id.show()),
            Self::Superseded(of, by) => one("superseded", vec![of.show(), by.show()].into()),
            Self::Attempted(attempt) => one("attempted", attempt.show()),
            Self::RateLimited(of) => one("rate_limited", of.show()),
            Self::Flushed(flushed) => one("flushed", flushed.show()),
            Self::ConfigChanged(difference) => one("config_changed", difference.show()),
        }
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        let (kind, value) = only(value)?;
        Ok(match kind {
            "changed" => Self::Changed(Json::read(value)?),
            "ran_out" => Self::RanOut(Json::read(value)?),
            "enqueued" => Self::Enqueued(Json::read(value)?),
            "superseded" => {
                let (of, by) = Json::read(value)?;
                Self::Superseded(of, by)
            }
            "attempted" => Self::Attempted(Json::read(value)?),
            "rate_limited" => Self::RateLimited(Json::read(value)?),
            "flushed" => Self::Flushed(Json::read(value)?),
            "config_changed" => Self::ConfigChanged(Json::read(value)?),
            _ => return Err(NotThat::new("a kind of note").within(kind)),
        })
    }
}
