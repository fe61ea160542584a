//! The tools that a hotplug script works with: xenstore's, Open vSwitch's and the kernel's, each given a
//! few seconds.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::Command;
use tokio::time::timeout;

/// How long a tool may take: xenstored that hangs must not hang the toolstack.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest that is read from a tool, in bytes: a value in xenstore has at most 4,096.
const MOST_BYTES: usize = 8_192;

/// Runs a program; gives what it printed, or says what it complained of.
pub(super) async fn run(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let output = timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    let output = output.with_context(|| {
        let seconds = PATIENCE.as_secs();
        format!("{program} took longer than {seconds} s")
    })?;
    let output = output.with_context(|| format!("could not run {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", text(&output.stderr));
    }
    Ok(text(&output.stdout))
}

fn text(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// What is at a path of xenstore, which may be relative to the own domain's; none, if nothing is.
pub(super) async fn read(path: &str) -> anyhow::Result<Option<String>> {
    match run("xenstore-read", &[path]).await {
        Ok(value) => Ok(Some(value)),
        // It says the same of whatever stands in the way, but for a xenstored that is not there.
        Err(error) if error.to_string().contains("couldn't read path") => Ok(None),
        Err(error) => Err(error),
    }
}

/// What has to be at a path of xenstore.
pub(super) async fn must_read(path: &str) -> anyhow::Result<String> {
    let value = read(path).await?.filter(|value| !value.is_empty());
    value.with_context(|| format!("xenstore has nothing at {path}"))
}

/// Writes pairs of a path and a value into xenstore.
pub(super) async fn write(pairs: &[(&str, &str)]) -> anyhow::Result<()> {
    for (path, value) in pairs {
        run("xenstore-write", &[path, value]).await?;
    }
    Ok(())
}
