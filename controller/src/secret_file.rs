//! Files that only their owner may read: keys and tokens.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes a file that only its owner may read and write (0600). It appears whole or not at all,
/// and is on disk when this returns.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    replace(path, text, 0o600)
}

/// Writes a file that everybody may read (0644), in the same way.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn write_public(path: &Path, text: &str) -> io::Result<()> {
    replace(path, text, 0o644)
}

fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let scratch = scratch_path(path);
    // A scratch file may be left from a crash, perhaps with other permissions.
    match fs::remove_file(&scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&scratch)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&scratch, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn scratch_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}
