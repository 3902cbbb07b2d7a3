//! Single values that have a form: URLs as Go's `net/url` takes them, host and port, secrets, TLS versions.

use std::cmp::Ordering;

use super::environment;
use super::secret::Secret;
use super::settings::{SecretSource, TlsVersion};
use super::template_syntax;
use super::url::Url;
use crate::core::quote::Quoted;

/// What is shown in place of a secret, and accepted in place of a secret URL.
pub const SECRET: &str = "<secret>";
/// What may stand where a URL is read.
pub const ALLOWED_URL: &str = "an http or https URL with a host";
/// What may stand where [`secret_template_url`] reads.
pub const ALLOWED_TEMPLATE_URL: &str = "an http or https URL with a host, or a template that makes one";

/// What may stand where an address is read.
pub const ALLOWED_HOST_PORT: &str = "host:port";

/// Reads an HTTP URL; answers it as Go prints it. What refers to the environment stays as it is written.
///
/// # Errors
/// Alertmanager's sentence.
pub fn http_url(text: &str) -> Result<String, String> {
    let named = environment::replaced(text);
    match environment::unset(&named) {
        // What is not known yet cannot be checked; whoever needs it is not configured until then.
        Some(_) => Ok(text.to_owned()),
        None => parse_http(&named, &named).map(|url| if named == text { url.to_string() } else { text.to_owned() }),
    }
}

/// Reads an HTTP URL that is a secret. `<secret>` is accepted, since amtool loads what the API shows; `${env:NAME}` is
/// looked up when it is used.
///
/// # Errors
/// Alertmanager's sentence, without the URL.
pub fn secret_url(text: &str) -> Result<String, String> {
    match text == SECRET || environment_name(text).is_some() {
        true => Ok(text.to_owned()),
        false => parse_http(text, SECRET).map(|url| url.to_string()),
    }
}

/// Reads an HTTP URL that is a secret and may be a template. A template is looked at for its syntax alone.
///
/// # Errors
/// Alertmanager's sentence, without the URL.
pub fn secret_template_url(text: &str) -> Result<String, String> {
    if text.is_empty() || text == SECRET || environment_name(text).is_some() {
        return Ok(text.to_owned());
    }
    if text.contains("{{") {
        template_syntax::check(text).map_err(|reason| format!("invalid template syntax: {reason}"))?;
    } else {
        parse_http(text, SECRET).map_err(|reason| format!("invalid URL: {reason}"))?;
    }
    Ok(text.to_owned())
}

/// Reads a URL of any scheme, or none.
///
/// # Errors
/// Go's sentence, without the URL, for it may hold a password.
pub fn any_url(text: &str) -> Result<String, String> {
    if environment_name(text).is_some() {
        return Ok(text.to_owned());
    }
    Url::parse(text).map(|url| url.to_string()).map_err(|reason| format!("parse {}: {reason}", Quoted(SECRET)))
}

/// A URL as it is shown: with `xxxxx` for its password.
pub fn without_password(text: &str) -> String {
    Url::parse(text).map_or_else(|_| text.to_owned(), |url| url.redacted().to_string())
}

/// A URL whose path ends with a slash.
pub fn with_slash(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if !url.path.ends_with('/') => {
            url.path.push('/');
            url.to_string()
        }
        _ => text.to_owned(),
    }
}

fn parse_http(text: &str, shown: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|reason| format!("parse {}: {reason}", Quoted(shown)))?;
    match url.scheme.as_str() {
        "http" | "https" if url.host.is_empty() => Err("missing host for URL".into()),
        "http" | "https" => Ok(url),
        scheme => Err(format!("unsupported scheme {} for URL", Quoted(scheme))),
    }
}

/// Reads `host:port`, or nothing. What refers to the environment stays as it is written.
///
/// # Errors
/// Alertmanager's sentence.
pub fn host_port(text: &str) -> Result<String, String> {
    let named = environment::replaced(text);
    if !named.is_empty() && environment::unset(&named).is_none() {
        split_host_port(&named)?;
    }
    Ok(text.to_owned())
}

