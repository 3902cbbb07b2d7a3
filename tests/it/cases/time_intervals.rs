//! Time intervals: what they contain, how they print, what is wrong with them.

use std::str::FromStr;

use andon::core::interval::{IntervalError, TimeInterval, TimeRange};
use serde_json::Value;

use super::{Played, Verdict, flag, instant, list, play, same, text};

#[test]
fn time_intervals() {
    play("time_intervals.json", &[], |case| match text(case, "what")? {
        // An interval that no configuration can say.
        "contains" if case["yaml"].is_null() => Ok(Played::NotHere),
        "contains" | "yaml" => {
            let found = intervals(text(case, "yaml")?);
            if let Some(error) = case["error"].as_str() {
                same("the error", &found.err().as_deref(), &Some(error))?;
                return Ok(Played::Agrees);
            }
            let found = found?;
            if let Some(normalised) = case["normalized_yaml"].as_str() {
                same("the normalised form", &printed(&found), &yaml(normalised)?)?;
            }
            membership(case, &found)
        }
        "complete" => membership(case, &[interval(&yaml(text(case, "yaml_single")?)?)?]),
        "time_range" => {
            let found = time_range(&yaml(text(case, "yaml")?)?).ok();
            let minute = |key: &str| case[key].as_u64().ok_or_else(|| format!("the case has no {key}"));
            let expected =
                if flag(case, "ok")? { Some((minute("start_minute")?, minute("end_minute")?)) } else { None };
            let found = found.map(|range| (range.start_minute.into(), range.end_minute.into()));
            same("the range", &found, &expected)?;
            Ok(Played::Agrees)
        }
        "mutes" => {
            let now = instant(text(case, "now")?)?;
            let mut muted_by = Vec::new();
            for name in list(case, "names") {
                let all = intervals(text(&case["intervals"], name.as_str().unwrap_or_default())?)?;
                if all.iter().any(|interval| interval.contains(now)) {
                    muted_by.push(name.clone());
                }
            }
            same("the names", &muted_by.as_slice(), &list(case, "muted_by"))?;
            Ok(Played::Agrees)
        }
        // What a stage does with them is the engine's.
        _ => Ok(Played::NotHere),
    });
}

fn membership(case: &Value, intervals: &[TimeInterval]) -> Verdict {
    for (key, inside) in [("contains", true), ("excludes", false)] {
        for at in list(case, key) {
            let at = at.as_str().unwrap_or_default();
            let moment = instant(at)?;
            same(at, &intervals.iter().any(|interval| interval.contains(moment)), &inside)?;
        }
    }
    Ok(Played::Agrees)
}

fn yaml(text: &str) -> Result<Value, String> {
    serde_yaml::from_str(text).map_err(|error| error.to_string())
}

fn intervals(text: &str) -> Result<Vec<TimeInterval>, String> {
    yaml(text)?.as_array().ok_or("the intervals are no list")?.iter().map(interval).collect()
}

fn interval(node: &Value) -> Result<TimeInterval, String> {
    let times = match &node["times"] {
        Value::Array(ranges) => Some(ranges.iter().map(time_range).collect::<Result<_, _>>()?),
        _ => None,
    };
    let location = match &node["location"] {
        Value::String(name) => Some(name.parse().map_err(|error: IntervalError| error.to_string())?),
        _ => None,
    };
    Ok(TimeInterval {
        times,
        weekdays: ranges(&node["weekdays"])?,
        days_of_month: ranges(&node["days_of_month"])?,
        months: ranges(&node["months"])?,
        years: ranges(&node["years"])?,
        location,
    })
}

fn ranges<T: FromStr<Err = IntervalError>>(node: &Value) -> Result<Option<Vec<T>>, String> {
    let Value::Array(ranges) = node else { return Ok(None) };
    let parse =
        |range: &Value| range.as_str().unwrap_or_default().parse().map_err(|error: IntervalError| error.to_string());
    ranges.iter().map(parse).collect::<Result<_, _>>().map(Some)
}

fn time_range(node: &Value) -> Result<TimeRange, String> {
    let time = |key: &str| node[key].as_str().unwrap_or_default();
    TimeRange::parse(time("start_time"), time("end_time")).map_err(|error| error.to_string())
}

/// The form in which the configuration is shown.
fn printed(intervals: &[TimeInterval]) -> Value {
    fn texts<T: ToString>(ranges: &[T]) -> Value {
        ranges.iter().map(|range| Value::String(range.to_string())).collect()
    }
    let time =
        |range: &TimeRange| serde_json::json!({ "start_time": range.start_time(), "end_time": range.end_time() });
    let fields = |interval: &TimeInterval| {
        let all = [
            ("times", interval.times.as_ref().map(|ranges| ranges.iter().map(time).collect())),
            ("weekdays", interval.weekdays.as_deref().map(texts)),
            ("days_of_month", interval.days_of_month.as_deref().map(texts)),
            ("months", interval.months.as_deref().map(texts)),
            ("years", interval.years.as_deref().map(texts)),
            ("location", interval.location.as_ref().map(|location| Value::String(location.to_string()))),
        ];
        let present = all.into_iter().filter_map(|(key, value)| value.map(|value| (key.to_owned(), value)));
        Value::Object(present.collect())
    };
    intervals.iter().map(fields).collect()
}
