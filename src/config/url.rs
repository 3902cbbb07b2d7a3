//! URLs as Go's `net/url` reads and prints them: what Alertmanager accepts, we accept, and show it the same.

use std::fmt;

/// A URL in its parts. The parts are escaped as they are printed, the host aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// In lower case; empty if there is none.
    pub scheme: String,
    /// What follows the scheme where no slash does.
    opaque: String,
    /// The user, and the password if there is one.
    user: Option<(String, Option<String>)>,
    /// Host and port.
    pub host: String,
    /// With its first slash.
    pub path: String,
    query: Option<String>,
    fragment: Option<String>,
}

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    /// Go's reason, without the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            return Err("net/url: invalid control character in URL".into());
        }
        let (rest, fragment) = split_off(text, '#');
        let (scheme, rest) = scheme(rest)?;
        let (rest, query) = split_off(rest, '?');
        let mut url = Self { scheme, query, ..Self::default() };
        if let Some(fragment) = fragment {
            check_escapes(&fragment)?;
            url.fragment = Some(escape(&fragment, Part::Fragment));
        }
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_owned();
                return Ok(url);
            }
            if rest.split('/').next().is_some_and(|first| first.contains(':')) {
                return Err("first path segment in URL cannot contain colon".into());
            }
        }
        let mut path = rest;
        if let Some(after) = rest.strip_prefix("//")
            && (!url.scheme.is_empty() || !rest.starts_with("///"))
        {
            let (authority, after) = after.split_at(after.find('/').unwrap_or(after.len()));
            path = after;
            url.authority(authority)?;
        }
        check_escapes(path)?;
        url.path = escape(path, Part::Path);
        Ok(url)
    }

    /// The same URL with `xxxxx` for its password.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        if let Some((_, Some(password))) = &mut self.user {
            *password = "xxxxx".into();
        }
        self
    }

    fn authority(&mut self, authority: &str) -> Result<(), String> {
        let host = match authority.rsplit_once('@') {
            None => authority,
            Some((user, host)) => {
                let valid = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
                if !user.chars().all(valid) {
                    return Err("net/url: invalid userinfo".into());
                }
                check_escapes(user)?;
                self.user = Some(match user.split_once(':') {
                    Some((name, password)) => (name.to_owned(), Some(password.to_owned())),
                    None => (user.to_owned(), None),
                });
                host
            }
        };
        check_host(host)?;
        host.clone_into(&mut self.host);
        Ok(())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.scheme.is_empty() {
            write!(f, "{}:", self.scheme)?;
        }
        f.write_str(&self.opaque)?;
        if self.opaque.is_empty() && (!self.scheme.is_empty() || !self.host.is_empty() || self.user.is_some()) {
            f.write_str("//")?;
            match &self.user {
                Some((name, Some(password))) => write!(f, "{name}:{password}@")?,
                Some((name, None)) => write!(f, "{name}@")?,
                None => {}
            }
            f.write_str(&self.host)?;
        }
        f.write_str(&self.path)?;
        if let Some(query) = &self.query {
            write!(f, "?{query}")?;
        }
        match &self.fragment {
            Some(fragment) if !fragment.is_empty() => write!(f, "#{fragment}"),
            _ => Ok(()),
        }
    }
}

fn split_off(text: &str, at: char) -> (&str, Option<String>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after.to_owned())))
}

fn scheme(text: &str) -> Result<(String, &str), String> {
    for (i, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if i > 0 => {}
            ':' if i == 0 => return Err("missing protocol scheme".into()),
            ':' => {
                let (scheme, rest) = text.split_at(i);
                return Ok((scheme.to_ascii_lowercase(), rest.strip_prefix(':').unwrap_or(rest)));
            }
            _ => break,
        }
    }
    Ok((String::new(), text))
}

fn check_host(host: &str) -> Result<(), String> {
    let port = match host.strip_prefix('[') {
        Some(inside) => match inside.split_once(']') {
            Some((_, port)) => port,
            None => return Err("missing ']' in host".into()),
        },
        None => host.rfind(':').map_or("", |colon| host.split_at(colon).1),
    };
    let digits = port.strip_prefix(':').map(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    if !port.is_empty() && digits != Some(true) {
        return Err(format!("invalid port {port:?} after host"));
    }
    // In a host only these may be escaped, and of ASCII only these may stand.
    check_escapes(host)?;
    let valid = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(c);
    match host.chars().find(|c| !valid(*c)) {
        Some(c) => Err(format!("invalid character {:?} in host name", c.to_string())),
        None => Ok(()),
    }
}

/// Every `%` has to be followed by two hexadecimal digits.
fn check_escapes(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let escape: String =
            rest.chars().skip(rest.get(..at).map_or(0, |before| before.chars().count())).take(3).collect();
        let hex = escape.chars().skip(1).filter(char::is_ascii_hexdigit).count();
        if hex != 2 {
            return Err(format!("invalid URL escape {escape:?}"));
        }
        rest = rest.get(at + 1..).unwrap_or_default();
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Fragment,
}

/// Escapes what may not stand in a part as it is. Where the text is valid as it stands it stays so.
fn escape(text: &str, part: Part) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        let stands = c.is_ascii_alphanumeric() || "-_.~$&+,/:;=@!'()*[]%".contains(c);
        if stands || (c == '?' && part == Part::Fragment) {
            escaped.push(c);
            continue;
        }
        let mut buffer = [0; 4];
        for byte in c.encode_utf8(&mut buffer).bytes() {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_printed_again() {
        let rows = [
            ("http://h", "http://h"),
            ("http://h:1/a%2Fb?c=d%#e", "http://h:1/a%2Fb?c=d%#e"),
            ("http://u:p@[::1]:2/ü", "http://u:p@[::1]:2/%C3%BC"),
            ("foo", "foo"),
            ("mailto:x@y", "mailto:x@y"),
            ("/a/b", "/a/b"),
            ("", ""),
        ];
        for (text, printed) in rows {
            assert_eq!(Url::parse(text).map(|url| url.to_string()).as_deref(), Ok(printed), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (text, shown) in [("http://u:p@h/", "http://u:xxxxx@h/"), ("http://u@h", "http://u@h")] {
            assert_eq!(Url::parse(text).map(|url| url.redacted().to_string()).as_deref(), Ok(shown));
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        let rows = [
            (":", "missing protocol scheme"),
            ("a\nb", "net/url: invalid control character in URL"),
            ("1:2", "first path segment in URL cannot contain colon"),
            ("http://u\"x@h", "net/url: invalid userinfo"),
            ("http://[::1", "missing ']' in host"),
            ("http://h/%4", "invalid URL escape \"%4\""),
            ("http://h/%é1", "invalid URL escape \"%é1\""),
        ];
        for (text, reason) in rows {
            assert_eq!(Url::parse(text).map(|_| ()), Err(reason.to_owned()), "{text}");
        }
    }
}
