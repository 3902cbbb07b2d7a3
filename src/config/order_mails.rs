//! `work_order_mails`: who gets mails about work orders, which at once, and when a digest is sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::{FieldPath, on_the_whole};
use super::fields::Fields;
use super::load::Scope;
use super::print::{Map, Printed};
use crate::core::interval::Location;
use crate::core::order_mail::{DailyAt, OrderMails};
use crate::core::work_order::Priority;

/// Priorities that are mailed at once unless others are named.
const AT_ONCE: [Priority; 2] = [Priority::Emergency, Priority::High];

/// Reads `time_zone` of the file or of a section; nothing if it is absent or names none.
pub(super) fn time_zone(fields: &mut Fields<'_, '_>) -> Option<Location> {
    let name = fields.string("time_zone")?;
    let location = name.parse::<Location>();
    if let Err(error) = &location {
        fields.refuse_field("time_zone", error.to_string(), "the name of a time zone, such as Europe/Berlin, or UTC");
    }
    location.ok()
}

/// The zone that texts for people state times in.
pub(super) fn zone_of_texts(named: Option<&Location>, mails: Option<&OrderMails>) -> Arc<str> {
    let of_digest = mails.and_then(|mails| Some(&mails.digest.as_ref()?.location));
    named.or(of_digest).map_or_else(|| Arc::from("UTC"), |zone| Arc::from(zone.to_string()))
}

/// Reads the section; nothing if it is absent.
pub(super) fn read(fields: &mut Fields<'_, '_>, file: Option<&Location>) -> Option<OrderMails> {
    let mut section = fields.section("work_order_mails", "andon.WorkOrderMails")?;
    let receiver = section.text("receiver");
    if receiver.is_empty() {
        section.refuse_field(
            "receiver",
            "missing receiver in work_order_mails",
            "the name of a receiver with email_configs",
        );
    }
    let named = |name: String| (!name.is_empty()).then(|| Arc::from(name));
    let mails = OrderMails {
        receiver: Arc::from(receiver),
        assignee: named(section.text("assignee")),
        manager: named(section.text("manager")),
        at_once: at_once(&mut section),
        digest: digest(&mut section, file),
    };
    section.finish();
    Some(mails)
}

fn at_once(section: &mut Fields<'_, '_>) -> BTreeSet<Priority> {
    let Some(words) = section.strings("at_once") else { return AT_ONCE.into() };
    let mut priorities = BTreeSet::new();
    for (word, _) in words {
        match Priority::parse(&word) {
            Some(priority) => drop(priorities.insert(priority)),
            None => {
                let all: Vec<&str> = Priority::ALL.iter().map(|priority| priority.as_str()).collect();
                section.refuse_field("at_once", format!("unknown work order priority {word:?}"), &all.join(", "));
            }
        }
    }
    priorities
}

fn digest(section: &mut Fields<'_, '_>, file: Option<&Location>) -> Option<DailyAt> {
    let mut digest = section.section("digest", "andon.Digest")?;
    let at = digest.text("at");
    let minute = minute_of_day(&at);
    if minute.is_none() {
        digest.refuse_field("at", format!("{at:?} is no time of day"), "hours and minutes, such as '06:30'");
    }
    let zone = time_zone(&mut digest).or_else(|| file.cloned());
    digest.finish();
    let location = zone.or_else(|| "UTC".parse().ok())?;
    Some(DailyAt { minute: minute?, location })
}

/// `06:30` as minutes since midnight.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u16| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| digits && *number < below)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

/// Refuses receivers that are not there or that mail nobody. `mailing` says of a known receiver whether it mails.
pub(super) fn check(mails: &OrderMails, mailing: impl Fn(&str) -> Option<bool>, scope: &Scope<'_>) {
    let named = [
        ("receiver", Some(&mails.receiver)),
        ("assignee", mails.assignee.as_ref()),
        ("manager", mails.manager.as_ref()),
    ];
    for (key, name) in named {
        let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
        let sentence = match mailing(name) {
            Some(true) => continue,
            Some(false) => format!("receiver {name:?} used in work_order_mails has no email_configs"),
            None => format!("undefined receiver {name:?} used in work_order_mails"),
        };
        let path = FieldPath::top().key("work_order_mails").key(key);
        scope.errors.add(on_the_whole(None, &path, sentence).allowed("a receiver with email_configs"));
    }
}

/// As the whole configuration shows it.
pub(super) fn printed(mails: &OrderMails) -> Printed {
    let mut map = Map::new();
    map.text("receiver", &*mails.receiver);
    map.text_unless_empty("assignee", mails.assignee.as_deref().unwrap_or_default());
    map.text_unless_empty("manager", mails.manager.as_deref().unwrap_or_default());
    map.put("at_once", Printed::texts(mails.at_once.iter().map(|priority| priority.as_str().to_owned())));
    if let Some(daily) = &mails.digest {
        let mut digest = Map::new();
        digest.text("at", format!("{:02}:{:02}", daily.minute / 60, daily.minute % 60));
        digest.text("time_zone", daily.location.to_string());
        map.put("digest", digest.done());
    }
    map.done()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, Options};
    use super::*;

    #[test]
    fn the_zone_of_texts_is_the_files_or_the_digests() {
        let load = |file: &str, digest: &str| {
            let text = format!(
                "route: {{receiver: r}}\nreceivers: [{{name: r, email_configs: [{{to: a@b, from: a@b, smarthost: 'h:25'}}]}}]\n\
                 work_order_mails: {{receiver: r, digest: {{at: '06:30'{digest}}}}}\n{file}"
            );
            Config::parse(&text, "f", Path::new(""), &Options::default())
        };
        let (berlin, tokyo) = ("time_zone: Europe/Berlin\n", ", time_zone: Asia/Tokyo");
        for (file, digest, texts, at) in [
            ("", "", "UTC", "UTC"),
            (berlin, "", "Europe/Berlin", "Europe/Berlin"),
            ("", tokyo, "Asia/Tokyo", "Asia/Tokyo"),
            (berlin, tokyo, "Europe/Berlin", "Asia/Tokyo"),
        ] {
            let config = load(file, digest).unwrap_or_else(|error| panic!("{error}"));
            let mails = config.policy.orders.mails.as_ref().unwrap();
            let daily = mails.digest.as_ref().unwrap();
            assert_eq!((&*config.time_zone, &*daily.location.to_string()), (texts, at), "{file}{digest}");
            let again = Config::parse(&config.redacted, "f", Path::new(""), &Options::default()).unwrap();
            assert_eq!((&again.time_zone, &again.redacted), (&config.time_zone, &config.redacted));
            assert!(!config.original.contains("time_zone"), "{}", config.original);
        }
        for (file, digest) in [("time_zone: Berlin\n", ""), ("", ", time_zone: europe/berlin")] {
            let error = load(file, digest).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("time_zone") && error.contains("such as Europe/Berlin, or UTC"), "{error}");
        }
    }

    #[test]
    fn times_of_day() {
        for (text, expected) in [
            ("06:30", Some(390)),
            ("00:00", Some(0)),
            ("23:59", Some(1439)),
            ("24:00", None),
            ("6:30", None),
            ("+6:30", None),
            ("", None),
        ] {
            assert_eq!(minute_of_day(text), expected, "{text}");
        }
    }
}
