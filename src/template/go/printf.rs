//! Go's `fmt`, as templates have it: `printf`, `print`, `println`.

use std::fmt::Write as _;

use gotmpl::Value;

use super::call::{Failure, Run};
use super::numbers::{self, Spec};
use super::value::{self, Kind, entries, ordinal, text, type_name};
use crate::core::quote::{Quoted, is_printable};

/// Go's bound on widths and precisions.
const MAX_WIDTH: usize = 1_000_000;

/// `printf`
pub(super) fn printf(run: &Run, args: &[Value]) -> Result<Value, Failure> {
    let (format, operands) = args.split_first().unwrap_or((&Value::Nil, &[]));
    let (Value::String(format) | Value::Safe { s: format, .. }) = format else {
        let found = value::show(format);
        return Err(Failure::Argument(format!("wrong type for value; expected string; got {found}")));
    };
    let mut printer = Printer { out: String::new(), operands, next: 0, reordered: false };
    let mut rest = &**format;
    while let Some((before, after)) = rest.split_once('%') {
        printer.out.push_str(before);
        rest = printer.verb(after);
        run.fits(printer.out.len())?;
    }
    printer.out.push_str(rest);
    printer.left_over();
    Ok(text(&printer.out))
}

/// `print`: a space stands between two operands of which neither is a string.
pub(super) fn print(_: &Run, args: &[Value]) -> Result<Value, Failure> {
    let is_text = |found: &Value| matches!(found, Value::String(_) | Value::Safe { .. });
    let mut out = String::new();
    let mut before: Option<&Value> = None;
    for operand in args {
        if before.is_some_and(|before| !is_text(before) && !is_text(operand)) {
            out.push(' ');
        }
        plain(operand, &mut out);
        before = Some(operand);
    }
    Ok(text(&out))
}

/// `println`
pub(super) fn println(_: &Run, args: &[Value]) -> Result<Value, Failure> {
    let mut out = String::new();
    for (place, operand) in args.iter().enumerate() {
        if place > 0 {
            out.push(' ');
        }
        plain(operand, &mut out);
    }
    out.push('\n');
    Ok(text(&out))
}

fn plain(operand: &Value, out: &mut String) {
    write_value(operand, 'v', &Spec::default(), 0, out);
}

struct Printer<'a> {
    out: String,
    operands: &'a [Value],
    next: usize,
    reordered: bool,
}

impl<'a> Printer<'a> {
    /// Prints what stands behind a percent sign; gives back the rest.
    fn verb<'f>(&mut self, mut rest: &'f str) -> &'f str {
        let mut spec = Spec::default();
        while let Some(flag) = rest.chars().next().filter(|c| "#0+- ".contains(*c)) {
            match flag {
                '#' => spec.sharp = true,
                '0' => spec.zero = true,
                '+' => spec.plus = true,
                '-' => spec.minus = true,
                _ => spec.space = true,
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        self.reordered = false;
        let mut good = self.index(&mut rest);
        spec.width = self.number(&mut rest, "%!(BADWIDTH)", &mut spec.minus);
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            good &= self.index(&mut rest);
            let mut negative = false;
            let found = self.number(&mut rest, "%!(BADPREC)", &mut negative);
            spec.precision = if negative { None } else { Some(found.unwrap_or(0)) };
        }
        good &= self.index(&mut rest);
        let Some(verb) = rest.chars().next() else {
            self.out.push_str("%!(NOVERB)");
            return "";
        };
        if verb == 'v' {
            // Of this verb these flags say how much is shown, and nothing of numbers.
            (spec.named, spec.plus) = (spec.plus, false);
            (spec.literal, spec.sharp) = (spec.sharp, false);
        }
        let operands = self.operands;
        match operands.get(self.next) {
            _ if verb == '%' => self.out.push('%'),
            _ if !good => self.complain(verb, "(BADINDEX)"),
            None => self.complain(verb, "(MISSING)"),
            Some(operand) => {
                self.next += 1;
                write_value(operand, verb, &spec, 0, &mut self.out);
            }
        }
        rest.get(verb.len_utf8()..).unwrap_or_default()
    }

    fn complain(&mut self, verb: char, what: &str) {
        self.out.extend(['%', '!', verb]);
        self.out.push_str(what);
    }

    /// `[2]`: which operand is next; false if there is no such one.
    fn index(&mut self, rest: &mut &str) -> bool {
        let Some(inner) = rest.strip_prefix('[') else { return true };
        self.reordered = true;
        let Some((number, after)) = inner.split_once(']') else {
            *rest = inner;
            return false;
        };
        *rest = after;
        match number.parse::<usize>() {
            Ok(number) if (1..=self.operands.len()).contains(&number) => {
                self.next = number - 1;
                true
            }
            _ => false,
        }
    }

    /// A width or precision: digits, or `*` for the next operand.
    fn number(&mut self, rest: &mut &str, bad: &str, negative: &mut bool) -> Option<usize> {
        if let Some(after) = rest.strip_prefix('*') {
            *rest = after;
            let operand = self.operands.get(self.next);
            self.next += 1;
            let found = operand.and_then(Value::as_int);
            let size = found.and_then(|number| usize::try_from(number.unsigned_abs()).ok());
            let size = size.filter(|size| *size <= MAX_WIDTH);
            if size.is_none() {
                self.out.push_str(bad);
            }
            *negative |= found.is_some_and(|number| number < 0);
            return size;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits).filter(|(number, _)| !number.is_empty())?;
        *rest = after;
        number.parse().ok().filter(|number| *number <= MAX_WIDTH)
    }

    /// Names the operands that no verb took.
    fn left_over(&mut self) {
        let extra = self.operands.get(self.next..).unwrap_or_default();
        if self.reordered || extra.is_empty() {
            return;
        }
        self.out.push_str("%!(EXTRA ");
        for (place, operand) in extra.iter().enumerate() {
            if place > 0 {
                self.out.push_str(", ");
            }
            if matches!(operand, Value::Nil) {
                self.out.push_str("<nil>");
            } else {
                self.out.push_str(type_name(operand));
                self.out.push('=');
                plain(operand, &mut self.out);
            }
        }
        self.out.push(')');
    }
}

