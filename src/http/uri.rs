//! What counts as a URI in `generatorURL`: what Go's `url.ParseRequestURI` takes, which is what Alertmanager asks.

/// Whether the text is empty, an absolute URI of any scheme, an absolute path, or `*`.
pub fn is_uri(text: &str) -> bool {
    if text.is_empty() || text == "*" {
        return true;
    }
    // The fragment is cut off unread.
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    if text.is_empty() || text.bytes().any(|byte| byte < 0x20 || byte == 0x7F) {
        return false;
    }
    let (rest, absolute) = match scheme(text) {
        Scheme::None => (text, false),
        Scheme::Rest(rest) => (rest, true),
        Scheme::Wrong => return false,
    };
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    if !rest.starts_with('/') {
        // `mailto:x` is opaque; without a scheme it is no request's URI.
        return absolute;
    }
    let (authority, path) = match rest.strip_prefix("//") {
        // As in Go, three slashes without a scheme are a path.
        Some(after) if absolute || !after.starts_with('/') => {
            let slash = after.find('/').unwrap_or(after.len());
            after.split_at_checked(slash).map_or((None, after), |(authority, path)| (Some(authority), path))
        }
        _ => (None, rest),
    };
    authority.is_none_or(is_authority) && percent_is_well_formed(path)
}

enum Scheme<'a> {
    None,
    Rest(&'a str),
    Wrong,
}

fn scheme(text: &str) -> Scheme<'_> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at > 0 => return text.get(at + 1..).map_or(Scheme::Wrong, Scheme::Rest),
            b':' => return Scheme::Wrong,
            _ => return Scheme::None,
        }
    }
    Scheme::None
}

fn is_authority(authority: &str) -> bool {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (user, host),
        None => ("", authority),
    };
    let user_char = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(user_char) || !percent_is_well_formed(user) {
        return false;
    }
    if let Some(inner) = host.strip_prefix('[') {
        return inner.rsplit_once(']').is_some_and(|(address, port)| is_port(port) && is_host(address, true));
    }
    let (name, port) = host.rfind(':').and_then(|at| host.split_at_checked(at)).unwrap_or((host, ""));
    is_port(port) && is_host(name, false)
}

fn is_port(port: &str) -> bool {
    port.is_empty() || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Hosts may hold what is not ASCII; of ASCII what Go allows. A percent sign is for zones of addresses, and for bytes
/// beyond ASCII.
fn is_host(host: &str, bracketed: bool) -> bool {
    let allowed = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:[]<>\"%".contains(c);
    if !host.chars().all(allowed) || !percent_is_well_formed(host) {
        return false;
    }
    bracketed
        || !host.contains('[')
            && host.match_indices('%').all(|(at, _)| host.as_bytes().get(at + 1).is_some_and(|digit| *digit >= b'8'))
}

fn percent_is_well_formed(text: &str) -> bool {
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = text.as_bytes();
    text.match_indices('%').all(|(at, _)| digit(bytes.get(at + 1)) && digit(bytes.get(at + 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_takes_them() {
        let taken = [
            "",
            "http://a/b c",
            "/rel",
            "mailto:x",
            "//host/x",
            "javascript:alert(1)",
            "foo:",
            "http://h:99999/",
            "http://a/#%zz",
            "http://h#x/",
            "HTTP://x",
            "http://",
            "http:",
            "*",
            "/a b",
            "http://h/?q=a b%zz",
            "http://a<b/",
            "http://é/",
            "http://[fe80::1%25en0]/",
            "http://[::1]:9090/graph?g0.expr=up",
            "a+b.c-1:x",
            "/é",
            "http://u:p@h/",
        ];
        for text in taken {
            assert!(is_uri(text), "{text:?}");
        }
        let refused = [
            "foo",
            "foo bar",
            "http://[::1",
            "http://a[b/",
            "http://a b",
            "%zz",
            "/%zz",
            ":foo",
            "1a:b",
            "http://h:x/",
            "?a",
            "#a",
            "http://a/\u{1}",
            "a/b:c",
            "http://user:pa ss@h/",
            "http://h%41/",
            "http://h%zz/",
        ];
        for text in refused {
            assert!(!is_uri(text), "{text:?}");
        }
    }
}
