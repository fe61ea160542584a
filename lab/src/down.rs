//! Removing a lab, whole or half built.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use crate::layout::Layout;
use crate::process::{Identity, kill_all};
use crate::state::{Phase, State, StateFile};
use crate::{Error, Prefix, namespace};

/// A builder that was killed may leave one command behind, which goes on for an instant.
const LAST_COMMAND: Duration = Duration::from_millis(300);
/// Whoever keeps forking is caught in the next round.
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
    let recorded = state.load()?;
    refuse_while_building(&recorded)?;
    let mut removed = Removed {
        processes: Vec::new(),
        strays: 0,
        namespaces: Vec::new(),
        directory: layout.spec.directory.clone(),
    };
    kill_recorded(&recorded, &mut removed).await?;
    clear_namespaces(&layout.prefix, &mut removed).await?;
    if recorded.phase == Phase::Building {
        sleep(LAST_COMMAND).await;
        clear_namespaces(&layout.prefix, &mut removed).await?;
    }
    match fs::remove_dir_all(&removed.directory) {
        // Somebody else was removing it at the same time.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        outcome => outcome.map_err(Error::file("remove", &removed.directory))?,
    }
    Ok(removed)
}

fn refuse_while_building(state: &State) -> Result<(), Error> {
    let builder = state.builder;
    // A builder may of course remove its own.
    let other = builder.is_alive() && builder.pid() != std::process::id();
    if state.phase == Phase::Building && other {
        return Err(Error::StillBuilding {
            builder: builder.pid(),
        });
    }
    Ok(())
}

async fn kill_recorded(state: &State, removed: &mut Removed) -> Result<(), Error> {
    let alive = state.processes.iter().filter(|(_, it)| it.is_alive());
    let (names, identities): (Vec<&String>, Vec<Identity>) = alive.unzip();
    removed.processes.extend(names.into_iter().cloned());
    kill_all(&identities).await
}

async fn clear_namespaces(prefix: &Prefix, removed: &mut Removed) -> Result<(), Error> {
    let namespaces = namespace::list(prefix)?;
    removed.strays += sweep(&namespaces).await?;
    namespace::delete_all(&namespaces).await?;
    removed.namespaces.extend(namespaces);
    Ok(())
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
