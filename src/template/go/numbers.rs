//! How Go's `fmt` prints numbers, and what it does to widths.

use crate::core::quote::{Quoted, is_printable};

/// What stands between a percent sign and its verb.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spec {
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v`: with the names of fields.
    pub(super) named: bool,
    /// `%#v`: as Go's source has it.
    pub(super) literal: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

/// Writes a text in the width that is asked for.
pub(super) fn pad(text: &str, spec: &Spec, out: &mut String) {
    let missing = spec.width.unwrap_or(0).saturating_sub(text.chars().count());
    let fill = |c: char, out: &mut String| out.extend(std::iter::repeat_n(c, missing));
    if spec.minus {
        out.push_str(text);
        fill(' ', out);
    } else {
        fill(if spec.zero { '0' } else { ' ' }, out);
        out.push_str(text);
    }
}

/// An integer; nothing if the verb is none for it.
pub(super) fn integer(number: i128, verb: char, spec: &Spec, out: &mut String) -> Option<()> {
    let size = number.unsigned_abs();
    let (digits, prefix) = match verb {
        'v' | 'd' => (size.to_string(), ""),
        'b' => (format!("{size:b}"), if spec.sharp { "0b" } else { "" }),
        'o' => (format!("{size:o}"), if spec.sharp && size != 0 { "0" } else { "" }),
        'O' => (format!("{size:o}"), "0o"),
        'x' => (format!("{size:x}"), if spec.sharp { "0x" } else { "" }),
        'X' => (format!("{size:X}"), if spec.sharp { "0X" } else { "" }),
        'c' | 'q' => {
            let c = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
            pad(&if verb == 'c' { c.to_string() } else { quoted_char(c, spec.plus) }, spec, out);
            return Some(());
        }
        'U' => {
            let mut shown = format!("U+{size:04X}");
            if let Some(c) =
                u32::try_from(number).ok().and_then(char::from_u32).filter(|c| spec.sharp && is_printable(*c))
            {
                shown.push_str(&format!(" '{c}'"));
            }
            pad(&shown, &Spec { zero: false, ..*spec }, out);
            return Some(());
        }
        _ => return None,
    };
    let sign = sign(number < 0, spec);
    let zeros = match (spec.precision, spec.width) {
        (Some(0), _) if number == 0 => {
            pad("", &Spec { zero: false, ..*spec }, out);
            return Some(());
        }
        (Some(precision), _) => precision,
        (None, Some(width)) if spec.zero && !spec.minus => width.saturating_sub(sign.len()),
        _ => 0,
    };
    pad(&format!("{sign}{prefix}{digits:0>zeros$}"), &Spec { zero: false, ..*spec }, out);
    Some(())
}

fn sign(negative: bool, spec: &Spec) -> &'static str {
    match () {
        () if negative => "-",
        () if spec.plus => "+",
        () if spec.space => " ",
        () => "",
    }
}

/// A float; nothing if the verb is none for it.
pub(super) fn float(number: f64, verb: char, spec: &Spec, out: &mut String) -> Option<()> {
    let size = number.abs();
    let shown = match verb {
        _ if !size.is_finite() => (if size.is_nan() { "NaN" } else { "Inf" }).to_owned(),
        'e' | 'E' => exponential(&format!("{size:.*e}", spec.precision.unwrap_or(6))),
        'f' | 'F' => format!("{size:.*}", spec.precision.unwrap_or(6)),
        'g' | 'G' | 'v' => general(size, spec.precision),
        _ => return None,
    };
    let shown = if matches!(verb, 'E' | 'G') { shown.to_uppercase() } else { shown };
    let sign = match sign(number.is_sign_negative() && !number.is_nan(), spec) {
        "" if number == f64::INFINITY => "+",
        sign => sign,
    };
    if spec.zero && !spec.minus && size.is_finite() {
        out.push_str(sign);
        let width = spec.width.map(|width| width.saturating_sub(sign.len()));
        pad(&shown, &Spec { width, ..*spec }, out);
    } else {
        pad(&format!("{sign}{shown}"), &Spec { zero: false, ..*spec }, out);
    }
    Some(())
}

/// Go's `%v` of a float: the shortest digits, with an exponent below 1e-4 and from 1e6.
pub(super) fn shortest(number: f64) -> String {
    let mut out = String::new();
    // `v` is a verb for floats.
    let _ = float(number, 'v', &Spec::default(), &mut out);
    out
}

/// `%g`: with an exponent where that is below -4 or beyond the precision.
fn general(size: f64, precision: Option<usize>) -> String {
    let scientific = match precision {
        None => format!("{size:e}"),
        Some(precision) => format!("{size:.*e}", precision.max(1) - 1),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    let digits = mantissa.len() - usize::from(mantissa.contains('.'));
    let limit = match precision {
        None => 6,
        Some(precision) => {
            let precision = precision.max(1);
            let places = usize::try_from(exponent + 1).unwrap_or(0);
            if precision > digits && digits >= places { digits } else { precision }
        }
    };
    if exponent < -4 || exponent >= i32::try_from(limit).unwrap_or(i32::MAX) {
        return exponential(&format!("{mantissa}e{exponent}"));
    }
    let decimals = usize::try_from(i64::try_from(digits).unwrap_or(0) - 1 - i64::from(exponent)).unwrap_or(0);
    format!("{size:.decimals$}")
}

/// Go's exponent has a sign and two digits.
fn exponential(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// A float as Go has it in JSON.
pub(super) fn json(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
        _ => text,
    }
}

/// A text in quotes; what is not ASCII escaped where asked.
pub(super) fn quoted(text: &str, ascii: bool) -> String {
    let shown = Quoted(text).to_string();
    if !ascii {
        return shown;
    }
    let escape = |c: char| match u32::from(c) {
        0..0x80 => c.to_string(),
        code @ 0x80..0x1_0000 => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    };
    shown.chars().map(escape).collect()
}

fn quoted_char(c: char, ascii: bool) -> String {
    match c {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let shown = quoted(c.encode_utf8(&mut [0; 4]), ascii);
            format!("'{}'", shown.get(1..shown.len() - 1).unwrap_or_default())
        }
    }
}

/// The bytes of a text in hexadecimal.
pub(super) fn hex(bytes: &[u8], upper: bool, spec: &Spec) -> String {
    let bytes = bytes.get(..spec.precision.unwrap_or(bytes.len()).min(bytes.len())).unwrap_or_default();
    let prefix = match (spec.sharp, upper) {
        (false, _) => "",
        (true, false) => "0x",
        (true, true) => "0X",
    };
    let digits = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    if spec.space {
        let each: Vec<String> = bytes.iter().map(|byte| format!("{prefix}{}", digits(byte))).collect();
        return each.join(" ");
    }
    let all: String = bytes.iter().map(digits).collect();
    if all.is_empty() { all } else { format!("{prefix}{all}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_go() {
        for (number, shown) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (100_000.0, "100000"),
            (123_456.0, "123456"),
            (1e6, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (1e21, "1e+21"),
            (2.5e-7, "2.5e-07"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(shortest(number), shown);
        }
        for (number, shown) in [(1.0, "1"), (1e21, "1e+21"), (1e-7, "1e-7"), (1e20, "100000000000000000000")] {
            assert_eq!(json(number), shown);
        }
    }
}
