//! Finds, among many lists of matchers, the few that a label set may meet.
//!
//! Of each list one matcher is its anchor: one that is met only by a label that is there and is a certain text, or begins
//! with, ends with or holds one. A label set is looked up by its labels; what is found is looked at as a whole by whoever asked. A
//! list without such a matcher is always found.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::pattern::Literals;
use super::{Matcher, Op};
use crate::core::label::LabelSet;

/// How much of a text is looked for within others: each further length is one more look at each place.
const LONGEST_INSIDE: usize = 8;

/// Lists of matchers, by a number that whoever adds them gives.
#[derive(Clone, Debug, Default)]
pub struct MatcherIndex {
    by_label: BTreeMap<Arc<str>, Anchors>,
    /// Those without an anchor, ascending.
    unanchored: Vec<u32>,
}

/// The anchors on one label.
#[derive(Clone, Debug, Default)]
struct Anchors {
    whole: Texts,
    start: Texts,
    end: Texts,
    inside: Texts,
}

/// Texts and the lists they lead to. Looked up, never iterated.
#[derive(Clone, Debug, Default)]
struct Texts {
    lists: HashMap<Box<[u8]>, Vec<u32>>,
    lengths: BTreeSet<usize>,
}

impl MatcherIndex {
    /// An index over the lists, which are numbered from 0.
    pub fn new<'a>(lists: impl IntoIterator<Item = &'a [Matcher]>) -> Self {
        let mut index = Self::default();
        for (number, matchers) in (0..).zip(lists) {
            index.add(number, matchers);
        }
        index
    }

    fn add(&mut self, number: u32, matchers: &[Matcher]) {
        let anchors = matchers.iter().filter_map(|matcher| Some((matcher, anchor(matcher)?)));
        // Whole texts tell most; the fewer there are the better.
        let best = anchors.min_by_key(|(_, anchor)| match anchor {
            Literals::Whole(texts) => (0, texts.len()),
            Literals::Start(texts) | Literals::End(texts) => (1, texts.len()),
            Literals::Inside(texts) => (2, texts.len()),
        });
        let Some((matcher, anchor)) = best else {
            self.unanchored.push(number);
            return;
        };
        let anchors = self.by_label.entry(Arc::clone(&matcher.name)).or_default();
        let (texts, of) = match anchor {
            Literals::Whole(texts) => (texts, &mut anchors.whole),
            Literals::Start(texts) => (texts, &mut anchors.start),
            Literals::End(texts) => (texts, &mut anchors.end),
            // The end of a text tells more than its beginning: numbers stand there.
            Literals::Inside(texts) => {
                let ends =
                    texts.iter().map(|text| text.get(text.len().saturating_sub(LONGEST_INSIDE)..).unwrap_or(text));
                (ends.collect(), &mut anchors.inside)
            }
        };
        for text in texts {
            of.lengths.insert(text.len());
            of.lists.entry(text.into()).or_default().push(number);
        }
    }

    /// The lists that the labels may meet, ascending: all that they do meet, and perhaps others.
    pub fn candidates(&self, labels: &LabelSet) -> Vec<u32> {
        let mut found = self.unanchored.clone();
        let unanchored = found.len();
        if !self.by_label.is_empty() {
            for (name, value) in labels {
                let Some(anchors) = self.by_label.get(name) else { continue };
                let value = value.as_bytes();
                anchors.whole.find(Some(value), &mut found);
                for length in anchors.start.lengths.range(..=value.len()) {
                    anchors.start.find(value.get(..*length), &mut found);
                }
                for length in anchors.end.lengths.range(..=value.len()) {
                    anchors.end.find(value.get(value.len() - length..), &mut found);
                }
                for length in &anchors.inside.lengths {
                    value.windows(*length).for_each(|text| anchors.inside.find(Some(text), &mut found));
                }
            }
        }
        if found.len() > unanchored {
            found.sort_unstable();
            found.dedup();
        }
        found
    }
}

