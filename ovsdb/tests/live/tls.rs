//! TCP, and TLS with certificates for both ends.

use std::path::Path;
use std::sync::Arc;

use ovsdb::{Client, Endpoint, Error};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::change::{add_port, begin, everything, fresh, transact};
use crate::server::{DB, Server, quick};

/// A certificate authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = named("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for this name, and its key, both as PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = named(name).signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Trusts this authority, and shows a certificate of `client`'s.
    fn config(&self, client: &Self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let (certificate, key) = client.issue("client");
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_client_auth_cert(vec![certificate], key)
                .unwrap();
        Arc::new(config)
    }
}

/// Subjects must differ: OpenSSL takes a certificate whose issuer has its own name for a
/// self-signed one.
fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn server(authority: &Authority) -> Server {
    Server::start_with(|folder: &Path| {
        let (certificate, key) = authority.issue("ovsdb.test");
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        vec![
            format!("--private-key={}", write("key.pem", &key)),
            format!("--certificate={}", write("cert.pem", &certificate)),
            format!("--ca-cert={}", write("ca.pem", &authority.0.pem())),
            "--remote=pssl:0:127.0.0.1".to_owned(),
        ]
    })
}

fn tls(server: &Server, name: &str, config: Arc<ClientConfig>) -> Endpoint {
    Endpoint::Tls {
        address: format!("127.0.0.1:{}", server.port()),
        server_name: ServerName::try_from(name.to_owned()).unwrap(),
        config,
    }
}

async fn follows(client: Client) {
    let monitor = client.monitor(DB, everything()).await.unwrap();
    begin(&client).await;
    for n in 0..50 {
        transact(&client, add_port(&format!("vif{n}"))).await;
    }
    let dump = fresh(&client, everything()).await;
    assert_eq!(*monitor.snapshot(), dump);
    assert_eq!(dump.table("Port").len(), 50);
}

#[tokio::test]
async fn over_tcp_a_replica_follows() {
    let server = Server::start_with(|_| vec!["--remote=ptcp:0:127.0.0.1".to_owned()]);
    let endpoint = format!("tcp:127.0.0.1:{}", server.port());
    let client = Client::connect(endpoint.parse().unwrap(), quick()).await;
    follows(client.unwrap()).await;
}

#[tokio::test]
async fn over_tls_with_certificates_at_both_ends_a_replica_follows() {
    let authority = Authority::new();
    let server = server(&authority);
    let endpoint = tls(&server, "ovsdb.test", authority.config(&authority));
    follows(Client::connect(endpoint, quick()).await.unwrap()).await;
}

#[tokio::test]
async fn a_server_of_another_name_or_authority_is_not_spoken_to() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = server(&authority);
    let other_name = tls(&server, "other.test", authority.config(&authority));
    let other_authority = tls(&server, "ovsdb.test", stranger.config(&authority));
    for endpoint in [other_name, other_authority] {
        let refused = Client::connect(endpoint, quick()).await;
        assert!(matches!(refused, Err(Error::Connect { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_client_of_another_authority_is_turned_away() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = server(&authority);
    let endpoint = tls(&server, "ovsdb.test", authority.config(&stranger));
    // In TLS 1.3 the client learns of it only after its side of the handshake is done.
    let outcome = match Client::connect(endpoint, quick()).await {
        Ok(client) => client.list_dbs().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(outcome.is_err());
}
