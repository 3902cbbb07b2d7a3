//! Pieces that several pages show: labels, assets, pages of a list.

use serde::Serialize;

use super::Sight;
use super::words::short;
use crate::core::label::LabelSet;

/// A name and a value.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The name.
    pub name: String,
    /// The value, maybe cut.
    pub value: String,
    /// Where this leads, or empty.
    pub href: String,
}

/// The labels, `alertname` first, with a link for each value that is short enough to be one.
pub fn pairs<'a>(
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    href: impl Fn(&str, &str) -> String,
) -> Vec<Pair> {
    let mut pairs: Vec<_> = labels
        .into_iter()
        .map(|(name, value)| {
            let (shown, cut) = (short(name), short(value));
            let href =
                if cut.len() == value.len() && shown.len() == name.len() { href(name, value) } else { "".into() };
            Pair { name: shown, value: cut, href }
        })
        .collect();
    pairs.sort_by(|a, b| (a.name != "alertname", &a.name).cmp(&(b.name != "alertname", &b.name)));
    pairs
}

/// The asset that alerts are about.
#[derive(Clone, Debug, Serialize)]
pub struct AssetLine {
    /// Its code.
    pub code: String,
    /// What it is called and where it stands, as far as known.
    pub about: String,
}

/// The asset of these labels.
pub fn asset(sight: &Sight<'_>, labels: &LabelSet) -> Option<AssetLine> {
    let code = labels.get("asset_code").filter(|code| !code.is_empty())?;
    let known = sight.assets.get(code);
    let about = known.map(|asset| {
        let place = [asset.location_line.as_str(), asset.location_station.as_str()];
        let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
        let parts = [asset.name.clone(), place.join("/")];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    });
    Some(AssetLine { code: short(code), about: about.unwrap_or_default() })
}

/// A page of a list, and the way to the others.
#[derive(Clone, Debug, Serialize)]
pub struct Pager {
    /// This page, from 1.
    pub page: usize,
    /// How many there are.
    pub pages: usize,
    /// The one before, or empty.
    pub previous: String,
    /// The one after, or empty.
    pub next: String,
}

/// Cuts a list to one page; `wanted` counts from 1, and beyond the end means the last.
pub fn paged<T>(items: Vec<T>, size: usize, wanted: usize, href: impl Fn(usize) -> String) -> (Vec<T>, Pager) {
    let pages = items.len().div_ceil(size).max(1);
    let page = wanted.clamp(1, pages);
    let shown = items.into_iter().skip((page - 1) * size).take(size).collect();
    let previous = if page > 1 { href(page - 1) } else { String::new() };
    let next = if page < pages { href(page + 1) } else { String::new() };
    (shown, Pager { page, pages, previous, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_beyond_the_end_is_the_last() {
        let rows = [(0, "1/3", vec![0, 1]), (2, "2/3", vec![2, 3]), (99, "3/3", vec![4])];
        for (wanted, place, items) in rows {
            let (shown, pager) = paged((0..5).collect(), 2, wanted, |page| format!("?page={page}"));
            assert_eq!((shown, format!("{}/{}", pager.page, pager.pages)), (items, place.to_owned()));
        }
        let (shown, pager) = paged(Vec::<u8>::new(), 2, 1, |_| "x".into());
        assert!(shown.is_empty() && pager.pages == 1 && pager.next.is_empty() && pager.previous.is_empty());
    }

    #[test]
    fn long_values_are_cut_and_lead_nowhere() {
        let long = "x".repeat(10_000);
        let shown = pairs([("a", long.as_str()), ("b", "1"), ("alertname", "A")], |name, _| name.to_owned());
        let order: Vec<_> = shown.iter().map(|pair| (pair.name.as_str(), pair.href.as_str())).collect();
        assert_eq!(order, [("alertname", "alertname"), ("a", ""), ("b", "b")]);
        assert!(shown[1].value.len() < 300);
    }
}
