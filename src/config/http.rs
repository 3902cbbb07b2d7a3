//! `http_config` and `tls_config`: how to talk to a receiver.
//!
//! The legacy `bearer_token` becomes an `authorization`. Names of a secret manager (`username_ref` …) are read, since
//! Alertmanager reads them, and refused, since nobody could look them up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::schema::{Field, Kind, Preset, Schema, flag, no_rules, secret, text};
use super::secret::Secret;
use super::section::{Datum, Section};
use super::settings::{Auth, HttpConfig, OAuth2, Proxy, SecretSource, TlsConfig, TlsVersion};
use super::value;
use crate::core::quote::Quoted;

/// `http_config`
pub static HTTP_CONFIG: Schema = Schema {
    go_type: "config.plain",
    fields: &[
        Field::new("basic_auth", Kind::OptionalSection(&BASIC_AUTH)),
        Field::new("authorization", Kind::OptionalSection(&AUTHORIZATION)),
        Field::new("oauth2", Kind::OptionalSection(&OAUTH2)),
        secret("bearer_token"),
        beside("bearer_token_file"),
        Field::new("tls_config", Kind::Section(&TLS_CONFIG)),
        flag("follow_redirects").or(Preset::True).always(),
        flag("enable_http2").or(Preset::True).always(),
        PROXY_URL,
        text("no_proxy"),
        flag("proxy_from_environment"),
        PROXY_CONNECT_HEADER,
        Field::new("http_headers", Kind::SectionMap(&HEADER)),
    ],
    settle: settle_http,
};

const PROXY_URL: Field = Field::new("proxy_url", Kind::ProxyUrl);
const PROXY_CONNECT_HEADER: Field = Field::new("proxy_connect_header", Kind::SecretsMap);

const fn beside(name: &'static str) -> Field {
    Field::new(name, Kind::PathBesideConfig)
}

static BASIC_AUTH: Schema = Schema {
    go_type: "config.plain",
    fields: &[
        text("username"),
        beside("username_file"),
        text("username_ref"),
        secret("password"),
        beside("password_file"),
        text("password_ref"),
    ],
    settle: no_rules,
};

static AUTHORIZATION: Schema = Schema {
    go_type: "config.Authorization",
    fields: &[text("type"), secret("credentials"), beside("credentials_file"), text("credentials_ref")],
    settle: no_rules,
};

static OAUTH2: Schema = Schema {
    go_type: "config.plain",
    fields: &[
        text("client_id").always(),
        secret("client_secret"),
        beside("client_secret_file"),
        text("client_secret_ref"),
        Field::new("scopes", Kind::Texts),
        text("token_url").always(),
        Field::new("endpoint_params", Kind::TextMap),
        Field::new("tls_config", Kind::Section(&TLS_CONFIG)),
        PROXY_URL,
        text("no_proxy"),
        flag("proxy_from_environment"),
        PROXY_CONNECT_HEADER,
    ],
    settle: settle_proxy,
};

/// `http_headers`: the values of one header.
pub static HEADER: Schema = Schema {
    go_type: "config.Header",
    fields: &[
        Field::new("values", Kind::Texts),
        Field::new("secrets", Kind::Secrets),
        Field::new("files", Kind::PathsBesideConfig),
    ],
    settle: no_rules,
};

const fn tls(file: Kind) -> [Field; 13] {
    [
        text("ca"),
        text("cert"),
        secret("key"),
        Field::new("ca_file", file),
        Field::new("cert_file", file),
        Field::new("key_file", file),
        text("ca_ref"),
        text("cert_ref"),
        text("key_ref"),
        text("server_name"),
        flag("insecure_skip_verify").always(),
        Field::new("min_version", Kind::TlsVersion),
        Field::new("max_version", Kind::TlsVersion),
    ]
}

/// `tls_config` within `http_config`: files are relative to the folder of the configuration file.
pub static TLS_CONFIG: Schema =
    Schema { go_type: "config.plain", fields: &tls(Kind::PathBesideConfig), settle: settle_tls };

/// `tls_config` for mail: files are taken as they are written.
pub static MAIL_TLS_CONFIG: Schema = Schema { go_type: "config.plain", fields: &tls(Kind::Path), settle: settle_tls };

