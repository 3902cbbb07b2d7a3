//! Making, changing and ending silences.

use super::engine::Engine;
use super::matcher::Matcher;
use super::silence::{Silence, SilenceDraft, SilenceId, SilenceRefused, SilenceState};
use crate::time::Timestamp;

impl Engine {
    /// Makes a silence, or changes the one the draft names: in place where that leaves its past as it was, and
    /// otherwise by ending it and making a new one.
    pub(super) fn put_silence(&mut self, now: Timestamp, draft: SilenceDraft) -> Result<SilenceId, SilenceRefused> {
        let old = match draft.id {
            Some(id) => Some(self.state.silences.get(&id).cloned().ok_or(SilenceRefused::NotFound)?),
            None => None,
        };
        let in_place = old.as_ref().filter(|old| can_change(old, &draft, now));
        let id = in_place.map_or(draft.fresh_id, |old| old.id);
        let starts_at =
            if in_place.is_some() && !draft.starts_at.is_zero() { draft.starts_at } else { draft.starts_at.max(now) };
        if draft.ends_at < starts_at {
            let sentence = "Failed to create silence: start time must be before end time";
            return Err(SilenceRefused::Invalid(sentence.into()));
        }
        let (count, limit) = (self.state.silences.len(), self.options.max_silences);
        if in_place.is_none() && limit > 0 && count >= limit {
            return Err(SilenceRefused::TooMany { count, limit });
        }
        let needs: usize = draft.matchers.iter().map(Matcher::memory).sum();
        let (freed, most) = (in_place.map_or(0, |old| old.memory()), self.options.max_silence_memory);
        if needs > freed && self.state.silences.memory() + needs - freed > most {
            let sentence = format!("the regular expressions of all silences may take {most} bytes, compiled");
            return Err(SilenceRefused::Invalid(sentence));
        }
        if let Some(old) = old.filter(|old| old.id != id) {
            self.end(now, &old);
        }
        let silence = Silence {
            id,
            matchers: draft.matchers,
            starts_at: starts_at.with_offset_minutes(0),
            ends_at: draft.ends_at.with_offset_minutes(0),
            updated_at: now,
            created_by: draft.created_by,
            comment: draft.comment,
            annotations: draft.annotations,
        };
        self.state.put_silence(silence, &mut self.log);
        Ok(id)
    }

    /// Ends a silence. One that has ended stays as it is.
    pub(super) fn expire_silence(&mut self, now: Timestamp, id: SilenceId) -> Result<SilenceId, SilenceRefused> {
        let silence = self.state.silences.get(&id).cloned().ok_or(SilenceRefused::NotFound)?;
        self.end(now, &silence);
        Ok(id)
    }

    fn end(&mut self, now: Timestamp, silence: &Silence) {
        let mut ended = silence.clone();
        match silence.state(now) {
            SilenceState::Expired => return,
            SilenceState::Active => ended.ends_at = now,
            SilenceState::Pending => (ended.starts_at, ended.ends_at) = (now, now),
        }
        ended.updated_at = now;
        self.state.put_silence(ended, &mut self.log);
    }
}

/// Whether the draft changes nothing that has already been in force.
fn can_change(old: &Silence, draft: &SilenceDraft, now: Timestamp) -> bool {
    old.matchers == draft.matchers
        && match old.state(now) {
            SilenceState::Active => old.starts_at.secs() == draft.starts_at.secs() && draft.ends_at >= now,
            SilenceState::Pending => draft.starts_at >= now,
            SilenceState::Expired => false,
        }
}
