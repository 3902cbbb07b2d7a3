//! Which endpoint a path means, as Go's multiplexer and the router under it decide: paths are cleaned by a redirect, a
//! slash too many or wrong case redirects, API v2 takes a slash at the end.

use http::{Method, StatusCode, Uri};

use super::query::decode;

/// What a path leads to.
pub enum Path {
    /// Elsewhere.
    Redirect {
        /// 301, 302 or 307.
        status: StatusCode,
        /// Where.
        to: String,
    },
    /// API v2.
    V2(V2),
    /// Andon's own API; what stands behind `/api/andon/v1/`.
    Andon(String),
    /// The pages for people; what stands behind `/ui/`.
    Page(String),
    /// The endpoints for operators, and the page at `/`.
    Ops(Ops),
    /// A link in a mail about a work order; its token.
    MailLink(String),
    /// Nowhere.
    NotFound,
}

/// An endpoint of API v2.
pub enum V2 {
    /// `alerts`
    Alerts,
    /// `alerts/groups`
    Groups,
    /// `silences`
    Silences,
    /// `silence/{silenceID}`
    Silence(String),
    /// `receivers`
    Receivers,
    /// `status`
    Status,
    /// None; the path without the prefix.
    Unknown(String),
}

impl V2 {
    /// The methods it takes, as `Allow` lists them.
    pub fn allowed(&self) -> &'static str {
        match self {
            Self::Alerts | Self::Silences => "GET,POST",
            Self::Silence(_) => "DELETE,GET",
            Self::Groups | Self::Receivers | Self::Status => "GET",
            Self::Unknown(_) => "",
        }
    }

    /// Its name in metrics.
    pub fn pattern(&self) -> Option<&'static str> {
        Some(match self {
            Self::Alerts => "/api/v2/alerts",
            Self::Groups => "/api/v2/alerts/groups",
            Self::Silences => "/api/v2/silences",
            Self::Silence(_) => "/api/v2/silence/{silenceID}",
            Self::Receivers => "/api/v2/receivers",
            Self::Status => "/api/v2/status",
            Self::Unknown(_) => return None,
        })
    }

    fn parse(path: &str) -> Self {
        match path.strip_suffix('/').unwrap_or(path) {
            "/api/v2/alerts" => Self::Alerts,
            "/api/v2/alerts/groups" => Self::Groups,
            "/api/v2/silences" => Self::Silences,
            "/api/v2/receivers" => Self::Receivers,
            "/api/v2/status" => Self::Status,
            trimmed => match trimmed.strip_prefix("/api/v2/silence/") {
                Some(id) if !id.is_empty() && !id.contains('/') => {
                    Self::Silence(decode(id, false).unwrap_or_else(|| id.to_owned()))
                }
                _ => Self::Unknown(path.to_owned()),
            },
        }
    }
}

/// An endpoint outside the APIs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ops {
    /// `/`: a page.
    Root,
    /// `/-/healthy`
    Healthy,
    /// `/-/ready`
    Ready,
    /// `/-/reload`
    Reload,
    /// `/metrics`
    Metrics,
    /// What API v1 had: says that it is gone. The pattern, and its methods.
    V1(&'static str, &'static [Method]),
}

const GET: &[Method] = &[Method::GET];
const GET_POST: &[Method] = &[Method::GET, Method::POST];
const GET_DELETE: &[Method] = &[Method::DELETE, Method::GET];
const GET_HEAD: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];

impl Ops {
    /// The methods it takes, OPTIONS aside.
    pub fn methods(self) -> &'static [Method] {
        match self {
            Self::Root | Self::Metrics => GET,
            Self::Healthy | Self::Ready => GET_HEAD,
            Self::Reload => POST,
            Self::V1(_, methods) => methods,
        }
    }

    /// Its name in metrics.
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Healthy => "/-/healthy",
            Self::Ready => "/-/ready",
            Self::Reload => "/-/reload",
            Self::Metrics => "/metrics",
            Self::V1(pattern, _) => pattern,
        }
    }

    fn parse(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Root,
            "/-/healthy" => Self::Healthy,
            "/-/ready" => Self::Ready,
            "/-/reload" => Self::Reload,
            "/metrics" => Self::Metrics,
            "/api/v1/status" => Self::V1("/status", GET),
            "/api/v1/receivers" => Self::V1("/receivers", GET),
            "/api/v1/alerts" => Self::V1("/alerts", GET_POST),
            "/api/v1/silences" => Self::V1("/silences", GET_POST),
            _ => {
                let id = path.strip_prefix("/api/v1/silence/")?;
                return (!id.is_empty() && !id.contains('/')).then_some(Self::V1("/silence/:sid", GET_DELETE));
            }
        })
    }
}

