//! How numbers, texts, times and lists are written and read back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::core::label::{Fingerprint, LabelSet};
use crate::time::Timestamp;

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record cannot be read at byte {at}: {what}")]
pub struct Malformed {
    /// Where, counted from the start of the record.
    pub at: usize,
    /// What was found.
    pub what: &'static str,
}

/// Something that has a stored form.
pub(super) trait Stored: Sized {
    /// Appends the stored form.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads it back.
    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// Reads stored forms one after the other.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    whole: usize,
}

impl<'a> Reader<'a> {
    /// From the start of a record.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, whole: bytes.len() }
    }

    /// Whether all was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// An error at the present place.
    pub(crate) fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { at: self.whole - self.rest.len(), what }
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next bytes, of a fixed number.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.rest.split_first_chunk().ok_or_else(|| self.malformed("cut short"))?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let digit = u64::from(byte & 0x7F);
            if digit << shift >> shift != digit {
                break;
            }
            number |= digit << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.malformed("a number that is too great"))
    }

    /// The length of what follows, which has at least one byte for each unit of it.
    fn length(&mut self) -> Result<usize, Malformed> {
        let length = self.number()?;
        match usize::try_from(length) {
            Ok(length) if length <= self.rest.len() => Ok(length),
            _ => Err(self.malformed("a length beyond the end")),
        }
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.length()?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.malformed("cut short"))?;
        let text = std::str::from_utf8(text).map_err(|_| self.malformed("a text that is not UTF-8"))?;
        self.rest = rest;
        Ok(text)
    }
}

/// Appends a number: seven bits a byte, the lowest first.
pub(in crate::store) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

impl Stored for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        put_number(*self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.number()
    }
}

impl Stored for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        put_number(u64::from(*self), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        u32::try_from(from.number()?).map_err(|_| from.malformed("a number that is too great"))
    }
}

impl Stored for f64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bits().to_be_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let number = from.array().map(u64::from_be_bytes).map(Self::from_bits)?;
        if number.is_finite() { Ok(number) } else { Err(from.malformed("not a number")) }
    }
}

impl Stored for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(from.malformed("neither yes nor no")),
        }
    }
}

impl Stored for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.text().map(Self::from)
    }
}

impl Stored for Arc<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.text().map(Self::from)
    }
}

impl Stored for LabelSet {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self.packed(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let packed = from.text()?;
        Self::from_packed(packed).ok_or_else(|| from.malformed("a text that is no label set"))
    }
}

impl Stored for Fingerprint {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.array().map(u64::from_le_bytes).map(Self)
    }
}

/// A number with the seconds (sign in its lowest bit) above two bits that say whether nanoseconds and an offset follow.
impl Stored for Timestamp {
    fn put(&self, out: &mut Vec<u8>) {
        let (nanos, offset) = (self.subsec_nanos(), self.offset_minutes());
        let seconds = zigzag(self.secs());
        put_number(seconds << 2 | u64::from(offset != 0) << 1 | u64::from(nanos != 0), out);
        if nanos != 0 {
            out.extend_from_slice(&nanos.to_le_bytes());
        }
        if offset != 0 {
            out.extend_from_slice(&offset.to_le_bytes());
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let head = from.number()?;
        let nanos = if head & 1 == 0 { 0 } else { u32::from_le_bytes(from.array()?) };
        let offset = if head & 2 == 0 { 0 } else { i16::from_le_bytes(from.array()?) };
        let seconds = unzigzag(head >> 2);
        let at = Self::new(seconds, nanos);
        if (at.secs(), at.subsec_nanos()) != (seconds, nanos) {
            return Err(from.malformed("a time outside of the years 1 to 9999"));
        }
        Ok(at.with_offset_minutes(offset))
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

impl<T: Stored> Stored for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::take(from).map(Self::new)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(inner) = self {
            inner.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        if bool::take(from)? { T::take(from).map(Some) } else { Ok(None) }
    }
}

/// A list without its length: how many there are stands before it. What is read grows as it is read, since a length
/// is only known to be at most the number of bytes that are left.
fn put_all<'a, T: Stored + 'a>(all: impl ExactSizeIterator<Item = &'a T>, out: &mut Vec<u8>) {
    put_number(all.len() as u64, out);
    all.for_each(|one| one.put(out));
}

fn take_all<T: Stored, C: FromIterator<T>>(from: &mut Reader<'_>) -> Result<C, Malformed> {
    let length = from.length()?;
    (0..length).map(|_| T::take(from)).collect()
}

impl<T: Stored> Stored for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_all(self.iter(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_all(from)
    }
}

impl<T: Stored> Stored for Arc<[T]> {
    fn put(&self, out: &mut Vec<u8>) {
        put_all(self.iter(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Vec::take(from).map(Self::from)
    }
}

impl<T: Stored + Ord> Stored for BTreeSet<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_all(self.iter(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_all(from)
    }
}

impl<K: Stored + Ord, V: Stored> Stored for BTreeMap<K, V> {
    fn put(&self, out: &mut Vec<u8>) {
        put_number(self.len() as u64, out);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_all::<(K, V), Self>(from)
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok((A::take(from)?, B::take(from)?))
    }
}
