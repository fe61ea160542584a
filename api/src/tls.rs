//! TLS as all of our programs speak it: certificates of our own authority, `ring` underneath.
//!
//! * The REST API: TLS 1.2 or 1.3, the server shows a certificate, the client a token.
//! * Agent sessions: TLS 1.3 only, both ends show a certificate of the authority (mutual TLS).
//!
//! Making certificates, and reading whose they are, is the controller's business.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why certificates and keys make no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text is not PEM (RFC 7468), or holds no item of this kind.
    #[error("could not read the {item} from PEM")]
    Pem {
        /// What should have been there.
        item: &'static str,
        /// What was there.
        #[source]
        source: pem::Error,
    },
    /// There is no certificate in the PEM of this.
    #[error("the PEM of the {0} holds no certificate")]
    NoCertificate(&'static str),
    /// Certificate and key do not belong together, or are of a kind we cannot use.
    #[error("could not use the certificates")]
    Unusable(#[from] rustls::Error),
    /// The authority cannot vouch for clients.
    #[error("could not use the authority for clients")]
    Authority(#[from] rustls::server::VerifierBuilderError),
}

/// Who one end of a connection is: a certificate and its private key.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// The certificate, and those between it and the authority if any, in PEM.
    pub certificate_pem: &'a [u8],
    /// The private key, in PEM: PKCS #8, SEC 1 or PKCS #1.
    pub key_pem: &'a [u8],
}

/// How a server proves who it is. With `client_ca_pem`, every client must show a certificate of
/// that authority and speak TLS 1.3; without, none is asked for.
pub fn server_config(
    identity: Identity<'_>,
    client_ca_pem: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let versions = versions(client_ca_pem.is_some());
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(versions)?;
    let builder = match client_ca_pem {
        Some(ca_pem) => {
            let roots = Arc::new(roots(ca_pem)?);
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots, provider()).build()?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = identity.read()?;
    Ok(Arc::new(builder.with_single_cert(chain, key)?))
}

/// How a client checks its server: by the authority in `ca_pem` alone. With `identity` it shows a
/// certificate of its own and speaks TLS 1.3.
pub fn client_config(
    ca_pem: &[u8],
    identity: Option<Identity<'_>>,
) -> Result<Arc<ClientConfig>, TlsError> {
    client_config_of(roots(ca_pem)?, identity)
}

/// A client that trusts no server at all: for one that only speaks over unix sockets.
pub(crate) fn distrustful_client_config() -> Result<Arc<ClientConfig>, TlsError> {
    client_config_of(RootCertStore::empty(), None)
}

fn client_config_of(
    roots: RootCertStore,
    identity: Option<Identity<'_>>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(identity.is_some()))?
        .with_root_certificates(roots);
    let config = match identity {
        Some(identity) => {
            let (chain, key) = identity.read()?;
            builder.with_client_auth_cert(chain, key)?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

impl Identity<'_> {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let chain = certificates(self.certificate_pem, "certificate")?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem).map_err(|source| TlsError::Pem {
            item: "private key",
            source,
        })?;
        Ok((chain, key))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Where both ends are ours, there is no reason for anything but the newest.
fn versions(mutual: bool) -> &'static [&'static SupportedProtocolVersion] {
    const NEWEST: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
    match mutual {
        true => NEWEST,
        false => rustls::DEFAULT_VERSIONS,
    }
}

fn roots(ca_pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_pem, "authority")? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8], item: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|source| TlsError::Pem { item, source })?;
    match found.is_empty() {
        true => Err(TlsError::NoCertificate(item)),
        false => Ok(found),
    }
}
