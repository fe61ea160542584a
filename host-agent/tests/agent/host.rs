//! A host: ovsdb-server and ovs-vswitchd with the dummy datapath, and the agent, all in one folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::controller::Controller;
use crate::plan;

const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// Runs a test in a network namespace of its own, which ends with it: what the agent does to the
/// kernel's links and filters, it does there.
pub(crate) fn in_namespace(test: impl Future<Output = ()>) {
    // Threads and processes inherit the namespace of the thread that makes them.
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    run("ip", Path::new("/"), &["link", "set", "lo", "up"]);
    // The NIC of the plans; the dummy switch only needs its name.
    let nic = "link add nic1 type veth peer name nic1-far";
    run("ip", Path::new("/"), &nic.split(' ').collect::<Vec<_>>());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(test);
}

pub(crate) struct Host {
    pub(crate) controller: Controller,
    agent: Option<Process>,
    vswitchd: Option<Process>,
    _ovsdb: Process,
    folder: TempDir,
}

/// A child that does not outlive its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Host {
    /// A test that fails shows what the agent had to say.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in ["bulkhead-agent.log", "ovs-vswitchd.log"] {
                let text = std::fs::read_to_string(self.folder.path().join(log));
                eprintln!("{log}:\n{}", text.unwrap_or_default());
            }
            eprintln!("{}", self.ofctl(&["dump-ports-desc", "br-int"]));
            eprintln!(
                "{}",
                self.vsctl(&["--columns=name,ofport,error", "list", "Interface"])
            );
        }
    }
}

impl Host {
    /// A host whose agent runs, and has no plan.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let controller = Controller::start(folder.path()).await;
        let database = folder.path().join("conf.db");
        run(
            "ovsdb-tool",
            folder.path(),
            &["create", path(&database), SCHEMA],
        );
        let remote = format!("--remote=p{}", ovsdb(folder.path()));
        let server = spawn("ovsdb-server", folder.path(), &[path(&database), &remote]);
        let socket = folder.path().join("db.sock");
        until("ovsdb-server listens", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        let mut host = Self {
            controller,
            agent: None,
            vswitchd: None,
            _ovsdb: server,
            folder,
        };
        host.vsctl(&["--no-wait", "init"]);
        host.start_vswitchd();
        host.start_agent();
        until("br-int", || host.vsctl(&["list-br"]).contains("br-int"));
        host
    }

    pub(crate) fn start_vswitchd(&mut self) {
        let database = ovsdb(self.folder.path());
        let dummy = ["--enable-dummy=system", "--disable-system", &database];
        self.vswitchd = Some(spawn("ovs-vswitchd", self.folder.path(), &dummy));
    }

    /// Kills it with signal 9.
    pub(crate) fn kill_vswitchd(&mut self) {
        self.vswitchd = None;
    }

    pub(crate) fn start_agent(&mut self) {
        let folder = path(self.folder.path());
        let (controller, database) = (
            self.controller.address.to_string(),
            ovsdb(self.folder.path()),
        );
        let arguments = [
            ["--controller", &controller],
            ["--certificate-dir", folder],
            ["--state-dir", folder],
            ["--ovsdb", &database],
            ["--ovs-rundir", folder],
            ["--namespace-prefix", "bulkhead-agent-test-"],
            ["--datapath-type", "system"],
        ];
        let program = env!("CARGO_BIN_EXE_bulkhead-agent");
        self.agent = Some(spawn(program, self.folder.path(), arguments.as_flattened()));
    }

    /// Kills it with signal 9.
    pub(crate) fn kill_agent(&mut self) {
        self.agent = None;
    }

    /// Plugs an interface that names a port, as a hypervisor does. The switch answers first.
    pub(crate) fn plug(&self, interface: &str, iface_id: &str) {
        let id = format!("external_ids:iface-id={iface_id}");
        let set = ["--", "set", "Interface", interface, "type=dummy", &id];
        let add = ["add-port", "br-int", interface];
        self.vsctl(&[&add[..], &set[..]].concat());
    }

    /// Plugs the port `10.0.0.<n>` of a network.
    pub(crate) fn plug_port(&self, interface: &str, network: u128, n: u8) {
        self.plug(interface, &plan::port_id(network, n).to_string());
    }

    pub(crate) fn unplug(&self, interface: &str) {
        self.vsctl(&["del-port", "br-int", interface]);
    }

    pub(crate) fn vsctl(&self, arguments: &[&str]) -> String {
        let database = format!("--db={}", ovsdb(self.folder.path()));
        let options = [database.as_str(), "--timeout=20"];
        run(
            "ovs-vsctl",
            self.folder.path(),
            &[&options, arguments].concat(),
        )
    }

    pub(crate) fn ofctl(&self, arguments: &[&str]) -> String {
        let options = ["-OOpenFlow15"];
        run(
            "ovs-ofctl",
            self.folder.path(),
            &[&options, arguments].concat(),
        )
    }

    /// What the switch would do with a frame, as datapath actions.
    pub(crate) fn trace(&self, frame: &str) -> String {
        let control = std::fs::read_dir(self.folder.path()).unwrap();
        let control = control.map(|entry| entry.unwrap().path());
        let vswitchd = |it: &PathBuf| {
            let name = it.file_name().unwrap().to_str().unwrap();
            name.starts_with("ovs-vswitchd.") && name.ends_with(".ctl")
        };
        let control = control
            .filter(vswitchd)
            .max_by_key(|it| it.metadata().unwrap().modified().unwrap());
        let control = control.unwrap();
        let arguments = ["-t", path(&control), "ofproto/trace", "br-int", frame];
        let text = run("ovs-appctl", self.folder.path(), &arguments);
        let (_, actions) = text.rsplit_once("Datapath actions: ").unwrap();
        actions.trim().to_owned()
    }

    /// The flows with our mark: their text without counters, and how long each is there.
    pub(crate) fn flows(&self) -> Vec<(String, f64)> {
        let text = self.ofctl(&["dump-flows", "br-int"]);
        let ours = text.lines().filter(|line| line.contains("cookie=0xb01d"));
        ours.map(flow).collect()
    }
}

/// `cookie=.., duration=1.2s, table=0, n_packets=.., n_bytes=.., [..] priority=.. actions=..`
fn flow(line: &str) -> (String, f64) {
    let (before, rest) = line.split_once("duration=").unwrap();
    let (duration, rest) = rest.split_once("s, ").unwrap();
    let counters = ["n_packets=", "n_bytes=", "idle_age="];
    let kept = rest
        .split(", ")
        .filter(|part| !counters.iter().any(|counter| part.starts_with(counter)));
    let text = format!("{before}{}", kept.collect::<Vec<_>>().join(", "));
    (text, duration.parse().unwrap())
}

fn ovsdb(folder: &Path) -> String {
    format!("unix:{}", folder.join("db.sock").display())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn command(program: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command.env("OVS_RUNDIR", folder).env("OVS_DBDIR", folder);
    command.stdin(Stdio::null());
    command
}

fn spawn(program: &str, folder: &Path, arguments: &[&str]) -> Process {
    let mut command = command(program, folder, arguments);
    let name = Path::new(program).file_name().unwrap().to_str().unwrap();
    let log = std::fs::File::options();
    let log = log
        .clone()
        .create(true)
        .append(true)
        .open(folder.join(format!("{name}.log")));
    command.stderr(log.unwrap()).stdout(Stdio::null());
    Process(command.spawn().unwrap_or_else(|e| panic!("{program}: {e}")))
}

fn run(program: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = command(program, folder, arguments).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}"));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