/// What [`host_port`] read, with what the environment says; where that is malformed, as it is written.
pub fn host_port_named(text: &str) -> String {
    let named = environment::replaced(text);
    if named.is_empty() || split_host_port(&named).is_ok() { named } else { text.to_owned() }
}

/// Host and port, the brackets of an IPv6 address taken off.
///
/// # Errors
/// Alertmanager's sentence.
pub fn split_host_port(text: &str) -> Result<(&str, &str), String> {
    let refuse = |reason: &str| Err(format!("address {text}: {reason}"));
    let Some((host, port)) = text.rsplit_once(':') else { return refuse("missing port in address") };
    let host = match host.strip_prefix('[') {
        Some(inside) => match inside.split_once(']') {
            None if port.ends_with(']') => return refuse("missing port in address"),
            None => return refuse("missing ']' in address"),
            Some((host, "")) => host,
            Some((_, rest)) if rest.starts_with(':') => return refuse("too many colons in address"),
            Some(_) => return refuse("missing port in address"),
        },
        None if host.contains(':') => return refuse("too many colons in address"),
        None => host,
    };
    if host.contains('[') || port.contains('[') {
        return refuse("unexpected '[' in address");
    }
    if host.contains(']') || port.contains(']') {
        return refuse("unexpected ']' in address");
    }
    match port.is_empty() {
        true => Err(format!("address {}: port cannot be empty", Quoted(text))),
        false => Ok((host, port)),
    }
}

/// Reads a version of TLS.
///
/// # Errors
/// Alertmanager's sentence.
pub fn tls_version(text: &str) -> Result<String, String> {
    match TLS_VERSIONS.iter().any(|(name, _)| *name == text) {
        true => Ok(text.to_owned()),
        false => Err(format!("unknown TLS version: {text}")),
    }
}

/// The versions of TLS by their names.
pub const TLS_VERSIONS: [(&str, TlsVersion); 4] = [
    ("TLS10", TlsVersion::Tls10),
    ("TLS11", TlsVersion::Tls11),
    ("TLS12", TlsVersion::Tls12),
    ("TLS13", TlsVersion::Tls13),
];

/// A secret as it stands in the configuration: itself, or `${env:NAME}`.
pub fn secret_source(text: &str) -> SecretSource {
    match environment_name(text) {
        Some(name) => SecretSource::Env(name.to_owned()),
        None => SecretSource::Inline(Secret::new(text)),
    }
}

/// The `NAME` of `${env:NAME}`; a secret has no default.
fn environment_name(text: &str) -> Option<&str> {
    match environment::reference(text)? {
        (name, None) => Some(name),
        (_, Some(_)) => None,
    }
}

/// Why Go takes a text for no duration.
pub fn go_duration_refusal(text: &str) -> String {
    let number = text.trim_start_matches(['-', '+']);
    let digits = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
    let (digits, rest) = number.split_at(digits);
    let unit = rest.split(|c: char| c.is_ascii_digit() || c == '.').next().unwrap_or_default();
    match (digits.is_empty() || digits == ".", unit) {
        (true, _) => format!("time: invalid duration {}", Quoted(text)),
        (false, "") => format!("time: missing unit in duration {}", Quoted(text)),
        (false, "ns" | "us" | "µs" | "μs" | "ms" | "s" | "m" | "h") => {
            format!("time: invalid duration {}", Quoted(text))
        }
        (false, unit) => format!("time: unknown unit {} in duration {}", Quoted(unit), Quoted(text)),
    }
}

/// The canonical form of a header's name, as Go's `textproto` has it: `x-custom` becomes `X-Custom`.
pub fn canonical_header(name: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(is_token) {
        return name.to_owned();
    }
    let mut upper = true;
    name.chars()
        .map(|c| {
            let c = if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            upper = c == '-';
            c
        })
        .collect()
}

