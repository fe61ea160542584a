//! Who a host is, by its certificate.

use model::{HostId, Name};
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What comes before the host's UUID in the URI of its certificate's subject alternative name.
pub const URN_PREFIX: &str = "urn:bulkhead:host:";

/// A host, as its certificate names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// From the subject alternative name.
    pub id: HostId,
    /// From the subject's common name.
    pub name: Name,
}

/// Reads who a certificate was made for. Whether it is genuine was for TLS to say.
///
/// None when it is no host's: not exactly one host's URI, or no valid name.
#[must_use]
pub fn of_certificate(der: &CertificateDer<'_>) -> Option<Identity> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let alternatives = certificate.subject_alternative_name().ok()??;
    let uris = alternatives.value.general_names.iter();
    let mut ids = uris.filter_map(|name| match name {
        GeneralName::URI(uri) => uri.strip_prefix(URN_PREFIX),
        _ => None,
    });
    let id = ids.next()?.parse().ok()?;
    let mut names = certificate.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?.parse().ok()?;
    match (ids.next(), names.next()) {
        (None, None) => Some(Identity { id, name }),
        _ => None,
    }
}
