//! Label sets: what an alert is, in one allocation.
//!
//! A [`LabelSet`] is a sorted list of name/value pairs packed into one string. Each pair is preceded by its two lengths
//! in base 128 (two digits for the name, three for the value), which keeps the whole valid UTF-8, comparable and
//! hashable as it stands, and ready to be stored. Annotations have the same form.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The longest name in bytes that the packed form carries.
pub const MAX_NAME: usize = (1 << 14) - 1;
/// The longest value in bytes that the packed form carries.
pub const MAX_VALUE: usize = (1 << 21) - 1;

const HEADER: usize = 5;

/// A name or a value was longer than the packed form carries ([`MAX_NAME`], [`MAX_VALUE`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a label name may have {MAX_NAME} bytes and a value {MAX_VALUE}")]
pub struct TooLong;

/// The identity of an alert: 64-bit FNV-1a over its sorted labels, as Prometheus computes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of pairs in ascending order of name: each name and value followed by the byte 0xFF.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut hash = 14_695_981_039_346_656_037_u64;
        let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
        for (name, value) in pairs {
            name.bytes().for_each(&mut add);
            add(0xFF);
            value.bytes().for_each(&mut add);
            add(0xFF);
        }
        Self(hash)
    }

    /// From 16 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Sorted name/value pairs with distinct names, packed into one shared string.
/// The derived order is that of the packed text, good for maps; [`LabelSet::order`] is the one to show.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSet(Arc<str>);

impl LabelSet {
    /// The set without labels.
    pub fn empty() -> Self {
        Self(Arc::from(""))
    }

    /// Packs the pairs; of a name that comes twice the last value counts.
    ///
    /// # Errors
    /// [`TooLong`] if a name or a value does not fit the packed form.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, TooLong> {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        sort_pairs(&mut pairs);
        let mut packed = String::new();
        pack(&pairs, &mut packed)?;
        Ok(Self(Arc::from(packed)))
    }

    /// Takes what [`pack`] wrote, or what [`LabelSet::packed`] gave, back into a set.
    ///
    /// Returns nothing where the text is not a packed set: cut short, unsorted, or with lengths that lead nowhere.
    pub fn from_packed(packed: &str) -> Option<Self> {
        let mut rest = packed;
        let mut last: Option<&str> = None;
        while !rest.is_empty() {
            let (name, _, next) = split_pair(rest)?;
            if last.is_some_and(|last| last >= name) {
                return None;
            }
            (last, rest) = (Some(name), next);
        }
        Some(Self(Arc::from(packed)))
    }

    /// Takes what [`pack`] wrote in this process back into a set; it is not looked at again.
    pub(super) fn from_pack(packed: &str) -> Self {
        debug_assert!(Self::from_packed(packed).is_some(), "{packed:?}");
        Self(Arc::from(packed))
    }

    /// The packed text: equal sets have equal texts.
    pub fn packed(&self) -> &str {
        &self.0
    }

    /// The pairs in ascending bytewise order of name.
    pub fn iter(&self) -> Pairs<'_> {
        Pairs(&self.0)
    }

    /// The value of a label, if the set has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let bytes = self.0.as_bytes();
        let mut at = 0;
        // Bytes are compared before anything is made a text: this is asked more often than anything else.
        loop {
            let (name_end, value_end) = ends(bytes.get(at..)?)?;
            let (from, name_end, value_end) = (at + HEADER, at + name_end, at + value_end);
            if name_end - from == name.len() && bytes.get(from..name_end)? == name.as_bytes() {
                return self.0.get(name_end..value_end);
            }
            at = value_end;
        }
    }

    /// The value of a label; the empty string where the set lacks it, which is what matchers take it for.
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// How many labels the set has.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether the set has no labels.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The set's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.iter())
    }

    /// The part of the set whose names `keep` accepts.
    pub fn filtered(&self, keep: impl FnMut(&str) -> bool) -> Self {
        Self(Arc::from(&*self.filtered_packed(keep)))
    }

    /// [`LabelSet::filtered`] in packed form, to look something up by it. Labels that stand side by side are not copied.
    pub fn filtered_packed(&self, mut keep: impl FnMut(&str) -> bool) -> Cow<'_, str> {
        let mut packed = Cow::Borrowed("");
        let (mut from, mut rest) = (0, &*self.0);
        loop {
            let next = split_pair(rest).map(|(name, _, next)| (keep(name), next));
            let here = self.0.len() - rest.len();
            // What is kept begins at `from` and ends where a label is not.
            if !matches!(next, Some((true, _))) && from < here {
                match &mut packed {
                    Cow::Borrowed("") => packed = Cow::Borrowed(&self.0[from..here]),
                    kept => kept.to_mut().push_str(&self.0[from..here]),
                }
            }
            let Some((kept, next)) = next else { return packed };
            rest = next;
            if !kept {
                from = self.0.len() - rest.len();
            }
        }
    }

    /// Alertmanager's order of groups and alerts: fewer labels first; then, over the names of both in order, a set
    /// that lacks the name before one that has it, and the smaller value before the greater.
    pub fn order(&self, other: &Self) -> Ordering {
        self.len().cmp(&other.len()).then_with(|| {
            let (mut left, mut right) = (self.iter(), other.iter());
            loop {
                match (left.next(), right.next()) {
                    (Some((a, x)), Some((b, y))) => match a.cmp(b) {
                        // The side whose name comes later lacks the earlier name.
                        Ordering::Less => return Ordering::Greater,
                        Ordering::Greater => return Ordering::Less,
                        Ordering::Equal if x != y => return x.cmp(y),
                        Ordering::Equal => {}
                    },
                    _ => return Ordering::Equal,
                }
            }
        })
    }
}

