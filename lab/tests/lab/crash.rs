//! A builder that is killed half way leaves a lab that can be removed whole.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab::{Error, Lab, Phase, Spec};

use crate::scratch::{assert_nothing_left, remove, switches_only};

const DIRECTORY: &str = "LAB_TEST_DIRECTORY";
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn down_removes_all_after_the_builder_was_killed_at_any_stage() {
    // From "nothing but the state file" to "nearly done".
    for processes in [0, 1, 2, 4, 6, 8] {
        let directory = tempfile::tempdir().unwrap();
        kill_builder_at(processes, directory.path());
        let lab = Lab::open(directory.path()).unwrap();
        let status = lab.status().unwrap();
        assert_eq!(status.phase, Phase::Building, "at {processes}");
        remove(directory.path());
        assert_nothing_left(&status.prefix, directory.path());
    }
}

#[test]
fn a_lab_goes_on_after_its_builder_ended_and_not_before_is_it_removed() {
    let directory = tempfile::tempdir().unwrap();
    let mut builder = start_builder(directory.path());
    wait_for(0, directory.path());
    let lab = Lab::open(directory.path()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = runtime.block_on(lab.down());
    assert!(matches!(refused, Err(Error::StillBuilding { .. })));

    assert!(builder.wait().unwrap().success());
    assert!(lab.status().unwrap().is_whole());
    let removed = runtime.block_on(lab.down()).unwrap();
    assert_eq!(removed.processes.len(), 10);
    assert_nothing_left(lab.prefix().as_str(), directory.path());
}

/// Builds a lab in a process of its own, which dies once `processes` are recorded.
fn kill_builder_at(processes: usize, directory: &Path) {
    let mut builder = start_builder(directory);
    wait_for(processes, directory);
    builder.kill().unwrap();
    builder.wait().unwrap();
}

fn start_builder(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::builder", "--ignored"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait_for(processes: usize, directory: &Path) {
    let start = Instant::now();
    while recorded(directory) < Some(processes) {
        assert!(start.elapsed() < LIMIT, "the builder does not build");
        std::thread::yield_now();
    }
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
