//! The controller's own certificate authority.
//!
//! It vouches for two kinds of ends, and neither can pass for the other: the controller, by a
//! server certificate; and each host, by a client certificate that carries the host's id and name.
//! All keys are ECDSA on P-256, in PKCS #8.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use model::{HostId, Name};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};
use uuid::Builder;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::fleet::identity::URN_PREFIX;
use crate::secret_file;

/// The authority lives long: replacing it means visiting every host.
const AUTHORITY_DAYS: i64 = 3650;
/// The controller renews its own certificate when it starts.
const SERVER_DAYS: i64 = 398;
/// A server certificate with less than this left is renewed.
const SERVER_RENEWAL_DAYS: i64 = 90;
/// Hosts get a new certificate by hand, so theirs lives long too.
const HOST_DAYS: i64 = 1826;

/// Clocks of hosts may run behind ours by so much.
const CLOCK_SKEW: Duration = Duration::hours(1);

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file could not be read or written.
    #[error("could not use the file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A certificate or key could not be made or understood.
    #[error("could not make {what}")]
    Certificate {
        /// What we were making.
        what: &'static str,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
}

/// A certificate and its private key, in PEM.
pub struct Credentials {
    /// The certificate.
    pub certificate_pem: String,
    /// The private key, PKCS #8.
    pub key_pem: String,
}