impl Texts {
    fn find(&self, text: Option<&[u8]>, found: &mut Vec<u32>) {
        let lists = text.and_then(|text| self.lists.get(text));
        found.extend(lists.into_iter().flatten());
    }
}

/// What the matcher's label must be for it to be met; nothing where that cannot be said, or where the label may be
/// absent, and so would not be found.
fn anchor(matcher: &Matcher) -> Option<Literals<'_>> {
    let literals = match (matcher.op, &matcher.pattern) {
        (Op::Equal, _) => Literals::Whole(vec![matcher.value.as_bytes()]),
        (Op::Regex, Some(pattern)) => pattern.literals()?,
        (Op::Regex | Op::NotEqual | Op::NotRegex, _) => return None,
    };
    let (Literals::Whole(texts) | Literals::Start(texts) | Literals::End(texts) | Literals::Inside(texts)) = &literals;
    (!texts.is_empty() && texts.iter().all(|text| !text.is_empty())).then_some(literals)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::matcher::{Mode, parse_matchers};
    use crate::core::route::all_match;

    const LISTS: [&str; 22] = [
        r#"a="x""#,
        r#"a="""#,
        r#"a="x", b=~"y|z""#,
        r#"a!="x""#,
        r#"b=~"y.*""#,
        r#"b=~".*y""#,
        r#"b=~".*y.*""#,
        r#"b=~"|y""#,
        r#"b!~"y""#,
        r#"b=~"(y|z)x.*", a=~"x+""#,
        r#"a=~"(?i)x.*y""#,
        r#"a=~"x)|(y""#,
        r#"a=~"[^x]""#,
        r#"a=~"\\bx.*""#,
        r#"a=~"é.+""#,
        r#"a=~"[é-ü].*", b=~"x*""#,
        r#"a=~".*xyz.*""#,
        r#"a=~".*(xyz|zyx)+.*""#,
        r#"a=~"x?.*(xyz|z).*""#,
        r#"a=~".*(xyz)*.*""#,
        r#"a=~".*é[xy]zzz.*""#,
        r#"a=~"(?i).*xyz.*""#,
    ];

    proptest! {
        #[test]
        fn finds_all_that_match(a in "[xyzXé]{0,6}|.{0,3}(xyz|zyx|éxzzz|éyzzz|XYZ|z).{0,3}", b in "[xyz]{0,4}") {
            let lists = LISTS.map(|list| parse_matchers(Mode::Fallback, list).unwrap().0);
            let index = MatcherIndex::new(lists.iter().map(Vec::as_slice));
            let pairs = [("a", a.as_str()), ("b", b.as_str())];
            let labels = LabelSet::new(pairs.into_iter().filter(|(_, value)| !value.is_empty())).unwrap();
            let found = index.candidates(&labels);
            prop_assert!(found.is_sorted());
            for (number, list) in (0..).zip(&lists) {
                prop_assert!(!all_match(list, &labels) || found.contains(&number), "{}", LISTS[number as usize]);
            }
        }
    }

    #[test]
    fn leaves_out_what_cannot_match() {
        let lists = [
            "a=~\"web-.*\"",
            "a=~\".*-prod\"",
            "a=\"x\", b!=\"y\"",
            "a=~\"u|v\"",
            "b!=\"y\"",
            "a=~\".*[0-9]-line-(south-)?west.*\"",
        ];
        let lists = lists.map(|list| parse_matchers(Mode::Fallback, list).unwrap().0);
        let index = MatcherIndex::new(lists.iter().map(Vec::as_slice));
        let rows: [(&str, &[u32]); 7] = [
            ("1-line-west-", &[4, 5]),
            ("1-line", &[4]),
            ("web-1", &[0, 4]),
            ("web-prod", &[0, 1, 4]),
            ("x", &[2, 4]),
            ("v", &[3, 4]),
            ("w", &[4]),
        ];
        for (value, expected) in rows {
            assert_eq!(index.candidates(&LabelSet::new([("a", value)]).unwrap()), expected, "{value}");
        }
    }
}
