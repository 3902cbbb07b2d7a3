//! Under which address people reach Andon, and which prefix its own paths have.

/// The external URL without slashes at its end: what `--web.external-url` says, or the host's name and the port of
/// `listen`.
///
/// # Errors
/// In Alertmanager's words.
pub fn derive(external: &str, hostname: &str, listen: &str) -> Result<String, String> {
    if external.is_empty() {
        let (_, port) = listen.rsplit_once(':').ok_or_else(|| format!("address {listen}: missing port in address"))?;
        return Ok(format!("http://{hostname}:{port}"));
    }
    let parse_error = |why: &str| format!("parse {external:?}: {why}");
    let scheme = match external.find(':') {
        Some(0) => return Err(parse_error("missing protocol scheme")),
        Some(end) => &external[..end],
        None => "",
    };
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return Err(format!("{external:?}: invalid {scheme:?} scheme, only 'http' and 'https' are supported"));
    }
    let parsed = url::Url::parse(external).map_err(|error| parse_error(&error.to_string()))?;
    if external.split_once("://").is_none() || !parsed.has_host() {
        return Err(parse_error("no host in it"));
    }
    let (before_query, query) = external.split_at(external.find(['?', '#']).unwrap_or(external.len()));
    Ok(format!("{}{query}", before_query.trim_end_matches('/')))
}

/// The prefix of all paths: what `--web.route-prefix` says, or the path of the external URL; `/` if there is none.
pub fn route_prefix(given: Option<&str>, external_url: &str) -> String {
    let path = url::Url::parse(external_url).map(|url| url.path().to_owned()).unwrap_or_default();
    format!("/{}", given.unwrap_or(&path).trim_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (external, listen, expected) in [
            ("", ":9093", "http://foo:9093"),
            ("", "localhost:9093", "http://foo:9093"),
            ("", "[::1]:80", "http://foo:80"),
            ("https://host.example.com", "", "https://host.example.com"),
            ("https://host.example.com/", "", "https://host.example.com"),
            ("http://host.example.com/alertmanager/", "", "http://host.example.com/alertmanager"),
            ("http://host.example.com/////am//", "", "http://host.example.com/////am"),
        ] {
            assert_eq!(derive(external, "foo", listen).as_deref(), Ok(expected), "{external}");
        }
    }

    #[test]
    fn refusals_are_alertmanagers() {
        for (external, expected) in [
            ("", "address : missing port in address"),
            ("://broken url", r#"parse "://broken url": missing protocol scheme"#),
            ("foo", r#""foo": invalid "" scheme, only 'http' and 'https' are supported"#),
            ("a.b:80", r#""a.b:80": invalid "a.b" scheme, only 'http' and 'https' are supported"#),
            ("http:a", r#"parse "http:a": no host in it"#),
        ] {
            assert_eq!(derive(external, "foo", ""), Err(expected.to_owned()));
        }
    }

    #[test]
    fn prefixes() {
        for (given, external, expected) in [
            (None, "http://a", "/"),
            (None, "http://a/am", "/am"),
            (Some("/"), "http://a/am", "/"),
            (Some("x/y/"), "http://a/am", "/x/y"),
        ] {
            assert_eq!(route_prefix(given, external), expected);
        }
    }
}
