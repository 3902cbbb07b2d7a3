//! How Alertmanager reads its command line: the rules of Go's kingpin, with its messages.
//!
//! `--flag value`, `--flag=value`, an empty `--flag=`, `--flag` and `--no-flag` for switches, lists by repetition, and
//! nothing else twice. A value is never something that starts with `-` unless it is joined by `=`. clap reads all of
//! this a little differently, and scripts written for Alertmanager would notice.

use std::collections::BTreeMap;
use std::time::Duration;

/// One flag.
#[derive(Debug)]
pub struct FlagSpec {
    /// Without the leading `--`.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// In force when the flag is not given; empty means nothing.
    pub default: &'static str,
    /// What becomes of it.
    pub role: Role,
    /// For `--help`.
    pub help: &'static str,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Any text, and the flag may be repeated.
    List,
    /// Nothing; `--no-` turns it off.
    Switch,
    /// Go's durations, with `d` and `w` besides.
    Duration,
    /// A number, of which the fraction is dropped.
    Number,
    /// A number with its fraction.
    Ratio,
    /// Bytes, with `KiB`, `MiB` or `GiB` if wanted.
    Size,
    /// What it is called, and the words of which it is one, in any case.
    OneOf(&'static str, &'static [&'static str]),
}

/// What becomes of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is obeyed.
    Obeyed,
    /// It is another spelling of this flag.
    AliasOf(&'static str),
    /// It has nothing to act on here; it is accepted and named in a warning.
    NoMeaning,
    /// To ignore it would be unsafe, so it is refused unless it is empty or off; says why.
    Refused(&'static str),
}

/// The flags that were given, by name.
#[derive(Debug, Default)]
pub struct Given {
    values: BTreeMap<&'static str, Vec<String>>,
}

const ON: &str = "true";
/// The value of a switch that was turned off.
pub const OFF: &str = "false";

/// Reads the command line without the program's name.
///
/// # Errors
/// What is wrong, in kingpin's words.
pub fn parse(specs: &'static [FlagSpec], args: &[String]) -> Result<Given, String> {
    let mut given = Given::default();
    let mut args = args.iter().map(String::as_str).peekable();
    while let Some(arg) = args.next() {
        if arg == "--" {
            return args.next().map_or(Ok(given), |rest| Err(format!("unexpected {rest}")));
        }
        if arg == "-h" {
            given.put(find(specs, "help")?.0, ON.into())?;
        } else if let Some(long) = arg.strip_prefix("--") {
            let (name, joined) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let (spec, on) = find(specs, name)?;
            let value = match (spec.kind, joined) {
                (Kind::Switch, Some(value)) => return Err(format!("unexpected {value}")),
                (Kind::Switch, None) => if on { ON } else { OFF }.to_owned(),
                (_, Some(value)) => value.to_owned(),
                (_, None) => match args.next_if(|next| *next == "-" || !next.starts_with('-')) {
                    Some(value) => value.to_owned(),
                    None => return Err(format!("expected argument for flag '--{name}'")),
                },
            };
            given.put(spec, value)?;
        } else if let Some(short) = arg.strip_prefix('-').and_then(|rest| rest.chars().find(|c| *c != 'h')) {
            return Err(format!("unknown short flag '-{short}'"));
        } else {
            return Err(format!("unexpected {arg}"));
        }
    }
    Ok(given)
}

fn find(specs: &'static [FlagSpec], name: &str) -> Result<(&'static FlagSpec, bool), String> {
    let named = |name: &str| specs.iter().find(|spec| spec.name == name);
    let negated = || name.strip_prefix("no-").and_then(named).filter(|spec| spec.kind == Kind::Switch);
    let found = named(name).map(|spec| (spec, true)).or_else(|| negated().map(|spec| (spec, false)));
    found.ok_or_else(|| format!("unknown long flag '--{name}'"))
}

impl Given {
    fn put(&mut self, spec: &'static FlagSpec, value: String) -> Result<(), String> {
        check(spec.kind, &value)?;
        let name = if let Role::AliasOf(name) = spec.role { name } else { spec.name };
        let values = self.values.entry(name).or_default();
        if !values.is_empty() && !matches!(spec.kind, Kind::List | Kind::Switch) {
            return Err(format!("flag '{}' cannot be repeated", spec.name));
        }
        values.push(value);
        Ok(())
    }

    /// All values that were given for the flag.
    pub fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value that was given, if one was: of a switch, the last.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).last().map(String::as_str)
    }

    /// Whether the switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some(ON)
    }
}

fn check(kind: Kind, value: &str) -> Result<(), String> {
    match kind {
        Kind::Text | Kind::List | Kind::Switch => Ok(()),
        Kind::Duration => duration(value).map(drop),
        Kind::Number | Kind::Ratio => number(value).map(drop),
        Kind::Size => size(value).map(drop),
        Kind::OneOf(_, words) if words.contains(&value.to_ascii_lowercase().as_str()) => Ok(()),
        Kind::OneOf(what, words) => Err(format!("unrecognized {what} {value} (one of {})", words.join(", "))),
    }
}

/// A number as kingpin takes it, also for whole numbers.
///
/// # Errors
/// Go's message.
pub fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))
}

/// Bytes: a whole number, alone or with `KiB`, `MiB` or `GiB`.
///
/// # Errors
/// What is allowed.
pub fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];
    let parsed = UNITS.iter().find_map(|(unit, bytes)| {
        let digits = text.strip_suffix(unit)?.parse::<u64>().ok()?;
        digits.checked_mul(*bytes)
    });
    parsed.ok_or_else(|| format!("not a size: {text:?}; a number of bytes, or one with KiB, MiB or GiB"))
}

