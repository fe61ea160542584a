//! What the machine must have for a lab, checked before anything is built.

use std::fmt;
use std::path::{Path, PathBuf};

/// The programs a lab runs, and the Debian package each comes in.
const TOOLS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("ethtool", "ethtool"),
    ("ovsdb-server", "openvswitch-common"),
    ("ovs-vswitchd", "openvswitch-switch"),
    ("ovsdb-tool", "openvswitch-common"),
    ("ovs-vsctl", "openvswitch-switch"),
    ("ovs-ofctl", "openvswitch-common"),
    ("ovs-appctl", "openvswitch-common"),
];

/// The schema of every switch's database.
pub(crate) const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// Bulkhead's own programs that a lab starts.
pub(crate) const CONTROLLER: &str = "bulkhead-controller";
/// See [`CONTROLLER`].
pub(crate) const AGENT: &str = "bulkhead-agent";

/// All that is missing, each as a sentence that says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Missing(Vec<String>);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this machine cannot run a lab yet:")?;
        self.0
            .iter()
            .try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

/// Checks that this machine can run a lab at all.
///
/// # Errors
/// Everything that is missing, at once.
pub fn requirements() -> Result<(), Missing> {
    verdict(machine_problems())
}

/// The same, and that Bulkhead's programs are in `programs` where a lab is to run them.
pub(crate) fn requirements_with(programs: Option<&Path>) -> Result<(), Missing> {
    let mut problems = machine_problems();
    if let Some(folder) = programs {
        problems.extend(absent_programs(folder));
    }
    verdict(problems)
}

fn machine_problems() -> Vec<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut problems = absent_tools(&folders);
    if !Path::new(SCHEMA).is_file() {
        problems.push(format!(
            "{SCHEMA} is missing: apt install openvswitch-switch"
        ));
    }
    if !nix::unistd::geteuid().is_root() {
        problems.push("only root may make network namespaces: run it as root".to_owned());
    }
    problems
}

fn absent_tools(folders: &[PathBuf]) -> Vec<String> {
    let absent = |tool: &str| !folders.iter().any(|folder| folder.join(tool).is_file());
    TOOLS
        .iter()
        .filter(|(tool, _)| absent(tool))
        .map(|(tool, package)| format!("{tool} is not in PATH: apt install {package}"))
        .collect()
}

fn absent_programs(folder: &Path) -> Vec<String> {
    [CONTROLLER, AGENT]
        .iter()
        .filter(|program| !folder.join(program).is_file())
        .map(|program| {
            format!(
                "{program} is not in {}: build it, or name the folder it is in",
                folder.display()
            )
        })
        .collect()
}

fn verdict(problems: Vec<String>) -> Result<(), Missing> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(Missing(problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_missing_is_named_at_once_with_its_package() {
        let nowhere = [PathBuf::from("/nonexistent")];
        let mut problems = absent_tools(&nowhere);
        problems.extend(absent_programs(&nowhere[0]));
        let message = verdict(problems).unwrap_err().to_string();
        for (tool, package) in TOOLS {
            let line = format!("{tool} is not in PATH: apt install {package}");
            assert!(message.contains(&line), "{line}");
        }
        assert!(message.contains("bulkhead-controller is not in /nonexistent"));
        assert!(message.contains("bulkhead-agent is not in /nonexistent"));
    }

    #[test]
    fn this_machine_has_what_the_tests_need() {
        requirements().unwrap();
    }
}
