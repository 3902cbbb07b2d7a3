//! What somebody wants to see: matchers as they are typed in Alertmanager's page, kept in the URL.

use crate::core::label::LabelSet;
use crate::core::matcher::pattern::Room;
use crate::core::matcher::{Matcher, Mode, list_string, parse_matchers};

/// The longest filter that is read.
const LONGEST: usize = 16 << 10;

/// Matchers that all must accept an alert; those of a filter that cannot be read accept none.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    matchers: Vec<Matcher>,
    /// What was typed, and what is wrong with it.
    wrong: Option<(String, String)>,
}

impl Filter {
    /// From the values of `filter`: each is one matcher or a list of them, with braces or without.
    pub fn read<'a>(mode: Mode, typed: impl Iterator<Item = &'a str>) -> Self {
        let (mut filter, mut room) = (Self::default(), Room::default());
        for text in typed.map(str::trim).filter(|text| !matches!(*text, "" | "{}")) {
            let read = if text.len() > LONGEST {
                Err(format!("a filter may have {LONGEST} bytes, this one has {}", text.len()))
            } else {
                let read = parse_matchers(mode, text).map_err(|error| error.to_string());
                read.and_then(|(read, _)| room.take_all(&read).map(|()| read).map_err(|error| error.to_string()))
            };
            match read {
                Ok(matchers) => filter.matchers.extend(matchers),
                Err(why) => drop(filter.wrong.get_or_insert_with(|| (text.chars().take(LONGEST).collect(), why))),
            }
        }
        filter
    }

    /// These matchers.
    pub fn of(matchers: Vec<Matcher>) -> Self {
        Self { matchers, wrong: None }
    }

    /// Whether the labels are wanted, as the API's `filter` decides it.
    pub fn wants(&self, labels: &LabelSet) -> bool {
        self.wrong.is_none() && self.matchers.iter().all(|matcher| matcher.filter_matches(labels.get(&matcher.name)))
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.matchers.is_empty() && self.wrong.is_none()
    }

    /// As it stands in the URL and in the field: what was typed where it cannot be read.
    pub fn text(&self) -> String {
        match &self.wrong {
            Some((typed, _)) => typed.clone(),
            None if self.matchers.is_empty() => String::new(),
            None => list_string(&self.matchers),
        }
    }

    /// What is wrong with it.
    pub fn problem(&self) -> Option<&str> {
        self.wrong.as_ref().map(|(_, why)| why.as_str())
    }

    /// The matchers.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// The filter with one more matcher, unless it has that.
    #[must_use]
    pub fn and(&self, matcher: Matcher) -> Self {
        let mut matchers = self.matchers.clone();
        if !matchers.contains(&matcher) {
            matchers.push(matcher);
        }
        Self::of(matchers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_alertmanagers_page_reads() {
        let labels = LabelSet::new([("alertname", "Disk, \"full\""), ("severity", "critical")]).unwrap();
        let rows: [(&[&str], Result<bool, &str>); 8] = [
            (&[], Ok(true)),
            (&["{}"], Ok(true)),
            (&[r#"severity="critical""#], Ok(true)),
            (&[r#"{severity=~"crit.*", team!="x"}"#], Ok(true)),
            (&[r#"severity="critical""#, r#"team="x""#], Ok(false)),
            (&[r#"alertname="Disk, \"full\"""#], Ok(true)),
            (&["severity"], Err("severity")),
            (&[r#"severity=~"(""#], Err(r#"severity=~"(""#)),
        ];
        for (typed, expected) in rows {
            let filter = Filter::read(Mode::Fallback, typed.iter().copied());
            match expected {
                Ok(wants) => {
                    assert_eq!(filter.wants(&labels), wants, "{typed:?}");
                    let text = filter.text();
                    let again = Filter::read(Mode::Fallback, std::iter::once(text.as_str()));
                    assert_eq!((again.matchers(), again.problem()), (filter.matchers(), None), "{typed:?}");
                }
                Err(text) => assert!(!filter.wants(&labels) && filter.problem().is_some() && filter.text() == text),
            }
        }
    }
}