/// The order in which yaml.v2 prints keys: digits as numbers, letters after everything else.
pub fn natural_order(left: &str, right: &str) -> Ordering {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let Some(i) = left.iter().zip(&right).position(|(l, r)| l != r) else {
        return left.len().cmp(&right.len());
    };
    let (Some(l), Some(r)) = (left.get(i), right.get(i)) else { return Ordering::Equal };
    match (l.is_alphabetic(), r.is_alphabetic()) {
        (true, true) => return l.cmp(r),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Inside a number, a zero is a digit like any other.
    let before = left.iter().take(i).rev().take_while(|c| c.is_numeric());
    let start = u64::from((*l == '0' || *r == '0') && before.clone().any(|c| *c != '0'));
    let number = |text: &[char]| {
        let digits = text.iter().skip(i).map_while(|c| c.to_digit(10));
        digits.fold((start, 0_usize), |(number, length), digit| {
            (number.saturating_mul(10).saturating_add(u64::from(digit)), length + 1)
        })
    };
    number(&left).cmp(&number(&right)).then_with(|| l.cmp(r))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_go_reads_them() {
        let rows = [
            ("http://example.com/a b", Ok("http://example.com/a%20b")),
            ("HTTP://example.com", Ok("http://example.com")),
            ("https://u:p@h:1/x?y#z", Ok("https://u:p@h:1/x?y#z")),
            ("", Err("unsupported scheme \"\" for URL")),
            ("/home", Err("unsupported scheme \"\" for URL")),
            ("://example.com", Err("parse \"://example.com\": missing protocol scheme")),
            ("http:example.com", Err("missing host for URL")),
            ("telnet://example.com", Err("unsupported scheme \"telnet\" for URL")),
            ("http://a b/", Err("parse \"http://a b/\": invalid character \" \" in host name")),
            ("http://a:x/", Err("parse \"http://a:x/\": invalid port \":x\" after host")),
            ("http://a/%zz", Err("parse \"http://a/%zz\": invalid URL escape \"%zz\"")),
        ];
        for (text, expected) in rows {
            assert_eq!(http_url(text).as_deref().map_err(String::as_str), expected, "{text}");
        }
    }

    #[test]
    fn secret_urls_do_not_show_in_what_is_said_about_them() {
        let rows = [
            (secret_url("<secret>"), Ok("<secret>")),
            (secret_url("${env:HOOK}"), Ok("${env:HOOK}")),
            (secret_url("http://a:hidden/"), Err("parse \"<secret>\": invalid port \":hidden\" after host")),
            (secret_template_url("not-a-url-{{ .Status }}"), Ok("not-a-url-{{ .Status }}")),
            (secret_template_url("example.com/x"), Err("invalid URL: unsupported scheme \"\" for URL")),
            (
                secret_template_url("http://x/{{ .Invalid"),
                Err("invalid template syntax: template: :1: unclosed action"),
            ),
            (any_url("://x"), Err("parse \"<secret>\": missing protocol scheme")),
        ];
        for (found, expected) in rows {
            assert_eq!(found.as_deref().map_err(String::as_str), expected);
        }
    }

    #[test]
    fn host_and_port() {
        let rows = [
            ("localhost:25", Ok(("localhost", "25"))),
            (":25", Ok(("", "25"))),
            ("[fd12::1]:25", Ok(("fd12::1", "25"))),
            ("localhost", Err("address localhost: missing port in address")),
            ("localhost:", Err("address \"localhost:\": port cannot be empty")),
            ("a:b:c", Err("address a:b:c: too many colons in address")),
            ("[::1]", Err("address [::1]: missing port in address")),
        ];
        for (text, expected) in rows {
            assert_eq!(split_host_port(text).as_ref().map_err(String::as_str), expected.as_ref().map_err(|e| *e));
        }
    }

    #[test]
    fn keys_are_ordered_as_yaml_v2_orders_them() {
        let mut keys = ["b", "a10", "a9", "a", "_x", "1", "10", "2", "B", "a-b", "ab"];
        keys.sort_by(|left, right| natural_order(left, right));
        assert_eq!(keys, ["_x", "1", "2", "10", "B", "a", "a-b", "a9", "a10", "ab", "b"]);
    }

    #[test]
    fn header_names_are_canonical() {
        for (name, canonical) in [("x-custom", "X-Custom"), ("SUBJECT", "Subject"), ("a b", "a b"), ("", "")] {
            assert_eq!(canonical_header(name), canonical);
        }
    }
}
