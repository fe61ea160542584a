//! A lab that is removed when the test ends, also by a panic, and the proof that nothing is left.

use std::ops::Deref;
use std::path::Path;

use lab::{Error, Lab, Spec};
use tempfile::TempDir;

/// A lab in a directory of its own.
pub(crate) struct Scratch {
    lab: Lab,
    _directory: TempDir,
}

impl Scratch {
    pub(crate) async fn up(spec: Spec) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let spec = Spec {
            directory: directory.path().to_path_buf(),
            ..spec
        };
        Self {
            lab: Lab::up(spec).await.unwrap(),
            _directory: directory,
        }
    }
}

impl Deref for Scratch {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(self.lab.directory());
    }
}

/// Removes the lab in `directory` if there is one, from wherever the caller is.
pub(crate) fn remove(directory: &Path) {
    let Ok(lab) = Lab::open(directory) else {
        return;
    };
    let removed = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(lab.down())
    });
    if let Err(error) = removed.join().unwrap() {
        eprintln!("could not remove the lab: {error}");
    }
}

/// What a test of switches starts from.
pub(crate) fn switches_only(hosts: usize) -> Spec {
    Spec {
        hosts,
        programs: None,
        ..Spec::default()
    }
}

/// Panics when a namespace, a link, a process or a file of the lab is left.
pub(crate) fn assert_nothing_left(prefix: &str, directory: &Path) {
    let prefix = prefix.parse().unwrap();
    assert_eq!(lab::namespace::list(&prefix).unwrap(), [""; 0]);
    assert!(!directory.exists(), "{} is left", directory.display());
    assert_eq!(processes_naming(directory), [""; 0]);
    let links = std::process::Command::new("ip")
        .args(["-brief", "link"])
        .output()
        .unwrap();
    let links = String::from_utf8(links.stdout).unwrap();
    assert!(!links.contains(prefix.as_str()), "{links}");
    assert!(!links.contains("h1-"), "{links}");
    assert!(matches!(Lab::open(directory), Err(Error::NoLab { .. })));
}

/// The command lines that have the lab's directory in them.
fn processes_naming(directory: &Path) -> Vec<String> {
    let directory = directory.to_str().unwrap();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(directory))
        .collect()
}
