//! Takes records of older formats to the present one. `migrations/` describes each format and why it came.
//!
//! A step turns the bytes of one entry of format n into those of format n + 1. Entries are taken through the steps when
//! they are read, and are not rewritten: a kill in the middle of a migration leaves nothing half done. What is done at
//! once at open is to raise the store's mark, so that an older program refuses the store from then on. A checkpoint,
//! which the first start after a migration makes, has the present format; older entries go with the retention.

use std::borrow::Cow;

use super::record::{self, Malformed};

/// One change of the form of records.
#[derive(Debug)]
pub(crate) struct Step {
    /// The format it starts from; it leads to the next.
    pub(crate) from: u8,
    /// Rewrites one entry.
    pub(crate) rewrite: fn(&[u8]) -> Result<Vec<u8>, Malformed>,
}

/// All steps there have been, in order.
pub(crate) const STEPS: &[Step] = &[];

/// The entry in the present format.
///
/// # Errors
/// [`Malformed`] where a step cannot read the entry. An entry for which there is no step is left as it is: reading it
/// will say what is wrong.
pub(crate) fn to_present<'a>(entry: &'a [u8], steps: &[Step]) -> Result<Cow<'a, [u8]>, Malformed> {
    let mut entry = Cow::Borrowed(entry);
    while let Some(&format) = entry.first()
        && format < record::FORMAT
        && let Some(step) = steps.iter().find(|step| step.from == format)
    {
        let rewritten = (step.rewrite)(&entry)?;
        if rewritten.first() != format.checked_add(1).as_ref() {
            return Err(Malformed { at: 0, what: "a migration that led to another format than it should" });
        }
        entry = Cow::Owned(rewritten);
    }
    Ok(entry)
}