/// A duration as Go reads it, with `d` and `w` besides, whether it is negative, and then its amount.
///
/// # Errors
/// Go's message.
pub fn duration(text: &str) -> Result<(bool, Duration), String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok((false, Duration::ZERO));
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (amount, after) = rest.split_at(digits);
        if !amount.bytes().any(|byte| byte.is_ascii_digit()) || amount.matches('.').count() > 1 {
            return Err(invalid());
        }
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let unit_nanos = nanos_of(unit).ok_or_else(|| format!("time: unknown unit {unit:?} in duration {text:?}"))?;
        let added = scaled(amount, unit_nanos).and_then(|part| nanos.checked_add(part));
        nanos = added.filter(|nanos| i64::try_from(*nanos).is_ok()).ok_or_else(invalid)?;
        rest = after;
    }
    Ok((negative, Duration::from_nanos(nanos)))
}

fn nanos_of(unit: &str) -> Option<u64> {
    const SECOND: u64 = 1_000_000_000;
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        "d" => 86_400 * SECOND,
        "w" => 7 * 86_400 * SECOND,
        _ => return None,
    })
}

/// `1.5` of a unit, the fraction cut to what 19 digits can say.
fn scaled(amount: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let fraction: String = fraction.chars().take(18).collect();
    let divisor = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()? };
    let part = u64::try_from(u128::from(fraction) * u128::from(unit) / divisor).ok()?;
    whole.checked_mul(unit)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[FlagSpec] = &[
        flag("help", Kind::Switch, Role::Obeyed),
        flag("file", Kind::Text, Role::Obeyed),
        flag("peer", Kind::List, Role::Obeyed),
        flag("loud", Kind::Switch, Role::Obeyed),
        flag("wait", Kind::Duration, Role::Obeyed),
        flag("most", Kind::Number, Role::Obeyed),
        flag("bytes", Kind::Size, Role::Obeyed),
        flag("octets", Kind::Size, Role::AliasOf("bytes")),
        flag("level", Kind::OneOf("level", &["low", "high"]), Role::Obeyed),
    ];

    const fn flag(name: &'static str, kind: Kind, role: Role) -> FlagSpec {
        FlagSpec { name, kind, default: "", role, help: "" }
    }

    fn read(line: &str) -> Result<String, String> {
        let args: Vec<String> = line.split(' ').filter(|arg| !arg.is_empty()).map(str::to_owned).collect();
        let given = parse(SPECS, &args)?;
        let shown: Vec<_> = given.values.iter().map(|(name, values)| format!("{name}={}", values.join("|"))).collect();
        Ok(shown.join(" "))
    }

    #[test]
    fn accepts() {
        for (line, expected) in [
            ("", ""),
            ("--", ""),
            ("-h", "help=true"),
            ("--file a", "file=a"),
            ("--file=a", "file=a"),
            ("--file=", "file="),
            ("--file=-x=y", "file=-x=y"),
            ("--file -", "file=-"),
            ("--peer a --peer=b", "peer=a|b"),
            ("--loud --no-loud", "loud=true|false"),
            ("--wait=1d1.5h", "wait=1d1.5h"),
            ("--most=-1.5", "most=-1.5"),
            ("--octets 4KiB", "bytes=4KiB"),
            ("--level HIGH", "level=HIGH"),
        ] {
            assert_eq!(read(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn refuses_in_kingpins_words() {
        for (line, expected) in [
            ("--bogus", "unknown long flag '--bogus'"),
            ("--bogus=1", "unknown long flag '--bogus'"),
            ("--no-file", "unknown long flag '--no-file'"),
            ("-x", "unknown short flag '-x'"),
            ("-hx", "unknown short flag '-x'"),
            ("extra", "unexpected extra"),
            ("-- extra", "unexpected extra"),
            ("--loud=true", "unexpected true"),
            ("--loud true", "unexpected true"),
            ("--file", "expected argument for flag '--file'"),
            ("--most -1", "expected argument for flag '--most'"),
            ("--file=a --file=b", "flag 'file' cannot be repeated"),
            ("--wait=", r#"time: invalid duration """#),
            ("--wait=.", r#"time: invalid duration ".""#),
            ("--wait=abc", r#"time: invalid duration "abc""#),
            ("--wait=300000d", r#"time: invalid duration "300000d""#),
            ("--wait=5", r#"time: missing unit in duration "5""#),
            ("--wait=5x", r#"time: unknown unit "x" in duration "5x""#),
            ("--most=a", r#"strconv.ParseFloat: parsing "a": invalid syntax"#),
            ("--bytes=1MB", r#"not a size: "1MB"; a number of bytes, or one with KiB, MiB or GiB"#),
            ("--level=mid", "unrecognized level mid (one of low, high)"),
        ] {
            assert_eq!(read(line), Err(expected.to_owned()), "{line}");
        }
    }

    #[test]
    fn durations_and_sizes_have_the_right_amount() {
        for (text, millis) in [("1w", 604_800_000), ("1h30m", 5_400_000), ("1.5h", 5_400_000), (".5s", 500), ("0", 0)] {
            assert_eq!(duration(text), Ok((false, Duration::from_millis(millis))), "{text}");
        }
        assert_eq!(duration("-2us"), Ok((true, Duration::from_micros(2))));
        assert_eq!(size("256MiB"), Ok(256 << 20));
        assert_eq!(size("77"), Ok(77));
    }
}
