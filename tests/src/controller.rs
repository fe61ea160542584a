//! A controller alone, without hosts: for what needs no switch.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::{Rest, eventually};

/// A running controller on loopback; killed when dropped.
pub struct LoneController {
    child: Child,
    data: tempfile::TempDir,
}

impl LoneController {
    /// Starts one in a fresh directory.
    #[must_use]
    pub fn start() -> Self {
        let data = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let child = spawn(data.path());
        let started = Self { child, data };
        started.wait_ready();
        started
    }

    /// Kills it as a crash would, and starts it again on the same data.
    pub fn crash_and_restart(&mut self) {
        self.end();
        self.child = spawn(self.data.path());
        self.wait_ready();
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// A client of it.
    #[must_use]
    pub fn rest(&self) -> Rest {
        Rest::open(self.data.path())
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_ready(&self) {
        let socket = self.data.path().join("api.sock");
        eventually("the controller answers", Duration::from_secs(30), || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
    }

    fn end(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

impl Drop for LoneController {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(data: &Path) -> Child {
    let log = std::fs::File::create(data.join("log")).unwrap_or_else(|e| panic!("{e}"));
    let program: PathBuf = crate::pool::programs().join("bulkhead-controller");
    let child = Command::new(program)
        .args(["serve", "--advertise", "127.0.0.1", "--data-dir"])
        .arg(data)
        .args([
            "--api-listen",
            "127.0.0.1:0",
            "--agent-listen",
            "127.0.0.1:0",
        ])
        .args(["--sflow-listen", "127.0.0.1:0"])
        .stderr(Stdio::from(log))
        .spawn();
    child.unwrap_or_else(|e| panic!("{e}"))
}
