//! Lists of mail addresses, as people write them: `a@b.c, "Shift, early" <d@e.f>`.
//!
//! Each address stands for itself: one that cannot be read does not keep the mail from the others.

use std::str::FromStr as _;

use lettre::Address;

/// An address and, maybe, whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mailbox {
    /// Whose; empty if nobody said.
    pub(super) name: String,
    /// Where to.
    pub(super) address: Address,
}

/// Reads a list; what cannot be read comes with the reason in its place.
pub(super) fn read_list(text: &str) -> Vec<Result<Mailbox, String>> {
    split(text).into_iter().map(str::trim).filter(|entry| !entry.is_empty()).map(read).collect()
}

/// Splits at the commas that stand outside of quotes and angle brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    text.split(|c: char| {
        let was_escaped = escaped;
        escaped = quoted && !was_escaped && c == '\\';
        match c {
            '"' if !was_escaped => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' => return !quoted && !bracketed,
            _ => {}
        }
        false
    })
    .collect()
}

fn read(entry: &str) -> Result<Mailbox, String> {
    let broken = |why: &str| format!("{entry:?} is no mail address{why}");
    let (name, address) = match entry.strip_suffix('>').and_then(|entry| entry.rsplit_once('<')) {
        Some((name, address)) => (unquoted(name.trim()), address.trim()),
        None => (String::new(), entry),
    };
    // What quotes may hold by the book has no place in an SMTP command.
    let hidden = entry.chars().any(char::is_control);
    if hidden
        || address.chars().any(|c| c.is_whitespace() || "<>".contains(c))
        || (name.contains('@') && !entry.starts_with('"'))
    {
        return Err(broken(""));
    }
    let address = Address::from_str(address).map_err(|error| broken(&format!(": {error}")))?;
    Ok(Mailbox { name, address })
}

fn unquoted(name: &str) -> String {
    let Some(inner) = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) else { return name.to_owned() };
    let mut out = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_address_by_address() {
        //          list, what it says: `name|address`, or nothing for what cannot be read
        let rows: [(&str, &[&str]); 13] = [
            ("a@b.example", &["|a@b.example"]),
            (" a@b.example ,, c@d.example,", &["|a@b.example", "|c@d.example"]),
            ("Shift <a@b.example>, c@d.example", &["Shift|a@b.example", "|c@d.example"]),
            (r#""Shift, \"early\"" <a@b.example>"#, &[r#"Shift, "early"|a@b.example"#]),
            ("Überwachung <ü@straße.example>", &["Überwachung|ü@straße.example"]),
            ("a@b.example c@d.example", &[""]),
            ("nobody, c@d.example", &["", "|c@d.example"]),
            ("a@b.example\r\nRCPT TO:<x@y.example>", &[""]),
            ("a@b.example <x@y.example>", &[""]),
            ("\"a@b.example\" <x@y.example>", &["a@b.example|x@y.example"]),
            ("<a@b.example\r\nDATA>", &[""]),
            ("\"a\u{0}\"@b.example", &[""]),
            ("", &[]),
        ];
        for (list, expected) in rows {
            let shown =
                |entry: Result<Mailbox, String>| entry.map_or(String::new(), |m| format!("{}|{}", m.name, m.address));
            let found: Vec<_> = read_list(list).into_iter().map(shown).collect();
            assert_eq!(found, expected, "{list:?}");
        }
        assert_eq!(
            read_list("nobody").remove(0).unwrap_err(),
            r#""nobody" is no mail address: Missing domain or user"#
        );
    }
}
