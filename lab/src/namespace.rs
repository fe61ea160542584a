//! Network namespaces by name, as `ip netns` keeps them under `/run/netns`.
//!
//! Programs enter one through `nsenter --net`, never through `ip netns exec`, which remounts
//! `/sys` and so hides the control groups.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::execute::{run, run_with_input};
use crate::{Error, Prefix};

const FOLDER: &str = "/run/netns";

/// Makes an empty namespace.
///
/// # Errors
/// When one of that name exists, or the caller may not.
pub async fn create(name: &str) -> Result<(), Error> {
    let mut ip = Command::new("ip");
    ip.args(["netns", "add", name]);
    run(ip).await?;
    Ok(())
}

/// Removes a namespace with all links in it; processes inside keep it alive until they end.
///
/// # Errors
/// When there is none of that name.
pub async fn delete(name: &str) -> Result<(), Error> {
    delete_all(&[name.to_owned()]).await
}

/// The namespaces of one lab, sorted: all whose name is `<prefix>-` and something.
///
/// # Errors
/// When the folder of namespaces cannot be read.
pub fn list(prefix: &Prefix) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(FOLDER) {
        Ok(entries) => entries,
        // No namespace was ever made on this machine.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("list", FOLDER)(error)),
    };
    let start = format!("{prefix}-");
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&start))
        .collect();
    names.sort();
    Ok(names)
}

/// A command that will run `program` inside `namespace`; its process id is that of `program`.
pub fn command(namespace: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net={}", path(namespace).display()))
        .arg("--")
        .arg(program);
    command
}

/// Runs `line` (a program and its arguments) inside `namespace` and gives what it printed.
///
/// # Errors
/// When it cannot be run, ends in failure, or takes longer than two minutes.
pub async fn run_in(namespace: &str, line: &[&str]) -> Result<String, Error> {
    let (program, arguments) = line
        .split_first()
        .ok_or_else(|| Error::BadSpec("there is no program to run".to_owned()))?;
    let mut command = command(namespace, program);
    command.args(arguments);
    run(command).await
}

/// Removes all of `names`, in one breath; one that fails does not keep the others.
pub(crate) async fn delete_all(names: &[String]) -> Result<(), Error> {
    let mut ip = Command::new("ip");
    ip.args(["-force", "-batch", "-"]);
    let lines: String = names
        .iter()
        .map(|name| format!("netns del {name}\n"))
        .collect();
    run_with_input(ip, &lines).await?;
    Ok(())
}

/// The ids of all processes inside any of the namespaces.
pub(crate) fn processes_in(names: &[String]) -> Vec<u32> {
    let identity = |path: &Path| fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
    let mut wanted: HashSet<_> = names.iter().filter_map(|n| identity(&path(n))).collect();
    // Never our own, whatever a name under `/run/netns` is bound to.
    if let Some(own) = identity(Path::new("/proc/self/ns/net")) {
        wanted.remove(&own);
    }
    let inside = |pid: &u32| {
        identity(Path::new(&format!("/proc/{pid}/ns/net"))).is_some_and(|it| wanted.contains(&it))
    };
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(inside)
        .collect()
}

fn path(namespace: &str) -> PathBuf {
    Path::new(FOLDER).join(namespace)
}
