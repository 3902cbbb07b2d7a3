//! The HTTP client over TLS, against a real server with certificates of our own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::answer::SendError;
use super::notice::Sent;
use super::stand_in::start_tls;
use super::test_support::{context, delivery, inline, told, webhook_config};
use super::webhook::Webhook;
use super::{Sender, tls};
use crate::config::secret::Secret;
use crate::config::settings::{Auth, Proxy, SecretSource, TlsConfig, TlsVersion};

/// A certificate authority and a certificate that it made.
struct Issued {
    ca: CertificateDer<'static>,
    ca_pem: String,
    cert: CertificateDer<'static>,
    cert_pem: String,
    key: KeyPair,
}

fn issue(name: &str) -> Issued {
    issue_until(name, None)
}

/// The certificate holds until the first day of that year.
fn issue_until(name: &str, year: Option<i32>) -> Issued {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if let Some(year) = year {
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
    }
    let cert = params.signed_by(&key, &issuer).unwrap();
    Issued { ca: issuer.der().clone(), ca_pem: issuer.pem(), cert_pem: cert.pem(), cert: cert.der().clone(), key }
}

fn server(issued: &Issued, client_ca: Option<&Issued>) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(tls::provider()).with_safe_default_protocol_versions().unwrap();
    let builder = match client_ca {
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.ca.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), tls::provider());
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::Pkcs8(issued.key.serialize_der().into());
    Arc::new(builder.with_single_cert(vec![issued.cert.clone()], key).unwrap())
}

async fn send(webhook: &Webhook) -> Result<Sent, SendError> {
    let row = delivery(vec![told(&[("a", "1")], &[], false)]);
    webhook.send(&row, &context()).await
}

fn webhook(host: &str, port: u16, tls: TlsConfig) -> Webhook {
    let mut config = webhook_config(&format!("https://{host}:{port}/hook"));
    config.http.tls = tls;
    Webhook::new(&config)
}

#[tokio::test]
async fn certificates_are_checked_as_configured() {
    let (issued, other) = (issue("localhost"), issue("localhost"));
    let (address, requests) = start_tls(server(&issued, None));
    let ca = |issued: &Issued| TlsConfig { ca: Some(inline(&issued.ca_pem)), ..TlsConfig::default() };
    let named = |name: &str| TlsConfig { server_name: name.into(), ..ca(&issued) };
    let versions = |min, max| TlsConfig { min_version: min, max_version: max, ..ca(&issued) };
    let any = TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() };
    //          host         tls_config                                     what the error holds
    let rows = [
        ("localhost", ca(&issued), None),
        ("127.0.0.1", ca(&issued), Some("certificate not valid for name")),
        ("127.0.0.1", named("localhost"), None),
        ("localhost", named("elsewhere"), Some("certificate not valid for name")),
        ("localhost", ca(&other), Some("invalid peer certificate")),
        ("localhost", TlsConfig::default(), Some("invalid peer certificate")),
        ("127.0.0.1", any, None),
        ("localhost", versions(Some(TlsVersion::Tls12), Some(TlsVersion::Tls12)), None),
        ("localhost", versions(Some(TlsVersion::Tls13), None), None),
        ("localhost", versions(Some(TlsVersion::Tls10), Some(TlsVersion::Tls11)), Some("leave no version to speak")),
        ("localhost", TlsConfig { ca: Some(inline("nonsense")), ..TlsConfig::default() }, Some("holds no certificate")),
    ];
    for (i, (host, tls, expected)) in rows.into_iter().enumerate() {
        let result = send(&webhook(host, address.port(), tls)).await;
        match (result, expected) {
            (Ok(_), None) => assert!(requests.recv().unwrap().starts_with("POST /hook HTTP/1.1\r\n")),
            (Err(SendError::Retry { error, .. }), Some(part)) => assert!(error.contains(part), "row {i}: {error}"),
            (result, _) => panic!("row {i}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn a_certificate_whose_time_is_over_is_none() {
    let issued = issue_until("localhost", Some(2020));
    let (address, requests) = start_tls(server(&issued, None));
    let tls = TlsConfig { ca: Some(inline(&issued.ca_pem)), ..TlsConfig::default() };
    let error = send(&webhook("localhost", address.port(), tls)).await.unwrap_err();
    assert!(matches!(error, SendError::Retry { .. }), "{error}");
    assert!(error.to_string().contains("certificate expired"), "{error}");
    assert!(requests.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_read_anew_when_its_file_changes() {
    let (issued, client, stranger) = (issue("localhost"), issue("client"), issue("client"));
    let (address, requests) = start_tls(server(&issued, Some(&client)));
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let write = |issued: &Issued| {
        std::fs::write(&cert, &issued.cert_pem).unwrap();
        std::fs::write(&key, issued.key.serialize_pem()).unwrap();
    };
    let tls = TlsConfig {
        ca: Some(inline(&issued.ca_pem)),
        cert: Some(SecretSource::File(cert.clone())),
        key: Some(SecretSource::File(key.clone())),
        ..TlsConfig::default()
    };
    let webhook = webhook("localhost", address.port(), tls);
    write(&stranger);
    send(&webhook).await.unwrap_err();
    write(&client);
    send(&webhook).await.unwrap();
    assert!(requests.recv().unwrap().starts_with("POST /hook"));
}

/// A proxy that opens one tunnel to this machine, whatever host it is asked for; gives what it was asked.
async fn tunnel(listener: TcpListener, port: u16) -> String {
    let (mut client, _) = listener.accept().await.unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(client.read_u8().await.unwrap());
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // How the tunnel ends is no matter.
    drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
    String::from_utf8(asked).unwrap()
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel_and_sees_nothing_of_the_request() {
    let issued = issue("receiver.invalid");
    let (address, requests) = start_tls(server(&issued, None));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = webhook_config("https://receiver.invalid/hook");
    config.http.tls.ca = Some(inline(&issued.ca_pem));
    config.http.auth = Auth::Header { scheme: "Bearer".into(), credentials: Some(inline("token")) };
    config.http.proxy = Proxy {
        url: Some(Secret::new(format!("http://me:secret@{}", listener.local_addr().unwrap()))),
        connect_headers: [("X-Tunnel".to_owned(), vec![Secret::new("yes")])].into(),
        ..Proxy::default()
    };
    let webhook = Webhook::new(&config);
    let (asked, sent) = tokio::join!(tunnel(listener, address.port()), async {
        let sent = send(&webhook).await;
        // The tunnel ends with the client's connections.
        drop(webhook);
        sent
    });
    sent.unwrap();
    let asked = asked.to_lowercase();
    assert!(asked.starts_with("connect receiver.invalid:443 http/1.1\r\n"), "{asked}");
    assert!(asked.contains("proxy-authorization: basic bwu6c2vjcmv0\r\n"), "{asked}");
    assert!(asked.contains("x-tunnel: yes\r\n"), "{asked}");
    assert!(!asked.contains("bearer"), "{asked}");
    assert!(requests.recv().unwrap().contains("\r\nAuthorization: Bearer token\r\n"));
}
