//! How to log in to XenAPI, by an operator's file.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use uuid::Uuid;

/// What the installer writes of the host, its identifier among it.
const INVENTORY: &str = "/etc/xensource-inventory";

/// The longest file that is read, in bytes.
const MOST_BYTES: u64 = 256 << 10;

/// The longest password, in bytes.
const MOST_PASSWORD: usize = 1_024;

/// How to log in, and as which host:
///
/// ```json
/// { "url": "https://192.0.2.10", "user": "bulkhead",
///   "password_file": "/etc/bulkhead/xenapi.password",
///   "certificates": "/etc/bulkhead/xenapi.pem" }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Any host of the pool: one that is not its master names it.
    pub url: String,
    /// Who logs in; it needs to read alone (the role `read-only`).
    pub user: String,
    /// The file with the password, which nobody but its owner may read.
    pub password_file: PathBuf,
    /// PEM: the very certificates of the pool's hosts, or of the authority that vouches for them.
    pub certificates: PathBuf,
    /// This host, as XenAPI knows it; by default as its installer wrote it down.
    #[serde(default)]
    pub host: Option<Uuid>,
}

/// Why XenAPI cannot be logged in to from here.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file is not there, or not ours to read.
    #[error("could not read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It is not what it should be.
    #[error("could not understand {}", .0.display())]
    Format(PathBuf, #[source] serde_json::Error),
    /// It is more than it can be.
    #[error("{} is too long", .0.display())]
    Long(PathBuf),
    /// Others could read the password.
    #[error("{} may be read by others than its owner: chmod 600", .0.display())]
    Open(PathBuf),
    /// There is no password.
    #[error("{} holds no password", .0.display())]
    NoPassword(PathBuf),
    /// Nothing says which host this is.
    #[error("neither the settings nor {INVENTORY} say which host this is")]
    Nameless,
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or says something else.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let bytes = read(path)?;
        let settings = serde_json::from_slice(&bytes);
        settings.map_err(|error| SettingsError::Format(path.to_owned(), error))
    }

    /// The password, as its file has it now.
    ///
    /// # Errors
    /// When it cannot be read, or others could read it, too.
    pub(super) fn password(&self) -> Result<Password, SettingsError> {
        let path = &self.password_file;
        let fault = |error| SettingsError::Read(path.clone(), error);
        let mode = std::fs::metadata(path).map_err(fault)?.mode();
        if mode & 0o077 != 0 {
            return Err(SettingsError::Open(path.clone()));
        }
        let text = String::from_utf8(read(path)?).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        match line.len() {
            1..=MOST_PASSWORD => Ok(Password(line.to_owned())),
            _ => Err(SettingsError::NoPassword(path.clone())),
        }
    }

    /// What to believe a server by.
    pub(super) fn certificates(&self) -> Result<Vec<u8>, SettingsError> {
        read(&self.certificates)
    }

    /// Which host this is.
    pub(super) fn host(&self) -> Result<Uuid, SettingsError> {
        let inventory = || installed(&std::fs::read_to_string(INVENTORY).ok()?);
        let host = self.host.or_else(inventory);
        host.ok_or(SettingsError::Nameless)
    }
}

/// A password; nothing shows it.
pub(super) struct Password(String);

impl Password {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SettingsError> {
    let fault = |error| SettingsError::Read(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fault)?;
    let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    match read.map_err(fault)? as u64 {
        0..=MOST_BYTES => Ok(bytes),
        _ => Err(SettingsError::Long(path.to_owned())),
    }
}

/// `INSTALLATION_UUID='…'`
fn installed(inventory: &str) -> Option<Uuid> {
    let mut lines = inventory.lines();
    let value = lines.find_map(|line| line.strip_prefix("INSTALLATION_UUID="))?;
    value.trim_matches(['\'', '"']).parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_installers_inventory_says_which_host_it_is() {
        let text =
            "PRODUCT_BRAND='XCP-ng'\nINSTALLATION_UUID='00000000-0000-0000-0000-000000000007'\n";
        assert_eq!(installed(text), Some(Uuid::from_u128(7)));
        assert_eq!(installed("INSTALLATION_UUID='../..'"), None);
        assert_eq!(installed(""), None);
    }

    #[test]
    fn a_password_that_others_could_read_is_refused_and_none_is_ever_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "geheim\n").unwrap();
        let settings = Settings {
            url: String::new(),
            user: String::new(),
            password_file: file.clone(),
            certificates: PathBuf::new(),
            host: None,
        };
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(settings.password(), Err(SettingsError::Open(_))));
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(settings.password().unwrap().reveal(), "geheim");
        std::fs::write(&file, "\n").unwrap();
        let empty = settings.password();
        assert!(matches!(empty, Err(SettingsError::NoPassword(_))));
    }
}
