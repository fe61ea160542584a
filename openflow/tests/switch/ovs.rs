//! A real Open vSwitch of a test's own, with the dummy datapath: no kernel, no privileges, no
//! packets but those a test sends. It ends with the value.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use openflow::Version;
use openflow::client::{Client, Options};
use tempfile::TempDir;

const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// An ovsdb-server and an ovs-vswitchd with one bridge, `br0`.
pub(crate) struct Switch {
    dir: TempDir,
    daemons: Vec<Child>,
}

impl Switch {
    /// Starts it, with ports `p1`, `p2` and so on, numbered likewise.
    pub(crate) fn start(ports: u16) -> Switch {
        let mut switch = Switch {
            dir: tempfile::Builder::new()
                .prefix("openflow-test-")
                .tempdir()
                .unwrap(),
            daemons: Vec::new(),
        };
        let database = switch.path("conf.db");
        let socket = format!("unix:{}", switch.path("db.sock").display());
        run(Command::new("ovsdb-tool")
            .arg("create")
            .arg(&database)
            .arg(SCHEMA));
        let remote = format!("--remote=p{socket}");
        switch.spawn("ovsdb-server", &[&remote, database.to_str().unwrap()]);
        wait_for(&switch.path("db.sock"));
        switch.vsctl(&["--no-wait", "init"]);
        switch.spawn(
            "ovs-vswitchd",
            &["--enable-dummy=system", "--disable-system", &socket],
        );
        switch.vsctl(&[
            "add-br",
            "br0",
            "--",
            "set",
            "bridge",
            "br0",
            "datapath_type=dummy",
            "fail-mode=secure",
        ]);
        switch.add_ports(ports);
        switch
    }

    fn add_ports(&self, ports: u16) {
        for port in 1..=ports {
            let (name, number) = (format!("p{port}"), format!("ofport_request={port}"));
            self.vsctl(&[
                "add-port",
                "br0",
                &name,
                "--",
                "set",
                "interface",
                &name,
                "type=dummy",
                &number,
            ]);
        }
    }

    /// The socket that speaks OpenFlow.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("br0.mgmt")
    }

    /// A client that offers just this version.
    pub(crate) async fn client(&self, version: Version) -> Client {
        let options = Options {
            versions: vec![version],
            ..Options::default()
        };
        Client::connect(self.socket(), options).await.unwrap()
    }

    /// Runs `ovs-ofctl` in OpenFlow 1.5 on the bridge; `arguments` begin with the command.
    pub(crate) fn ofctl(&self, arguments: &[&str]) -> String {
        self.ofctl_in(Version::V1_5, arguments)
    }

    /// The same in another version.
    pub(crate) fn ofctl_in(&self, version: Version, arguments: &[&str]) -> String {
        let target = format!("unix:{}", self.socket().display());
        let (command, rest) = arguments.split_first().unwrap();
        let protocol = match version {
            Version::V1_4 => "OpenFlow14",
            Version::V1_5 => "OpenFlow15",
        };
        let mut ofctl = self.command("ovs-ofctl");
        ofctl.args(["-O", protocol, "--no-names", "--no-stats", command, &target]);
        run(ofctl.args(rest))
    }

    /// Asks the daemon itself, without a program in between, which takes 50 times as long.
    pub(crate) fn control(&self, method: &str, parameters: &[&str]) -> String {
        let mut socket = UnixStream::connect(self.path("ovs-vswitchd.ctl")).unwrap();
        let request = serde_json::json!({ "id": 0, "method": method, "params": parameters });
        socket.write_all(request.to_string().as_bytes()).unwrap();
        let reply = serde_json::Deserializer::from_reader(&socket)
            .into_iter()
            .next();
        let reply: serde_json::Value = reply.unwrap().unwrap();
        assert!(
            reply["error"].is_null(),
            "{method} {parameters:?}: {}",
            reply["error"]
        );
        reply["result"].as_str().unwrap().to_owned()
    }

    /// Runs `ovs-vsctl` on the switch's database.
    pub(crate) fn vsctl(&self, arguments: &[&str]) -> String {
        let database = format!("--db=unix:{}", self.path("db.sock").display());
        run(self
            .command("ovs-vsctl")
            .arg(database)
            .arg("--timeout=20")
            .args(arguments))
    }

    /// A file in the switch's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn spawn(&mut self, program: &str, arguments: &[&str]) {
        let control = self.path(&format!("{program}.ctl"));
        let daemon = self
            .command(program)
            .arg(format!("--unixctl={}", control.display()))
            .arg("-vconsole:off")
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
        self.daemons.push(daemon);
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for variable in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"] {
            command.env(variable, self.dir.path());
        }
        command
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} is needed for this test: {error}"));
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {said}");
    String::from_utf8(stdout).unwrap()
}

fn wait_for(path: &Path) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(
            Instant::now() < give_up,
            "{} does not appear",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
