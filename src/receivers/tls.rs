//! The encryption of a connection: `tls_config` made into what rustls wants.
//!
//! The name sent to the server (SNI) is always the URL's host; `server_name` says which name its certificate must bear.

use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::answer::SendError;
use super::secret;
use crate::config::settings::{SecretSource, TlsConfig, TlsVersion};

/// The texts that a TLS configuration was made of, to see whether a file has changed since.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Material {
    ca: Option<String>,
    cert: Option<String>,
    key: Option<String>,
}

impl Material {
    /// Reads certificates and key.
    ///
    /// # Errors
    /// [`SendError::Retry`] if one cannot be read now.
    pub async fn read(config: &TlsConfig) -> Result<Self, SendError> {
        async fn text(source: Option<&SecretSource>) -> Result<Option<String>, SendError> {
            match source {
                Some(source) => secret::read(source).await.map(Some),
                None => Ok(None),
            }
        }
        Ok(Self {
            ca: text(config.ca.as_ref()).await?,
            cert: text(config.cert.as_ref()).await?,
            key: text(config.key.as_ref()).await?,
        })
    }
}

/// The one source of cryptography: ring.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Makes the configuration of a TLS client.
///
/// # Errors
/// [`SendError::Retry`] if certificates, key or versions are of no use: they may be mended in place.
pub fn client_config(config: &TlsConfig, material: &Material, http2: bool) -> Result<ClientConfig, SendError> {
    let provider = provider();
    let versions: Vec<_> = rustls::ALL_VERSIONS
        .iter()
        .copied()
        .filter(|supported| {
            let version = if supported == &&rustls::version::TLS13 { TlsVersion::Tls13 } else { TlsVersion::Tls12 };
            config.min_version.is_none_or(|min| version >= min) && config.max_version.is_none_or(|max| version <= max)
        })
        .collect();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|_| wrong("min_version, max_version", "leave no version to speak; TLS12 and TLS13 can be spoken"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier(config, material, provider)?);
    let mut tls = match (&material.cert, &material.key) {
        (Some(cert), Some(key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| wrong("key", error))?;
            let chain = certificates("cert", cert)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| wrong("cert, key", error))?
        }
        _ => builder.with_no_client_auth(),
    };
    tls.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(tls)
}

fn verifier(
    config: &TlsConfig,
    material: &Material,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, SendError> {
    if config.insecure_skip_verify {
        return Ok(Arc::new(Unverified(provider)));
    }
    let inner: Arc<dyn ServerCertVerifier> = if let Some(ca) = &material.ca {
        let mut roots = RootCertStore::empty();
        for certificate in certificates("ca", ca)? {
            roots.add(certificate).map_err(|error| wrong("ca", error))?;
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| wrong("ca", error))?
    } else {
        roots_of_this_machine(provider)
    };
    if config.server_name.is_empty() {
        return Ok(inner);
    }
    let name = ServerName::try_from(config.server_name.clone()).map_err(|error| wrong("server_name", error))?;
    Ok(Arc::new(Named { inner, name }))
}

/// Trusts whom this machine trusts. Its roots are read once for all receivers: that takes a hundredth of a second and
/// some hundred kilobytes, and there may be a thousand receivers.
fn roots_of_this_machine(provider: Arc<CryptoProvider>) -> Arc<dyn ServerCertVerifier> {
    static SHARED: Mutex<Option<Arc<Verifier>>> = Mutex::new(None);
    let mut shared = SHARED.lock();
    if let Some(verifier) = &*shared {
        return Arc::clone(verifier) as _;
    }
    match Verifier::new(Arc::clone(&provider)) {
        Ok(verifier) => Arc::clone(shared.insert(Arc::new(verifier))) as _,
        Err(error) => Arc::new(NoRoots { provider, error }),
    }
}

fn certificates(field: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, SendError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match all {
        Ok(all) if all.is_empty() => Err(wrong(field, "holds no certificate in PEM form")),
        Ok(all) => Ok(all),
        Err(error) => Err(wrong(field, error)),
    }
}

fn wrong(field: &str, what: impl std::fmt::Display) -> SendError {
    SendError::retry(format!("tls_config: {field}: {what}"))
}

/// Checks the certificate against `server_name` in the place of the URL's host.
#[derive(Debug)]
struct Named {
    inner: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// `insecure_skip_verify`: any certificate will do, as long as the server holds its key.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A machine without certificate authorities: plain HTTP works, and HTTPS says what is missing.
#[derive(Debug)]
struct NoRoots {
    provider: Arc<CryptoProvider>,
    error: Error,
}

impl ServerCertVerifier for NoRoots {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Err(self.error.clone())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(self.error.clone())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(self.error.clone())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
