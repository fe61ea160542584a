//! Removing a lab, whole or half built.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::layout::Layout;
use crate::process::{Identity, kill_all};
use crate::state::StateFile;
use crate::{Error, namespace};

/// A process that forks while it is hunted is caught in the next round.
const SWEEPS: usize = 20;

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// The lab's own processes that still ran, by name.
    pub processes: Vec<String>,
    /// How many others ran in its namespaces: what tests and operators left there.
    pub strays: usize,
    /// The namespaces, the instances' included.
    pub namespaces: Vec<String>,
    /// The directory, with all files.
    pub directory: PathBuf,
}

/// First whoever could make new things, then the things, then the record of them: interrupted at
/// any point, it can be repeated.
pub(crate) async fn down(layout: &Layout, state: &StateFile) -> Result<Removed, Error> {
    let recorded = state.load()?.processes;
    let alive: Vec<(String, Identity)> = recorded
        .into_iter()
        .filter(|(_, identity)| identity.is_alive())
        .collect();
    let (processes, identities): (Vec<_>, Vec<_>) = alive.into_iter().unzip();
    kill_all(&identities).await?;

    let namespaces = namespace::list(&layout.prefix)?;
    let strays = sweep(&namespaces).await?;
    namespace::delete_all(&namespaces).await?;

    let directory = layout.spec.directory.clone();
    match fs::remove_dir_all(&directory) {
        // Somebody else was removing it at the same time.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        outcome => outcome.map_err(Error::file("remove", &directory))?,
    }
    Ok(Removed {
        processes,
        strays,
        namespaces,
        directory,
    })
}

/// Kills whatever still runs in the namespaces. They carry the lab's prefix, so nothing in them
/// is anybody else's.
async fn sweep(namespaces: &[String]) -> Result<usize, Error> {
    let mut strays = 0;
    for _ in 0..SWEEPS {
        let found: Vec<Identity> = namespace::processes_in(namespaces)
            .into_iter()
            .filter_map(Identity::of)
            .filter(|identity| identity.is_alive())
            .collect();
        if found.is_empty() {
            break;
        }
        strays += found.len();
        kill_all(&found).await?;
    }
    Ok(strays)
}