/// Prints an operand, or one of those in it.
fn write_value(operand: &Value, verb: char, spec: &Spec, depth: usize, out: &mut String) {
    if verb == 'T' {
        return numbers::pad(if matches!(operand, Value::Nil) { "<nil>" } else { type_name(operand) }, spec, out);
    }
    let kind = Kind::of(operand);
    let stringer = !matches!(kind, None | Some(Kind::Data | Kind::Alert | Kind::Pair)) || is_pairs(operand);
    if stringer && "vsxXq".contains(verb) && !(verb == 'v' && spec.literal) {
        return write_text(&value::show(operand), verb, spec, operand, out);
    }
    match operand {
        Value::Nil if verb == 'v' => numbers::pad("<nil>", spec, out),
        Value::Nil => drop(write!(out, "%!{verb}(<nil>)")),
        Value::Bool(truth) if matches!(verb, 't' | 'v') => numbers::pad(&truth.to_string(), spec, out),
        Value::Int(number) => {
            numbers::integer(i128::from(*number), verb, spec, out).unwrap_or_else(|| bad(operand, verb, spec, out))
        }
        Value::Uint(number) => {
            numbers::integer(i128::from(*number), verb, spec, out).unwrap_or_else(|| bad(operand, verb, spec, out))
        }
        Value::Float(number) => {
            numbers::float(*number, verb, spec, out).unwrap_or_else(|| bad(operand, verb, spec, out))
        }
        Value::String(found) | Value::Safe { s: found, .. } => write_text(found, verb, spec, operand, out),
        Value::List(items) => {
            let inner = |item: &Value, out: &mut String| write_value(item, verb, spec, depth + 1, out);
            value::write_separated(items.iter(), ["[", " ", "]"], out, inner);
        }
        Value::Map(_) if ordinal(operand).is_some() => {
            let number = i128::from(ordinal(operand).unwrap_or_default());
            numbers::integer(number, verb, spec, out).unwrap_or_else(|| bad(operand, verb, spec, out));
        }
        Value::Map(map) if kind.is_some_and(|kind| !kind.fields().is_empty()) => {
            if depth == 0 && kind == Some(Kind::Data) {
                out.push('&');
            }
            let fields = kind.map(Kind::fields).unwrap_or_default().iter();
            let fields = fields.filter_map(|(name, _)| Some((*name, map.get(*name)?)));
            value::write_separated(fields, ["{", " ", "}"], out, |(name, field), out| {
                if spec.named {
                    out.push_str(name);
                    out.push(':');
                }
                write_value(field, verb, spec, depth + 1, out);
            });
        }
        Value::Map(_) => value::write_separated(entries(operand), ["map[", " ", "]"], out, |(key, item), out| {
            write_value(&text(key), verb, spec, depth + 1, out);
            out.push(':');
            write_value(item, verb, spec, depth + 1, out);
        }),
        other if verb == 'v' => out.push_str(&value::show(other)),
        _ => bad(operand, verb, spec, out),
    }
}

fn is_pairs(operand: &Value) -> bool {
    matches!(operand, Value::List(items) if !items.is_empty() && items.iter().all(|item| Kind::of(item) == Some(Kind::Pair)))
}

/// A verb that the operand has not.
fn bad(operand: &Value, verb: char, spec: &Spec, out: &mut String) {
    out.extend(['%', '!', verb, '(']);
    out.push_str(type_name(operand));
    out.push('=');
    // As in Go, in the width that was asked for.
    match ordinal(operand) {
        // What it is called by is not asked then.
        Some(number) => drop(numbers::integer(i128::from(number), 'v', spec, out)),
        None => write_value(operand, 'v', spec, 0, out),
    }
    out.push(')');
}

fn write_text(found: &str, verb: char, spec: &Spec, operand: &Value, out: &mut String) {
    let cut: String = match spec.precision {
        Some(most) if verb != 'x' && verb != 'X' => found.chars().take(most).collect(),
        _ => found.to_owned(),
    };
    match verb {
        'v' if spec.literal => numbers::pad(&Quoted(found).to_string(), spec, out),
        'v' | 's' => numbers::pad(&cut, spec, out),
        'q' if spec.sharp && !cut.contains('`') && cut.chars().all(|c| c == '\t' || is_printable(c)) => {
            numbers::pad(&format!("`{cut}`"), spec, out);
        }
        'q' => numbers::pad(&numbers::quoted(&cut, spec.plus), spec, out),
        'x' | 'X' => numbers::pad(&numbers::hex(found.as_bytes(), verb == 'X', spec), spec, out),
        _ => bad(operand, verb, spec, out),
    }
}
