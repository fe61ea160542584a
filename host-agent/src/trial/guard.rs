//! The process that keeps a deadline, whatever becomes of the agent: `bulkhead-agent revert`.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ovsdb::Endpoint;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use super::journal::Folder;
use super::revert::revert;

/// What a guard says once nothing stops it any more but its end.
const READY: &[u8] = b"ready\n";
/// How long a guard may take to say so.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a guard looks whether the trial is over.
const LOOK: Duration = Duration::from_millis(500);
/// The pause after a way back that failed.
const AGAIN: Duration = Duration::from_secs(2);

/// Starts a guard for a trial. Gives back once it stands on its own feet.
///
/// # Errors
/// When there is none: nothing may be changed then.
pub async fn start(state: &Path, ovsdb: &Endpoint, id: Uuid, within: Duration) -> io::Result<()> {
    // This program by its file, though a newer one may have its name by now.
    let mut guard = Command::new("/proc/self/exe")
        .arg("revert")
        .args(["--ovsdb", &ovsdb.to_string()])
        .args(["--trial", &id.to_string()])
        .args(["--seconds", &within.as_secs().to_string()])
        .arg("--state-dir")
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = [0; READY.len()];
    if let Some(mut output) = guard.stdout.take() {
        timeout(START_TIMEOUT, output.read_exact(&mut said)).await??;
    }
    match said == READY {
        true => Ok(()),
        false => Err(io::Error::other("the guard said something else")),
    }
}

/// What the guard does: waits for the end of the trial or of the time, and then takes the change
/// back.
///
/// # Errors
/// When it cannot even begin.
pub async fn run(
    folder: &Folder,
    ovsdb: &Endpoint,
    id: Uuid,
    within: Duration,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + within;
    let journal = folder.trial()?.filter(|journal| journal.id == id);
    let Some(journal) = journal else {
        return Ok(());
    };
    let _watch = folder.watch()?;
    // A session of our own: what is sent to the agent's whole group is not for us. One that leads a
    // group already has its own.
    let _own = nix::unistd::setsid();
    say_ready()?;
    while Instant::now() < deadline {
        if !folder.is_on_trial(id) {
            info!("the change was confirmed");
            return Ok(());
        }
        sleep(LOOK.min(deadline - Instant::now())).await;
    }
    if let Err(error) = folder.claim(id)
        && error.kind() == io::ErrorKind::NotFound
        && !folder.is_reverting(id)
    {
        return Ok(());
    }
    while folder.is_reverting(id) {
        if let Err(error) = revert(folder, ovsdb, &journal).await {
            warn!("could not take the change back, trying again: {error}");
        }
        sleep(AGAIN).await;
    }
    Ok(())
}

fn say_ready() -> io::Result<()> {
    use std::io::Write;
    let mut output = io::stdout();
    output.write_all(READY)?;
    output.flush()
}
