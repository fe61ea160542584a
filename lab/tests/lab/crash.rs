//! A builder that is killed half way leaves a lab that can be removed whole.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::{Lab, Phase, Spec};

use crate::scratch::{assert_nothing_left, remove, switches_only};

const DIRECTORY: &str = "LAB_TEST_DIRECTORY";
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn down_removes_all_after_the_builder_was_killed_at_any_stage() {
    // From "nothing but the state file" to "nearly done".
    for processes in [0, 1, 2, 4, 6] {
        let directory = tempfile::tempdir().unwrap();
        kill_builder_at(processes, directory.path());
        let lab = Lab::open(directory.path()).unwrap();
        let status = lab.status().unwrap();
        assert_eq!(status.phase, Phase::Building, "at {processes}");
        remove(directory.path());
        assert_nothing_left(&status.prefix, directory.path());
    }
}

/// Builds a lab in a process of its own, which dies once `processes` are recorded.
fn kill_builder_at(processes: usize, directory: &Path) {
    let mut builder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::builder", "--ignored"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while recorded(directory) < Some(processes) {
        assert!(start.elapsed() < LIMIT, "the builder does not build");
        std::thread::yield_now();
    }
    builder.kill().unwrap();
    builder.wait().unwrap();
}

/// How many processes run; `None` while there is no lab.
fn recorded(directory: &Path) -> Option<usize> {
    let status = Lab::open(directory).ok()?.status().ok()?;
    let running = status.processes.iter().filter(|it| it.pid.is_some());
    Some(running.count())
}

#[tokio::test]
#[ignore = "the builder that is killed; run by another test"]
async fn builder() {
    let directory = std::env::var_os(DIRECTORY).expect("run by another test");
    let spec = Spec {
        directory: directory.into(),
        ..switches_only(4)
    };
    Lab::up(spec).await.unwrap();
}
