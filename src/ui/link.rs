//! Links: what may stand in one, and queries made of parts.

use url::form_urlencoded::byte_serialize;

/// The longest link to another site that is offered.
const LONGEST: usize = 2_048;

/// The text as a part of a path or a query.
pub fn encoded(text: &str) -> String {
    // In a path a plus would be a plus.
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// `?a=1&b=2` of those that are not empty; nothing if all are.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.push_str(&encoded(value));
    }
    text
}

/// The address if a browser may be sent there: HTTP or HTTPS, with a host.
pub fn to_other_site(address: &str) -> Option<String> {
    let address = address.trim();
    let parsed = url::Url::parse(address).ok().filter(|_| address.len() <= LONGEST)?;
    (matches!(parsed.scheme(), "http" | "https") && parsed.has_host()).then(|| parsed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_is_linked_to() {
        for refused in
            ["", "javascript:alert(1)", " JAVASCRIPT:alert(1)", "data:text/html,x", "/graph", "//host", "ftp://h/"]
        {
            assert_eq!(to_other_site(refused), None, "{refused}");
        }
        assert_eq!(to_other_site("http://p:9090/graph?x=\"<y>"), Some("http://p:9090/graph?x=%22%3Cy%3E".into()));
        assert_eq!(to_other_site(&format!("http://h/{}", "x".repeat(LONGEST))), None);
    }

    #[test]
    fn queries_leave_out_what_is_empty() {
        assert_eq!(query(&[("a", ""), ("b", "x y&z")]), "?b=x%20y%26z");
        assert_eq!(query(&[("a", "")]), "");
    }
}
