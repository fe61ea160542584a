//! A real ovsdb-server with Open vSwitch's schema, in a folder of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ovsdb::{Client, Endpoint, Options};
use tempfile::TempDir;

pub(crate) const DB: &str = "Open_vSwitch";
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// The server ends when this is dropped.
pub(crate) struct Server {
    folder: TempDir,
    arguments: Vec<String>,
    process: Child,
}

impl Server {
    /// Starts a server that listens on a unix socket.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    /// Starts a server with more arguments, which may name files in its folder.
    pub(crate) fn start_with(arguments: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("ovsdb-live-")
            .tempdir()
            .expect("a folder");
        let created = Command::new("ovsdb-tool")
            .arg("create")
            .args([folder.path().join("conf.db").as_path(), Path::new(SCHEMA)])
            .status()
            .expect("ovsdb-tool is installed");
        assert!(created.success());
        let arguments = arguments(folder.path());
        let process = launch(folder.path(), &arguments);
        let server = Self {
            folder,
            arguments,
            process,
        };
        server.wait_until_up();
        server
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.path("db.sock"))
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.endpoint(), quick()).await.unwrap()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts again on the same database.
    pub(crate) fn restart(&mut self) {
        let _ = std::fs::remove_file(self.path("db.sock"));
        self.process = launch(self.folder.path(), &self.arguments);
        self.wait_until_up();
    }

    /// The port on which the server listens for TCP or TLS, as it logged it.
    pub(crate) fn port(&self) -> u16 {
        let log = self.log();
        let mut ports = log
            .lines()
            .filter_map(|line| line.rsplit_once("listening on port ")?.1.parse().ok());
        ports.next().expect("the server logged its port")
    }

    /// Waits for the line that the server logs once it listens everywhere.
    fn wait_until_up(&self) {
        let give_up = Instant::now() + Duration::from_secs(20);
        while !self.log().contains("ovsdb-server (Open vSwitch)") {
            assert!(Instant::now() < give_up, "ovsdb-server does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn launch(folder: &Path, arguments: &[String]) -> Child {
    let log = File::create(folder.join("log")).unwrap();
    Command::new("ovsdb-server")
        .arg(folder.join("conf.db"))
        .arg(format!("--remote=punix:{}/db.sock", folder.display()))
        .arg(format!("--unixctl={}/ctl", folder.display()))
        .args(["--no-chdir", "-vconsole:info", "-vsyslog:off"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("ovsdb-server is installed")
}

/// Options for tests: quick to notice, quick to come back.
pub(crate) fn quick() -> Options {
    Options {
        backoff_min: Duration::from_millis(10),
        backoff_max: Duration::from_millis(200),
        ..Options::default()
    }
}