impl Path {
    /// Where a request for `uri` goes on a service under `prefix` (empty, or with a slash before and none behind).
    pub fn of(prefix: &str, method: &Method, uri: &Uri) -> Self {
        let asked = uri.path();
        let moved = |to: String| {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            Self::Redirect { status: StatusCode::MOVED_PERMANENTLY, to: to + &query }
        };
        if let Some(clean) = cleaned(asked) {
            return moved(clean);
        }
        let get = *method == Method::GET;
        if !prefix.is_empty() && asked == "/" {
            // With another method it is a page that does not take it.
            return if get {
                Self::Redirect { status: StatusCode::FOUND, to: prefix.to_owned() }
            } else {
                Self::Ops(Ops::Root)
            };
        }
        let path = match asked.strip_prefix(prefix) {
            Some("") if get => return moved(format!("{prefix}/")),
            Some(path) if path.starts_with('/') => path,
            _ => return Self::NotFound,
        };
        if path == "/api/v2" {
            return moved(format!("{prefix}/api/v2/"));
        }
        if path.starts_with("/api/v2/") {
            return Self::V2(V2::parse(path));
        }
        if let Some(rest) = path.strip_prefix("/api/andon/v1/") {
            return Self::Andon(rest.to_owned());
        }
        if let Some(token) = path.strip_prefix("/mail/") {
            return Self::MailLink(token.to_owned());
        }
        match path.strip_prefix("/ui") {
            Some("" | "/") if *method == Method::GET => return moved(format!("{prefix}/")),
            Some(rest) if rest.starts_with('/') => return Self::Page(rest.trim_matches('/').to_owned()),
            _ => {}
        }
        if let Some(endpoint) = Ops::parse(path) {
            return Self::Ops(endpoint);
        }
        let lower = path.trim_end_matches('/').to_ascii_lowercase();
        match Ops::parse(&lower).filter(|endpoint| endpoint.methods().contains(method)) {
            Some(_) if *method == Method::GET => moved(format!("{prefix}{lower}")),
            Some(_) => Self::Redirect { status: StatusCode::TEMPORARY_REDIRECT, to: format!("{prefix}{lower}") },
            None => Self::NotFound,
        }
    }
}

/// The path without empty and dotted parts, if it has any.
fn cleaned(path: &str) -> Option<String> {
    let odd = |part: &&str| matches!(*part, "" | "." | "..");
    let body = path.strip_prefix('/')?;
    let inner = body.strip_suffix('/').unwrap_or(body);
    if body.is_empty() || !inner.split('/').any(|part| odd(&part)) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in body.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let clean = format!("/{}", parts.join("/"));
    Some(if body.ends_with('/') && clean != "/" { clean + "/" } else { clean })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(prefix: &str, uri: &str) -> String {
        match Path::of(prefix, &Method::GET, &uri.parse().unwrap()) {
            Path::Redirect { status, to } => format!("{} {to}", status.as_u16()),
            Path::V2(V2::Unknown(path)) => format!("v2 unknown {path}"),
            Path::V2(V2::Silence(id)) => format!("v2 silence {id}"),
            Path::V2(endpoint) => format!("v2 {}", endpoint.pattern().unwrap()),
            Path::Andon(rest) => format!("andon {rest}"),
            Path::MailLink(token) => format!("mail {token}"),
            Path::Page(rest) => format!("page {rest}"),
            Path::Ops(endpoint) => format!("ops {}", endpoint.pattern()),
            Path::NotFound => "404".into(),
        }
    }

    #[test]
    fn only_a_get_is_led_to_the_prefix() {
        for (uri, expected) in [("/", true), ("/am", false)] {
            let path = Path::of("/am", &Method::POST, &uri.parse().unwrap());
            assert_eq!(matches!(path, Path::Ops(Ops::Root)), expected, "{uri}");
            assert_eq!(matches!(path, Path::NotFound), !expected, "{uri}");
        }
    }

    #[test]
    fn paths() {
        for (prefix, uri, expected) in [
            ("", "/api/v2", "301 /api/v2/"),
            ("", "/api/v2/", "v2 unknown /api/v2/"),
            ("", "//api/v2/alerts?a=1", "301 /api/v2/alerts?a=1"),
            ("", "/api//v2/alerts/", "301 /api/v2/alerts/"),
            ("", "/api/v2/../x", "301 /api/x"),
            ("", "//", "301 /"),
            ("", "/api/v2/alerts/", "v2 /api/v2/alerts"),
            ("", "/api/v2/alerts/groups", "v2 /api/v2/alerts/groups"),
            ("", "/api/v2/foo", "v2 unknown /api/v2/foo"),
            ("", "/api/v2/silence/", "v2 unknown /api/v2/silence/"),
            ("", "/api/v2/silence/x%20y", "v2 silence x y"),
            ("", "/api/v1/alerts", "ops /alerts"),
            ("", "/api/v1/silence/x", "ops /silence/:sid"),
            ("", "/api/v1/foo", "404"),
            ("", "/", "ops /"),
            ("", "/-/healthy/", "301 /-/healthy"),
            ("", "/-/HEALTHY", "301 /-/healthy"),
            ("", "/-/reload/", "404"),
            ("", "/metrics", "ops /metrics"),
            ("", "/api/andon/v1/work-orders/WO-1", "andon work-orders/WO-1"),
            ("", "/api/", "404"),
            ("", "/ui", "301 /"),
            ("", "/ui/", "301 /"),
            ("", "/uix", "404"),
            ("", "/mail/a.b", "mail a.b"),
            ("/am", "/mail/a.b", "404"),
            ("", "/ui/work-orders/WO-1/", "page work-orders/WO-1"),
            ("/am", "/am/ui/silences", "page silences"),
            ("/am", "/ui/silences", "404"),
            ("/am", "/", "302 /am"),
            ("/am", "/am", "301 /am/"),
            ("/am", "/am/", "ops /"),
            ("/am", "/am/api/v2/status", "v2 /api/v2/status"),
            ("/am", "/am/api/v2/foo", "v2 unknown /api/v2/foo"),
            ("/am", "/api/v2/status", "404"),
            ("/am", "/amx", "404"),
            ("/am", "/-/healthy", "404"),
        ] {
            assert_eq!(shown(prefix, uri), expected, "{prefix:?} {uri:?}");
        }
    }
}