/// The authority: whoever holds it can be any host, so its key never leaves the data folder.
pub struct Authority {
    ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Reads `ca.pem` and `ca.key` of the folder, and makes them if they are not there.
    ///
    /// # Errors
    /// The files cannot be read, written or understood.
    pub fn load_or_create(folder: &Path) -> Result<Self, AuthorityError> {
        let (ca_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
        // Two programs that start at once must not make two authorities.
        let lock_path = folder.join("ca.lock");
        let lock = File::create(&lock_path).map_err(file_error(&lock_path))?;
        lock.lock().map_err(file_error(&lock_path))?;
        if !ca_path.exists() {
            let made = create().map_err(making("the authority"))?;
            // The certificate comes last: without it, both are made again.
            write(&key_path, &made.key_pem, secret_file::write)?;
            write(&ca_path, &made.certificate_pem, secret_file::write_public)?;
        }
        let ca_pem = fs::read_to_string(&ca_path).map_err(file_error(&ca_path))?;
        let key_pem = fs::read_to_string(&key_path).map_err(file_error(&key_path))?;
        let issuer = KeyPair::from_pem(&key_pem)
            .and_then(|key| Issuer::from_ca_cert_pem(&ca_pem, key))
            .map_err(making("an issuer of ca.pem and ca.key"))?;
        Ok(Self { ca_pem, issuer })
    }

    /// The authority's certificate, in PEM: what everybody else trusts.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The controller's certificate for these names and addresses, kept as `api.pem` and
    /// `api.key` in the folder; made anew when it is near its end or was made for others.
    ///
    /// # Errors
    /// The files cannot be read or written.
    pub fn server(
        &self,
        folder: &Path,
        names: &[String],
        addresses: &[IpAddr],
    ) -> Result<Credentials, AuthorityError> {
        let (path, key_path) = (folder.join("api.pem"), folder.join("api.key"));
        let kept = fs::read_to_string(&path)
            .ok()
            .zip(fs::read_to_string(&key_path).ok());
        if let Some((certificate_pem, key_pem)) = kept
            && self.still_serves(&certificate_pem, names, addresses)
            && KeyPair::from_pem(&key_pem).is_ok()
        {
            return Ok(Credentials {
                certificate_pem,
                key_pem,
            });
        }
        let made = self
            .issue_server(names, addresses)
            .map_err(making("a server certificate"))?;
        write(&key_path, &made.key_pem, secret_file::write)?;
        write(&path, &made.certificate_pem, secret_file::write_public)?;
        Ok(made)
    }

    /// A certificate for a host. The same name has the same id whenever it is asked for, so a
    /// host that gets a new certificate stays the host it was.
    ///
    /// # Errors
    /// The certificate cannot be made.
    pub fn host(&self, name: &Name) -> Result<Credentials, AuthorityError> {
        self.issue_host(name).map_err(making("a host certificate"))
    }

    /// The id of the host of this name: of version 8 (RFC 9562 §5.8), from the authority's
    /// certificate and the name, so that no other pool has it.
    #[must_use]
    pub fn host_id(&self, name: &Name) -> HostId {
        let text = [self.ca_pem.as_bytes(), b"\0", name.as_str().as_bytes()].concat();
        let mut bytes = [0; 16];
        let hash = digest(&SHA256, &text);
        bytes
            .iter_mut()
            .zip(hash.as_ref())
            .for_each(|(to, from)| *to = *from);
        HostId::from(Builder::from_custom_bytes(bytes).into_uuid())
    }

    fn issue_server(
        &self,
        names: &[String],
        addresses: &[IpAddr],
    ) -> Result<Credentials, rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        let addresses = addresses.iter().map(|address| SanType::IpAddress(*address));
        params.subject_alt_names.extend(addresses);
        params.distinguished_name = common_name("Bulkhead controller");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params, SERVER_DAYS)
    }

    fn issue_host(&self, name: &Name) -> Result<Credentials, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        let uri = format!("{URN_PREFIX}{}", self.host_id(name));
        params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
        params.distinguished_name = common_name(name.as_str());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params, HOST_DAYS)
    }

    fn issue(&self, mut params: CertificateParams, days: i64) -> Result<Credentials, rcgen::Error> {
        valid_for(&mut params, days);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok(Credentials {
            certificate_pem: params.signed_by(&key, &self.issuer)?.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Whether a certificate is ours, for just these names and addresses, and not near its end.
    fn still_serves(&self, pem: &str, names: &[String], addresses: &[IpAddr]) -> bool {
        let ends = (CertificateDer::from_pem_slice(pem.as_bytes()))
            .ok()
            .zip(CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).ok());
        let Some((der, ca_der)) = ends else {
            return false;
        };
        let parsed = X509Certificate::from_der(&der)
            .ok()
            .zip(X509Certificate::from_der(&ca_der).ok());
        let Some(((_, certificate), (_, ca))) = parsed else {
            return false;
        };
        let until = certificate.validity().not_after.to_datetime();
        let fresh = until - OffsetDateTime::now_utc() > Duration::days(SERVER_RENEWAL_DAYS);
        let ours = certificate.verify_signature(Some(ca.public_key())).is_ok();
        fresh && ours && is_for(&certificate, names, addresses)
    }
}

fn is_for(certificate: &X509Certificate<'_>, names: &[String], addresses: &[IpAddr]) -> bool {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else {
        return false;
    };
    let (mut its_names, mut its_addresses) = (Vec::new(), Vec::new());
    for name in &alternatives.value.general_names {
        match name {
            GeneralName::DNSName(name) => its_names.push(*name),
            GeneralName::IPAddress(octets) => its_addresses.push(octets.to_vec()),
            _ => {}
        }
    }
    let octets = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let addresses: Vec<Vec<u8>> = addresses.iter().map(octets).collect();
    its_names == names && its_addresses == addresses
}

fn create() -> Result<Credentials, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = common_name("Bulkhead authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, AUTHORITY_DAYS);
    let key = KeyPair::generate()?;
    Ok(Credentials {
        certificate_pem: params.self_signed(&key)?.pem(),
        key_pem: key.serialize_pem(),
    })
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn valid_for(params: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + Duration::days(days);
}

fn write(
    path: &Path,
    text: &str,
    write: fn(&Path, &str) -> io::Result<()>,
) -> Result<(), AuthorityError> {
    write(path, text).map_err(file_error(path))
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File { path, source }
}

fn making(what: &'static str) -> impl FnOnce(rcgen::Error) -> AuthorityError {
    move |source| AuthorityError::Certificate { what, source }
}
