use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::fleet::identity;

/// Certificates that a real authority never makes.
impl Authority {
    pub(crate) fn expired_host(&self, name: &Name) -> Credentials {
        self.client(name, &format!("{URN_PREFIX}{}", self.host_id(name)), -1)
    }

    pub(crate) fn host_with_id(&self, name: &Name, id: HostId) -> Credentials {
        self.client(name, &format!("{URN_PREFIX}{id}"), 1)
    }

    pub(crate) fn nobody(&self) -> Credentials {
        self.client(&"nobody".parse().unwrap(), "urn:bulkhead:other:1", 1)
    }

    fn client(&self, name: &Name, uri: &str, days: i64) -> Credentials {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        params.distinguished_name = common_name(name.as_str());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params, days).unwrap()
    }
}

fn authority() -> (tempfile::TempDir, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::load_or_create(folder.path()).unwrap();
    (folder, authority)
}

#[test]
fn the_authority_is_made_once_and_only_its_owner_can_read_its_key() {
    let (folder, first) = authority();
    let again = Authority::load_or_create(folder.path()).unwrap();
    assert_eq!(first.ca_pem(), again.ca_pem());
    let key = fs::metadata(folder.path().join("ca.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_hosts_certificate_says_who_it_is_and_the_same_name_is_always_the_same_host() {
    let (_folder, authority) = authority();
    let (h1, h2) = ("h1".parse().unwrap(), "Käse & Brötchen".parse().unwrap());
    for name in [&h1, &h2] {
        let credentials = authority.host(name).unwrap();
        let der = CertificateDer::from_pem_slice(credentials.certificate_pem.as_bytes()).unwrap();
        let host = identity::of_certificate(&der).unwrap();
        assert_eq!((host.id, &host.name), (authority.host_id(name), name));
    }
    assert_ne!(authority.host_id(&h1), authority.host_id(&h2));
    assert_ne!(authority.host_id(&h1), self::authority().1.host_id(&h1));
    let nobody = authority.nobody();
    let der = CertificateDer::from_pem_slice(nobody.certificate_pem.as_bytes()).unwrap();
    assert_eq!(identity::of_certificate(&der), None);
}

#[test]
fn the_servers_certificate_is_kept_until_it_is_for_others_or_near_its_end() {
    let (folder, authority) = authority();
    let names = ["localhost".to_owned()];
    let address: IpAddr = "10.0.0.1".parse().unwrap();
    let serve = |names: &[String], addresses: &[IpAddr]| {
        authority
            .server(folder.path(), names, addresses)
            .unwrap()
            .certificate_pem
    };
    let first = serve(&names, &[address]);
    assert_eq!(serve(&names, &[address]), first);
    let second = serve(&names, &["10.0.0.2".parse().unwrap()]);
    assert_ne!(second, first);

    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.subject_alt_names.push(SanType::IpAddress(address));
    let ending = authority.issue(params, SERVER_RENEWAL_DAYS - 1).unwrap();
    fs::write(folder.path().join("api.pem"), &ending.certificate_pem).unwrap();
    fs::write(folder.path().join("api.key"), &ending.key_pem).unwrap();
    assert_ne!(serve(&names, &[address]), ending.certificate_pem);

    let stranger = self::authority().1;
    let theirs = stranger.issue_server(&names, &[address]).unwrap();
    fs::write(folder.path().join("api.pem"), &theirs.certificate_pem).unwrap();
    assert_ne!(serve(&names, &[address]), theirs.certificate_pem);
}
