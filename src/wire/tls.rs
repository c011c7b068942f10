//! TLS: what we show to phones, and what we want to see of a proxy.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tracing::warn;

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A listener wants a certificate and a key.
    #[error("`sip_listen` has a tls: listener, and {0} is not set: name a PEM file there")]
    Missing(&'static str),
    /// A file cannot be read.
    #[error("{name} = {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{name} = {} holds no {expected} in PEM form", path.display())]
    Empty {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// The two do not belong together, or are of a kind that is not known.
    #[error("sip_tls_certificate and sip_tls_key cannot be used together: {0}")]
    Unfit(Error),
}

/// Reads the certificate, with those above it after it, and its key.
pub fn identity(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let (name, expected) = ("sip_tls_certificate", "certificate");
    let found = CertificateDer::pem_slice_iter(&read(name, certificate)?).collect::<Result<Vec<_>, _>>();
    let chain = found.ok().filter(|chain| !chain.is_empty());
    let empty = |name, path: &Path, expected| TlsError::Empty { name, path: path.to_owned(), expected };
    let chain = chain.ok_or_else(|| empty(name, certificate, expected))?;
    let name = "sip_tls_key";
    let found: Result<PrivateKeyDer<'_>, pem::Error> = PrivateKeyDer::from_pem_slice(&read(name, key)?);
    let key = found.map_err(|_| empty(name, key, "private key"))?;
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.map_err(TlsError::Unfit)?.with_no_client_auth().with_single_cert(chain, key);
    config.map(Arc::new).map_err(TlsError::Unfit)
}

fn read(name: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    if path.as_os_str().is_empty() {
        return Err(TlsError::Missing(name));
    }
    std::fs::read(path).map_err(|source| TlsError::Unreadable { name, path: path.to_owned(), source })
}

/// Both sides of TLS, ready to be used.
pub(super) struct Tls {
    identity: Option<Arc<ServerConfig>>,
    /// Made when a proxy is first spoken to: reading the system's roots takes a while.
    proxies: std::sync::OnceLock<Option<Arc<ClientConfig>>>,
}

impl Tls {
    pub(super) fn new(identity: Option<Arc<ServerConfig>>) -> Self {
        Self { identity, proxies: std::sync::OnceLock::new() }
    }

    /// For who connects to us; `None` without a certificate.
    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.identity.clone().map(TlsAcceptor::from)
    }

    /// For a connection of ours. A proxy must prove that it has the name it was set with (RFC 5922); a phone, of which
    /// we know an address only and which has proved nothing by UDP either, need not.
    pub(super) fn connector(
        &self,
        to: SocketAddr,
        name: Option<&str>,
    ) -> Option<(TlsConnector, ServerName<'static>)> {
        let config = match name {
            Some(_) => self.proxies.get_or_init(verifying).clone()?,
            None => trusting()?,
        };
        let named = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        Some((config.into(), named.unwrap_or_else(|| ServerName::from(to.ip()))))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(crypto::ring::default_provider())
}

fn verifying() -> Option<Arc<ClientConfig>> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        warn!("this machine has no certificates to trust, so no proxy can be reached by TLS");
    }
    let config =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().ok()?;
    Some(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn trusting() -> Option<Arc<ClientConfig>> {
    let config =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().ok()?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(Phone(provider())));
    Some(Arc::new(config.with_no_client_auth()))
}

/// Takes any certificate, as phones make their own.
#[derive(Debug)]
struct Phone(Arc<CryptoProvider>);

impl ServerCertVerifier for Phone {
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
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether our side, as whom these names make it, takes the certificate of the other.
    async fn agree(name: Option<&str>) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.path().join("certificate"), folder.path().join("key"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let tls = Tls::new(Some(identity(&certificate, &key).unwrap()));
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (connector, name) = tls.connector("127.0.0.1:5061".parse().unwrap(), name).unwrap();
        let (connected, _) =
            tokio::join!(connector.connect(name, ours), tls.acceptor().unwrap().accept(theirs));
        connected.is_ok()
    }

    #[tokio::test]
    async fn a_phone_may_make_its_own_certificate_and_a_proxy_may_not() {
        assert!(agree(None).await);
        assert!(!agree(Some("localhost")).await);
    }

    #[test]
    fn a_certificate_and_its_key_are_taken_and_anything_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["sip.example".to_owned()]).unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name)
        };
        let certificate = file("certificate", &made.cert.pem());
        let key = file("key", &made.signing_key.serialize_pem());
        let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
        let (other, none) = (file("other", &other.signing_key.serialize_pem()), PathBuf::new());
        assert!(identity(&certificate, &key).is_ok());
        let said = |certificate: &Path, key: &Path| identity(certificate, key).unwrap_err().to_string();
        assert!(said(&none, &key).contains("sip_tls_certificate is not set"));
        assert!(said(&certificate, &none).contains("sip_tls_key is not set"));
        assert!(said(&certificate, &folder.path().join("no")).contains("cannot be read"));
        assert!(said(&key, &key).contains("holds no certificate"));
        assert!(said(&certificate, &certificate).contains("holds no private key"));
        assert!(said(&certificate, &other).contains("cannot be used together"));
    }
}
