use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().unwrap())
}

fn days(range: &str) -> TimeInterval {
    TimeInterval { days_of_month: Some(vec![range.parse().unwrap()]), ..TimeInterval::default() }
}

#[test]
fn an_absent_field_contains_everything_and_an_empty_list_nothing() {
    let now = at("2026-11-22T12:00:00Z");
    assert!(TimeInterval::default().contains(now));
    assert!(!TimeInterval { times: Some(vec![]), ..TimeInterval::default() }.contains(now));
    assert!(!TimeInterval { years: Some(vec![]), ..TimeInterval::default() }.contains(now));
}

#[test]
fn times_include_their_start_and_not_their_end() {
    let interval =
        TimeInterval { times: Some(vec![TimeRange::parse("09:00", "24:00").unwrap()]), ..Default::default() };
    for (instant, inside) in [
        ("2026-11-22T08:59:59.999Z", false),
        ("2026-11-22T09:00:00Z", true),
        ("2026-11-22T23:59:59Z", true),
        ("2026-11-23T00:00:00Z", false),
    ] {
        assert_eq!(interval.contains(at(instant)), inside, "{instant}");
    }
}

#[test]
fn days_count_from_either_end_of_the_very_month() {
    for (range, instant, inside) in [
        ("-1", "2024-02-29T00:00:00Z", true),
        ("-1", "2024-02-28T23:59:59Z", false),
        ("-1", "2023-02-28T00:00:00Z", true),
        ("-31", "2026-11-01T00:00:00Z", false),
        ("-31:-1", "2026-11-01T00:00:00Z", true),
        ("30:31", "2026-02-28T12:00:00Z", false),
        ("30:31", "2026-11-30T12:00:00Z", true),
        ("27:-1", "2026-02-28T12:00:00Z", true),
        ("20:31", "2026-02-28T12:00:00Z", true),
    ] {
        assert_eq!(days(range).contains(at(instant)), inside, "{range} {instant}");
    }
}

#[test]
fn a_location_has_its_own_clock_and_calendar() {
    let interval = TimeInterval { location: Some("Australia/Sydney".parse().unwrap()), ..days("1") };
    assert!(interval.contains(at("2026-10-31T13:00:00Z")));
    assert!(!interval.contains(at("2026-11-01T13:00:00Z")));
}

#[test]
fn fields_print_normalised() {
    assert_eq!("Monday:FRIDAY".parse::<WeekdayRange>().unwrap().to_string(), "monday:friday");
    assert_eq!("sunday:sunday".parse::<WeekdayRange>().unwrap().to_string(), "sunday");
    assert_eq!("january:march".parse::<MonthRange>().unwrap().to_string(), "1:3");
    assert_eq!("+4".parse::<MonthRange>().unwrap().to_string(), "4");
    assert_eq!("-7:-1".parse::<DayOfMonthRange>().unwrap().to_string(), "-7:-1");
    let range = TimeRange::parse("00:05", "24:00").unwrap();
    assert_eq!((range.start_time().as_str(), range.end_time().as_str()), ("00:05", "24:00"));
    for (location, printed) in [("", "UTC"), ("UTC", "UTC"), ("Local", "Local"), ("Europe/Berlin", "Europe/Berlin")] {
        assert_eq!(location.parse::<Location>().unwrap().to_string(), printed);
    }
}

#[test]
fn refusals() {
    fn refused<T: std::str::FromStr<Err = IntervalError> + std::fmt::Debug>(text: &str) -> String {
        text.parse::<T>().unwrap_err().to_string()
    }
    for (found, text) in [
        (refused::<WeekdayRange>("Mon"), "mon is not a valid weekday"),
        (refused::<WeekdayRange>("a:b:c"), "couldn't parse range a:b:c, invalid format"),
        (refused::<WeekdayRange>("friday:monday"), "start day cannot be before end day"),
        (refused::<DayOfMonthRange>("0"), "0 is not a valid day of the month: out of range"),
        (refused::<DayOfMonthRange>("1:32"), "32 is not a valid day of the month: out of range"),
        (refused::<DayOfMonthRange>("-1:1"), "end day must be negative if start day is negative"),
        (refused::<DayOfMonthRange>("28:-1"), "end day -1 is always before start day 28"),
        (refused::<DayOfMonthRange>("X"), r#"strconv.Atoi: parsing "x": invalid syntax"#),
        (
            refused::<YearRange>("99999999999999999999"),
            r#"strconv.Atoi: parsing "99999999999999999999": value out of range"#,
        ),
        (refused::<MonthRange>("martius"), "martius is not a valid month"),
        (refused::<MonthRange>("december:1"), "end month january is before start month december"),
        (refused::<MonthRange>("13:0"), "end month  is before start month "),
        (refused::<YearRange>("2022:2020"), "end year 2020 is before start year 2022"),
        (refused::<Location>("Mars/X"), "unknown time zone Mars/X"),
        (refused::<Location>("europe/berlin"), "unknown time zone europe/berlin"),
        (refused::<Location>("../etc/passwd"), "time: invalid location name"),
    ] {
        assert_eq!(found, text);
    }
    for (start, end, text) in [
        ("9:00", "10:00", "couldn't parse timestamp 9:00, invalid format"),
        ("09:00", "24:01", "couldn't parse timestamp 24:01, invalid format"),
        ("09:60", "10:00", "couldn't parse timestamp 09:60, invalid format"),
        ("09:00", "", "both start and end times must be provided"),
        ("09:00", "09:00", "start time cannot be equal or greater than end time"),
    ] {
        assert_eq!(TimeRange::parse(start, end).unwrap_err().to_string(), text);
    }
}

proptest! {
    #[test]
    fn what_was_printed_parses_to_the_same(begin in 1_i64..=31, end in 1_i64..=31) {
        let text = format!("{begin}:{end}");
        if let Ok(range) = text.parse::<DayOfMonthRange>() {
            prop_assert_eq!(range.to_string().parse::<DayOfMonthRange>(), Ok(range));
        }
        if let Ok(range) = text.parse::<MonthRange>() {
            prop_assert_eq!(range.to_string().parse::<MonthRange>(), Ok(range));
        }
    }

    #[test]
    fn parsing_never_panics(text in any::<String>(), other in any::<String>()) {
        let _ = text.parse::<WeekdayRange>();
        let _ = text.parse::<DayOfMonthRange>();
        let _ = text.parse::<MonthRange>();
        let _ = text.parse::<YearRange>();
        let _ = text.parse::<Location>();
        let _ = TimeRange::parse(&text, &other);
    }
}
