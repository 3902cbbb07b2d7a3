//! Pure text functions of Alertmanager's templates.

/// Each word with its first letter a capital and the others small; an apostrophe or a point between letters does not end
/// a word.
pub(super) fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    // Within a word: whether its first letter was met.
    let mut word: Option<bool> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_alphanumeric() || c == '_' {
            let cased = c.is_lowercase() || c.is_uppercase() || is_digraph(c);
            if word != Some(true) && cased {
                push_title(c, &mut titled);
                word = Some(true);
            } else {
                titled.push(lower_char(c));
                word = Some(word == Some(true) || (c != '_' && c.is_alphabetic()));
            }
        } else {
            let joins = matches!(c, '\'' | '\u{2019}' | '.' | ':' | '\u{b7}');
            word = word.filter(|_| joins && rest.peek().is_some_and(|next| next.is_alphanumeric()));
            titled.push(c);
        }
    }
    titled
}

/// The letters that are two in one: `ǆ` has the capital `Ǆ` and begins a word as `ǅ`.
fn is_digraph(c: char) -> bool {
    matches!(c, 'Ǆ'..='ǌ' | 'Ǳ'..='ǳ')
}

fn push_title(c: char, out: &mut String) {
    match c {
        'Ǆ'..='ǆ' => out.push('ǅ'),
        'Ǉ'..='ǉ' => out.push('ǈ'),
        'Ǌ'..='ǌ' => out.push('ǋ'),
        'Ǳ'..='ǳ' => out.push('ǲ'),
        c => {
            let mut capital = c.to_uppercase();
            // Of what becomes several letters only the first is a capital; a mark is no letter.
            if c.is_alphabetic() {
                out.extend(capital.next());
            }
            let first_is_mark = out.ends_with('ʼ');
            for (place, c) in capital.enumerate() {
                if first_is_mark && place == 0 { out.push(c) } else { out.extend(c.to_lowercase()) }
            }
        }
    }
}

/// Go's `strings.ToUpper`: letter by letter; a letter whose capital would be several stays.
pub(super) fn upper(text: &str) -> String {
    let one = |c: char| {
        let mut upper = c.to_uppercase();
        upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
    };
    text.chars().map(one).collect()
}

/// Go's `strings.ToLower`, letter by letter.
pub(super) fn lower(text: &str) -> String {
    text.chars().map(lower_char).collect()
}

fn lower_char(c: char) -> char {
    // Of all letters only `İ` has two; Go keeps the first.
    c.to_lowercase().next().unwrap_or(c)
}

/// Go's `url.QueryUnescape`.
pub(super) fn query_unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let byte = digits
                    .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(byte) = byte else {
                    let shown = String::from_utf8_lossy(after.get(..2).unwrap_or(after)).into_owned();
                    return Err(format!("invalid URL escape \"%{shown}\""));
                };
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            other => bytes.push(*other),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `1d 2h 3m 4s`, `4.5s`, `5ms`: as Prometheus shows seconds.
pub(super) fn humanize_seconds(seconds: f64) -> String {
    if seconds == 0.0 || !seconds.is_finite() {
        return format!("{}{}", four_digits(seconds), if seconds == 0.0 { "s" } else { "" });
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let size = seconds.abs();
    if size < 1.0 {
        let (mut size, mut prefix) = (size, "");
        for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
            if size >= 1.0 {
                break;
            }
            (size, prefix) = (size * 1000.0, next);
        }
        return format!("{sign}{}{prefix}s", four_digits(size));
    }
    // Saturates, as it should: nobody reads the days of a larger number.
    let whole = size as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    let rest = whole % 60;
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four_digits(size)),
        (0, 0, _) => format!("{sign}{minutes}m {rest}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {rest}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {rest}s"),
    }
}

/// C's `%.4g`.
fn four_digits(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if !number.is_finite() {
        return if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .to_owned();
    }
    let scientific = format!("{number:.3e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    match usize::try_from(3 - exponent) {
        Ok(decimals) if exponent >= -4 => trim(&format!("{number:.decimals$}")),
        _ => format!("{}e{}{:02}", trim(digits), if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles() {
        assert_eq!(title("hello wORLD-foo o'neil ünder a.b foo_bar"), "Hello World-Foo O'neil Ünder A.b Foo_bar");
    }

    #[test]
    fn unescapes_or_says_what_is_wrong() {
        assert_eq!(query_unescape("a%20b+c%2F%C3%A9").as_deref(), Ok("a b c/é"));
        assert_eq!(query_unescape("%zz").unwrap_err(), "invalid URL escape \"%zz\"");
        assert_eq!(query_unescape("100%").unwrap_err(), "invalid URL escape \"%\"");
    }

    #[test]
    fn seconds_for_people() {
        for (seconds, shown) in [
            (0.0, "0s"),
            (1.0, "1s"),
            (-183_845.0, "-2d 3h 4m 5s"),
            (899.99, "14m 59s"),
            (0.12345, "123.5ms"),
            (1.2345, "1.234s"),
            (12.345, "12.35s"),
            (1e-30, "1e-06ys"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(humanize_seconds(seconds), shown);
        }
    }
}
