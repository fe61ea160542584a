//! Which servers are believed: hosts of a pool make their own certificates, which name nobody usefully.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Why certificates cannot be gone by.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It is no PEM.
    #[error("could not read the pool's certificates from PEM")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// There is none.
    #[error("there is no certificate in the PEM of the pool's")]
    None,
    /// They are of no use.
    #[error("could not use the pool's certificates")]
    Unusable(#[from] rustls::Error),
}

/// A client that believes a server that shows one of these very certificates, whatever it names; or one
/// that they vouch for, for the name that it was reached by.
pub(super) fn client_config(pem: &[u8]) -> Result<ClientConfig, TrustError> {
    let pinned: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let pinned: Vec<CertificateDer<'static>> = pinned?;
    if pinned.is_empty() {
        return Err(TrustError::None);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    // What cannot vouch for others can still be shown itself.
    roots.add_parsable_certificates(pinned.iter().cloned());
    let chains = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let verifier = Pool {
        pinned,
        chains: chains.build().ok(),
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(rustls::DEFAULT_VERSIONS)?;
    // The name is for rustls': what is not verified here fails.
    let builder = builder.dangerous();
    let builder = builder.with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

#[derive(Debug)]
struct Pool {
    pinned: Vec<CertificateDer<'static>>,
    chains: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pool {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.pinned.iter().any(|pinned| pinned == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let unknown = rustls::CertificateError::UnknownIssuer;
        let chains = self.chains.as_ref().ok_or(unknown)?;
        chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