/// By the packed text, which the order of sets is that of.
impl Borrow<str> for LabelSet {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabelSet {
    /// `{a="b", c="d"}`, as it stands in group keys: names raw, values quoted as Go does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}={}", super::quote::Quoted(value))?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'a> IntoIterator for &'a LabelSet {
    type Item = (&'a str, &'a str);
    type IntoIter = Pairs<'a>;

    fn into_iter(self) -> Pairs<'a> {
        self.iter()
    }
}

/// The pairs of a packed set, in order.
#[derive(Clone)]
pub struct Pairs<'a>(&'a str);

impl<'a> Pairs<'a> {
    /// Over a text that [`pack`] wrote.
    pub fn of(packed: &'a str) -> Self {
        Self(packed)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = split_pair(self.0)?;
        self.0 = rest;
        Some((name, value))
    }
}

/// Sorts pairs by name and keeps the last of each name.
pub fn sort_pairs(pairs: &mut Vec<(&str, &str)>) {
    if pairs.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return;
    }
    pairs.reverse();
    pairs.sort_by_key(|pair| pair.0);
    pairs.dedup_by_key(|pair| pair.0);
}

/// Appends the packed form of pairs that [`sort_pairs`] has put in order.
///
/// # Errors
/// [`TooLong`], with nothing promised about what was appended.
pub fn pack<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)], out: &mut String) -> Result<(), TooLong> {
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        if name.len() > MAX_NAME || value.len() > MAX_VALUE {
            return Err(TooLong);
        }
        let digit = |number: usize, place: u32| char::from((number >> (7 * place) & 0x7F) as u8);
        out.push(digit(name.len(), 1));
        out.push(digit(name.len(), 0));
        out.push(digit(value.len(), 2));
        out.push(digit(value.len(), 1));
        out.push(digit(value.len(), 0));
        out.push_str(name);
        out.push_str(value);
    }
    Ok(())
}

/// Where the name and the value of the first pair end.
fn ends(packed: &[u8]) -> Option<(usize, usize)> {
    let &[n1, n0, v2, v1, v0] = packed.first_chunk::<HEADER>()?;
    let place = |byte: u8, place: u32| usize::from(byte) << (7 * place);
    let name_end = HEADER + place(n1, 1) + place(n0, 0);
    Some((name_end, name_end + place(v2, 2) + place(v1, 1) + place(v0, 0)))
}

fn split_pair(packed: &str) -> Option<(&str, &str, &str)> {
    let (name_end, value_end) = ends(packed.as_bytes())?;
    Some((packed.get(HEADER..name_end)?, packed.get(name_end..value_end)?, packed.get(value_end..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> LabelSet {
        LabelSet::new(pairs.iter().copied()).unwrap()
    }

    #[test]
    fn packs_sorted_and_the_last_of_a_name_counts() {
        let s = set(&[("b", "2"), ("a", "1"), ("b", "3")]);
        assert_eq!(s.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3")]);
        assert_eq!(s.to_string(), r#"{a="1", b="3"}"#);
        assert_eq!(LabelSet::from_packed(s.packed()), Some(s.clone()));
        assert_eq!(LabelSet::from_packed(&s.packed()[1..]), None);
        assert_eq!((s.get("b"), s.get("c"), s.value("c")), (Some("3"), None, ""));
        let long = "x".repeat(MAX_VALUE);
        assert_eq!(set(&[("v", &long)]).get("v"), Some(long.as_str()));
        assert_eq!(LabelSet::new([("v", format!("{long}x").as_str())]), Err(TooLong));
    }

    #[test]
    fn a_part_of_a_set_is_a_set() {
        let whole = set(&[("a", "1"), ("b", ""), ("c", "3"), ("d", "4")]);
        for kept in 0..16_u32 {
            let keep = |name: &str| kept >> (name.as_bytes()[0] - b'a') & 1 == 1;
            let part: Vec<_> = whole.iter().filter(|(name, _)| keep(name)).collect();
            assert_eq!(whole.filtered(keep), set(&part), "{kept:04b}");
            let beside = [0b0000, 0b0001, 0b0011, 0b0110, 0b1100, 0b1111].contains(&kept);
            assert!(matches!(whole.filtered_packed(keep), Cow::Borrowed(_)) || !beside, "{kept:04b} is copied");
        }
        assert_eq!(LabelSet::empty().filtered(|_| true), LabelSet::empty());
    }

    #[test]
    fn fingerprints_are_those_of_prometheus() {
        assert_eq!(LabelSet::empty().fingerprint().to_string(), "cbf29ce484222325");
        assert_eq!(set(&[("team", "x"), ("alertname", "A1")]).fingerprint().to_string(), "bcbc34e1b324fef1");
        assert_eq!(set(&[("alertname", "u"), ("héllo wörld", "x")]).fingerprint().to_string(), "4f53352ed8d705cc");
        assert_eq!(Fingerprint::parse("bcbc34e1b324fef1"), Some(Fingerprint(0xbcbc_34e1_b324_fef1)));
    }

    #[test]
    fn order_takes_fewer_labels_first_and_a_missing_name_before_a_present_one() {
        let sorted = [
            &[][..],
            &[("b", "1")],
            &[("a", "1")],
            &[("a", "2")],
            &[("b", "0"), ("c", "1")],
            &[("a", "1"), ("b", "1")],
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(set(a).order(&set(b)), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }
}
