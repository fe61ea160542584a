//! Real DHCP clients inside a VIF's namespace, and what they made of their answers.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::{Instance, eventually};

use crate::PATIENCE;

/// What a client tells its script; the system's own scripts would change this machine.
pub(crate) type Told = BTreeMap<String, String>;

/// Does what udhcpc's own script does, but for name servers.
const UDHCPC: &str = r#"#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
ip link set "$interface" mtu "$mtu"
set -- $staticroutes
while [ $# -ge 2 ]; do ip route replace "$1" via "$2" dev "$interface"; shift 2; done
env > "$0.env"; mv "$0.env" "$(dirname "$0")/told"
"#;

/// Does what dhclient's own script does, but for name servers and the host's name.
const DHCLIENT: &str = r#"#!/bin/sh
case $reason in
BOUND|REBOOT|RENEW|REBIND)
    ip address replace "$new_ip_address/24" dev "$interface"
    ip link set "$interface" mtu "$new_interface_mtu"
    env > "$0.env"; mv "$0.env" "$(dirname "$0")/told" ;;
BOUND6|RENEW6|REBIND6)
    ip address replace "$new_ip6_address/128" dev "$interface" nodad
    env > "$0.env"; mv "$0.env" "$(dirname "$0")/told" ;;
esac
exit 0
"#;

/// A folder for one run of a client.
struct Run {
    folder: tempfile::TempDir,
}

impl Run {
    fn new(script: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("dhcp-").tempdir().unwrap();
        let path = folder.path().join("script");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn told(&self) -> Option<Told> {
        let text = fs::read_to_string(self.path("told")).ok()?;
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Some(
            pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

/// Asks once by busybox's client, which ends when it has a lease.
pub(crate) fn udhcpc(at: &Instance) -> Option<Told> {
    let run = Run::new(UDHCPC);
    let mut command = at.command("busybox");
    command.args([
        "udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "5", "-T", "1", "-s",
    ]);
    let output = command.arg(run.path("script")).output().unwrap();
    let told = run.told();
    if told.is_none() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    told
}

/// The same until there is a lease: the client gives up after five seconds, and an agent that was
/// only just started may take longer.
pub(crate) fn leased_by_udhcpc(at: &Instance) -> Told {
    let mut told = None;
    eventually("udhcpc has a lease", PATIENCE, || {
        told = udhcpc(at);
        told.is_some()
    });
    told.unwrap()
}

/// Asks once by the ISC's client, which goes on in the background and is ended here.
pub(crate) fn dhclient(at: &Instance, family: &str) -> Told {
    let run = Run::new(DHCLIENT);
    let arguments = [
        ("-sf", run.path("script")),
        ("-lf", run.path("leases")),
        ("-pf", run.path("pid")),
        ("-cf", PathBuf::from("/dev/null")),
    ];
    fs::write(run.path("leases"), "").unwrap();
    let mut command = at.command("dhclient");
    command.args([family, "-d"]);
    for (flag, path) in arguments {
        command.arg(flag).arg(path);
    }
    let log = fs::File::create(run.path("log")).unwrap();
    command.stderr(log.try_clone().unwrap()).stdout(log);
    let mut child = command.arg("eth0").spawn().unwrap();
    let mut told = None;
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("dhclient has a lease", PATIENCE, || {
            told = run.told();
            told.is_some()
        });
    }));
    stop(&mut child);
    if let Err(panic) = asked {
        eprintln!(
            "{}",
            fs::read_to_string(run.path("log")).unwrap_or_default()
        );
        std::panic::resume_unwind(panic);
    }
    told.unwrap()
}

/// `nsenter` becomes the client, so this is the client's own process.
fn stop(child: &mut std::process::Child) {
    let pid = i32::try_from(child.id()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    child.wait().unwrap();
}

/// What `ip` prints inside an instance.
pub(crate) fn ip(at: &Instance, line: &str) -> String {
    let output = at.command("ip").args(line.split_whitespace()).output();
    let output = output.unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {line}: {complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A setting of the instance's kernel.
pub(crate) fn sysctl(at: &Instance, path: &str) -> String {
    let file = Path::new("/proc/sys/net").join(path);
    let output = at.command("cat").arg(file).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