/// Headers that the connection or the receiver's kind needs for itself.
const RESERVED_HEADERS: [&str; 18] = [
    "Authorization",
    "Host",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "User-Agent",
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Www-Authenticate",
    "Accept-Encoding",
    "X-Prometheus-Remote-Write-Version",
    "X-Prometheus-Remote-Read-Version",
    "X-Prometheus-Scrape-Timeout-Seconds",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

fn settle_http(http: &mut Section, sentences: &mut Vec<String>) {
    let mut refuse = |broken: bool, sentence: &str| {
        if broken {
            sentences.push(sentence.to_owned());
        }
    };
    let (basic, authorization, oauth2) =
        (http.section("basic_auth"), http.section("authorization"), http.section("oauth2"));
    let (token, token_file) = (http.has("bearer_token"), http.has("bearer_token_file"));
    let bearer = token || token_file;
    refuse(token && token_file, "at most one of bearer_token & bearer_token_file must be configured");
    refuse(
        (basic.is_some() || oauth2.is_some()) && bearer,
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
    );
    if let Some(basic) = basic {
        for field in ["username", "password"] {
            let sentence = format!("at most one of basic_auth {field}, {field}_file & {field}_ref must be configured");
            refuse(said(basic, field) > 1, &sentence);
        }
    }
    if let Some(authorization) = authorization {
        refuse(bearer, "authorization is not compatible with bearer_token & bearer_token_file");
        let too_many = said(authorization, "credentials") > 1;
        refuse(too_many, "at most one of authorization credentials & credentials_file must be configured");
        let is_basic = authorization.text("type").trim().eq_ignore_ascii_case("basic");
        refuse(is_basic, r#"authorization type cannot be set to "basic", use "basic_auth" instead"#);
    }
    let ways = [basic, authorization, oauth2].iter().flatten().count();
    refuse(ways > 1, "at most one of basic_auth, oauth2 & authorization must be configured");
    if let Some(oauth2) = oauth2 {
        refuse(!oauth2.has("client_id"), "oauth2 client_id must be configured");
        refuse(!oauth2.has("token_url"), "oauth2 token_url must be configured");
        refuse(
            said(oauth2, "client_secret") > 1,
            "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured using \
             grant-type=client_credentials",
        );
    }
    settle_proxy(http, sentences);
    refuse_reserved_headers(http, sentences);
    refuse_references(http, sentences);
    if sentences.is_empty() {
        settle_authorization(http);
    }
}

/// In how many of its three ways a value is given.
fn said(section: &Section, field: &str) -> usize {
    [field.to_owned(), format!("{field}_file"), format!("{field}_ref")].iter().filter(|name| section.has(name)).count()
}

fn settle_proxy(proxy: &mut Section, sentences: &mut Vec<String>) {
    let url = !proxy.text("proxy_url").is_empty();
    let url_is_written = *proxy.get("proxy_url") != Datum::Nothing;
    let environment = proxy.flag("proxy_from_environment");
    let no_proxy = proxy.has("no_proxy");
    let rules = [
        (
            proxy.has("proxy_connect_header") && !environment && !url,
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
        ),
        (environment && url, "if proxy_from_environment is configured, proxy_url must not be configured"),
        (environment && no_proxy, "if proxy_from_environment is configured, no_proxy must not be configured"),
        (!environment && !url_is_written && no_proxy, "if no_proxy is configured, proxy_url must also be configured"),
    ];
    sentences.extend(rules.iter().filter(|(broken, _)| *broken).map(|(_, sentence)| (*sentence).to_owned()));
}

fn refuse_reserved_headers(http: &Section, sentences: &mut Vec<String>) {
    for (name, _) in http.map("http_headers") {
        let canonical = value::canonical_header(name);
        if RESERVED_HEADERS.contains(&canonical.as_str()) {
            sentences.push(format!("setting header {} is not allowed", Quoted(&canonical)));
        }
    }
}

/// Alertmanager takes these names and fails when it first sends: it has no secret manager either.
fn refuse_references(http: &Section, sentences: &mut Vec<String>) {
    let places = [
        ("basic_auth", "username_ref"),
        ("basic_auth", "password_ref"),
        ("authorization", "credentials_ref"),
        ("oauth2", "client_secret_ref"),
        ("tls_config", "ca_ref"),
        ("tls_config", "cert_ref"),
        ("tls_config", "key_ref"),
    ];
    for (section, field) in places {
        if http.section(section).is_some_and(|section| section.has(field)) {
            sentences
                .push(format!("{section}.{field} names a secret manager, and there is none: use the *_file field"));
        }
    }
}

fn settle_authorization(http: &mut Section) {
    let (token, file) = (http.text("bearer_token").to_owned(), http.text("bearer_token_file").to_owned());
    if !(token.is_empty() && file.is_empty()) {
        let mut authorization = Section::empty(&AUTHORIZATION);
        authorization.set("credentials", Datum::Secret(Secret::new(token)));
        authorization.set("credentials_file", Datum::Text(file));
        http.set("authorization", Datum::Section(Box::new(authorization)));
        http.set("bearer_token", Datum::Secret(Secret::default()));
        http.set("bearer_token_file", Datum::Text(String::new()));
    }
    if let Some(authorization) = http.section_mut("authorization") {
        let kind = authorization.text("type").trim();
        let kind = if kind.is_empty() { "Bearer" } else { kind }.to_owned();
        authorization.set("type", Datum::Text(kind));
    }
}

fn settle_tls(tls: &mut Section, sentences: &mut Vec<String>) {
    let mut refuse = |broken: bool, sentence: &str| {
        if broken {
            sentences.push(sentence.to_owned());
        }
    };
    let (ca, cert, key) = (said(tls, "ca"), said(tls, "cert"), said(tls, "key"));
    refuse(ca > 1, "at most one of ca, ca_file & ca_ref must be configured");
    refuse(cert > 1, "at most one of cert, cert_file & cert_ref must be configured");
    refuse(key > 1, "at most one of key and key_file must be configured");
    refuse(
        cert > 0 && key == 0,
        "exactly one of key or key_file must be configured when a client certificate is configured",
    );
    refuse(key > 0 && cert == 0, "exactly one of cert or cert_file must be configured when a client key is configured");
}

/// Puts a token into an `http_config`, as the `Authorization` of every request.
pub(super) fn set_bearer(http: &mut Section, token: &str, file: &str) {
    http.set("bearer_token", Datum::Secret(Secret::new(token)));
    http.set("bearer_token_file", Datum::Text(file.to_owned()));
    settle_authorization(http);
}

/// What an `http_config` means.
pub fn resolve_http(http: &Section) -> HttpConfig {
    HttpConfig {
        auth: auth(http),
        tls: http.section("tls_config").map(resolve_tls).unwrap_or_default(),
        follow_redirects: http.flag("follow_redirects"),
        enable_http2: http.flag("enable_http2"),
        proxy: proxy(http),
        headers: headers(http),
    }
}

fn auth(http: &Section) -> Auth {
    if let Some(basic) = http.section("basic_auth") {
        let nobody = || SecretSource::Inline(Secret::default());
        return Auth::Basic {
            username: basic.source("username", "username_file").unwrap_or_else(nobody),
            password: basic.source("password", "password_file"),
        };
    }
    if let Some(authorization) = http.section("authorization") {
        return Auth::Header {
            scheme: authorization.text("type").to_owned(),
            credentials: authorization.source("credentials", "credentials_file"),
        };
    }
    let Some(oauth2) = http.section("oauth2") else { return Auth::None };
    Auth::OAuth2(Box::new(OAuth2 {
        client_id: oauth2.text("client_id").to_owned(),
        client_secret: oauth2.source("client_secret", "client_secret_file"),
        scopes: texts(oauth2.list("scopes")),
        token_url: oauth2.text("token_url").to_owned(),
        endpoint_params: oauth2.map("endpoint_params").iter().map(|(k, v)| (k.clone(), text_of(v))).collect(),
        tls: oauth2.section("tls_config").map(resolve_tls).unwrap_or_default(),
        proxy: proxy(oauth2),
    }))
}

fn proxy(section: &Section) -> Proxy {
    let url = section.text("proxy_url");
    let headers = section.map("proxy_connect_header").iter().map(|(name, values)| {
        let values = match values {
            Datum::List(values) => values.iter().map(|value| Secret::new(text_of(value))).collect(),
            _ => Vec::new(),
        };
        (name.clone(), values)
    });
    Proxy {
        url: (!url.is_empty()).then(|| Secret::new(url)),
        no_proxy: section.text("no_proxy").to_owned(),
        from_environment: section.flag("proxy_from_environment"),
        connect_headers: headers.collect(),
    }
}

fn headers(http: &Section) -> BTreeMap<String, Vec<SecretSource>> {
    let mut headers: BTreeMap<String, Vec<SecretSource>> = BTreeMap::new();
    for (name, header) in http.map("http_headers") {
        let Datum::Section(header) = header else { continue };
        let inline = |text: &Datum| SecretSource::Inline(Secret::new(text_of(text)));
        let values = headers.entry(value::canonical_header(name)).or_default();
        values.extend(header.list("values").iter().map(inline));
        values.extend(header.list("secrets").iter().map(|text| value::secret_source(&text_of(text))));
        values.extend(header.list("files").iter().map(|file| SecretSource::File(PathBuf::from(text_of(file)))));
    }
    headers
}

/// What a `tls_config` means.
pub fn resolve_tls(tls: &Section) -> TlsConfig {
    TlsConfig {
        ca: tls.source("ca", "ca_file"),
        cert: tls.source("cert", "cert_file"),
        key: tls.source("key", "key_file"),
        server_name: tls.text("server_name").to_owned(),
        insecure_skip_verify: tls.flag("insecure_skip_verify"),
        min_version: version(tls.text("min_version")),
        max_version: version(tls.text("max_version")),
    }
}

fn version(name: &str) -> Option<TlsVersion> {
    value::TLS_VERSIONS.iter().find(|(known, _)| *known == name).map(|(_, version)| *version)
}

/// The texts of a list.
pub(super) fn texts(list: &[Datum]) -> Vec<String> {
    list.iter().map(text_of).collect()
}

/// The text of a datum; empty for others.
pub(super) fn text_of(datum: &Datum) -> String {
    match datum {
        Datum::Text(text) => text.clone(),
        Datum::Secret(secret) => secret.reveal().to_owned(),
        _ => String::new(),
    }
}
