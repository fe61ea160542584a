//! A libvirt of a host's own: libvirtd started by hand, in mount namespaces of its own, so that it finds
//! this host's switch and keeps its files apart from the machine's.

mod boxes;
pub mod image;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::Host;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually;

/// How long libvirtd may take to answer: the first one asks QEMU all that it can do.
const PATIENCE: Duration = Duration::from_secs(120);

/// What each host has for itself: a folder of ours in place of one of the machine's.
const FOLDERS: [(&str, &str); 5] = [
    ("libvirt", "/run/libvirt"),
    ("libvirt-lib", "/var/lib/libvirt"),
    ("libvirt-log", "/var/log/libvirt"),
    ("libvirt-etc", "/etc/libvirt"),
    ("ovs", "/run/openvswitch"),
];

/// No cgroups, no namespaces, no other user: what a machine that is itself a container allows.
const QEMU_CONF: &str = "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\n\
    stdio_handler = \"file\"\nnamespaces = []\ncgroup_controllers = []\nremember_owner = 0\n";

/// Where both versions of cgroups are mounted, libvirt takes the second for its containers, and finds no
/// controller there.
const NO_UNIFIED: &str = "umount /sys/fs/cgroup/unified 2>/dev/null || true";

/// The others' libvirtd may send it guests, and need not say who they are: nobody else is on this network.
const LISTENING: &str = "listen_tls = 0\nlisten_tcp = 1\nauth_tcp = \"none\"\n";

/// libvirtd of one host; it and its guests end when this is dropped.
pub struct Libvirt {
    host: Host,
    child: Option<Child>,
}

impl Libvirt {
    /// Starts one on `host`, with our hook, which holds a guest for `seconds` at most.
    #[must_use]
    pub fn start(host: Host, seconds: u64) -> Self {
        let mut libvirt = Self { host, child: None };
        for (folder, target) in FOLDERS {
            make(&libvirt.folder(folder));
            make(Path::new(target));
        }
        make(Path::new("/var/cache/libvirt"));
        // Debian's package has it.
        make(&libvirt.folder("libvirt-log/qemu"));
        libvirt.write("libvirt-etc/qemu.conf", QEMU_CONF);
        let id = format!(
            "host_uuid = \"{}\"\n{LISTENING}",
            uuid_of(libvirt.host.number())
        );
        libvirt.write("libvirt-etc/libvirtd.conf", &id);
        libvirt.add_users();
        libvirt.install_hook(seconds);
        libvirt.run();
        libvirt
    }

    /// Starts libvirtd, which must not run.
    pub fn run(&mut self) {
        assert!(self.child.is_none(), "libvirtd runs already");
        let mounts = FOLDERS.map(|(folder, target)| {
            let folder = self.folder(folder);
            format!("mount --bind {} {target}", folder.display())
        });
        let cache = image::cache("libvirt");
        make(&cache);
        let directory = self.host.directory();
        let script = format!(
            "set -e; mount --make-rprivate /; {}; {NO_UNIFIED}; mount --bind {} /var/cache/libvirt; \
             mount --bind {2}/passwd /etc/passwd; mount --bind {2}/group /etc/group; \
             exec libvirtd --listen --pid-file /run/libvirt/libvirtd.pid",
            mounts.join("; "),
            cache.display(),
            directory.display(),
        );
        let log = fs::File::create(directory.join("libvirtd.log"));
        let log = log.unwrap_or_else(|e| panic!("{e}"));
        // Each of these becomes the next, so the child is libvirtd itself.
        let child = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", self.host.namespace()))
            .args(["--", "unshare", "--mount", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap_or_else(|e| panic!("could not start libvirtd: {e}")));
        eventually("libvirtd answers", PATIENCE, || self.virsh("list").is_ok());
    }

    /// Kills libvirtd as a crash would. Its guests run on.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            panic!("libvirtd does not run");
        };
        child.kill().unwrap_or_else(|e| panic!("{e}"));
        child.wait().unwrap_or_else(|e| panic!("{e}"));
    }

    /// Kills a guest's QEMU as a crash would.
    pub fn kill_guest(&self, name: &str) {
        self.kill_by(&format!("qemu/{name}.pid"));
    }

    /// Kills what this file of libvirt's names.
    fn kill_by(&self, file: &str) {
        let path = self.folder("libvirt").join(file);
        let pid = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let pid = pid.trim().parse().unwrap_or_else(|e| panic!("{pid}: {e}"));
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap_or_else(|e| panic!("{e}"));
    }

    /// Runs `virsh` with the words of `line`; gives what it printed, or what it complained of.
    pub fn virsh(&self, line: &str) -> Result<String, String> {
        self.virsh_of("qemu:///system", line)
    }

    fn virsh_of(&self, uri: &str, line: &str) -> Result<String, String> {
        let pid = self.child.as_ref().map(Child::id);
        let pid = pid.ok_or("libvirtd does not run")?.to_string();
        let output = Command::new("nsenter")
            .args(["--mount", "--net", "--target", &pid, "--", "virsh", "-q"])
            .args(["-c", uri])
            .args(line.split_whitespace())
            .output();
        let output = output.map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Runs `virsh`, which must succeed.
    pub fn must(&self, line: &str) -> String {
        let done = self.virsh(line);
        done.unwrap_or_else(|complaint| panic!("virsh {line}\n{complaint}"))
    }

    /// Defines a guest with these interfaces, as libvirt's XML has them, that boots our image.
    pub fn define(&self, name: &str, metadata: &str, interfaces: &str) {
        self.define_told(name, "", metadata, interfaces);
    }

    /// The same, with more words on its kernel's command line: `reach=10.0.0.5` is whom it pings.
    pub fn define_told(&self, name: &str, words: &str, metadata: &str, interfaces: &str) {
        self.define_as(name, &self.description(name, words, metadata, interfaces));
    }

    /// The same on a machine of type q35, which has no slots to spare.
    pub fn define_q35(&self, name: &str, interfaces: &str) {
        let xml = self.description(name, "", "", interfaces);
        self.define_as(name, &xml.replace("machine='pc'", "machine='q35'"));
    }

    fn define_as(&self, name: &str, xml: &str) {
        let path = self.write(&format!("{name}.xml"), xml);
        self.must(&format!("define {}", path.display()));
    }

    fn description(&self, name: &str, words: &str, metadata: &str, interfaces: &str) -> String {
        let image = image::image();
        format!(
            "<domain type='qemu'><name>{name}</name><memory unit='MiB'>96</memory><vcpu>1</vcpu>\
             <metadata>{metadata}</metadata>\
             <os><type arch='x86_64' machine='pc'>hvm</type><kernel>{}</kernel>\
             <initrd>{}</initrd><cmdline>console=ttyS0 quiet panic=-1 {words}</cmdline></os>\
             <features><acpi/></features><on_reboot>destroy</on_reboot>\
             <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{interfaces}\
             <serial type='file'><source path='{}'/></serial><memballoon model='none'/>\
             </devices></domain>",
            image.kernel.display(),
            image.initrd.display(),
            self.console_path(name).display(),
        )
    }

    /// What a machine of ours said on its console.
    #[must_use]
    pub fn log_of(&self, handle: &str) -> String {
        let path = self.folder(&format!("libvirt-log/qemu/{handle}.console"));
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
    }

    /// What a guest said on its console.
    #[must_use]
    pub fn console(&self, name: &str) -> String {
        let bytes = fs::read(self.console_path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn console_path(&self, name: &str) -> PathBuf {
        self.folder(&format!("{name}.console"))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.host.directory().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder(name);
        fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }

    /// libvirt looks for the user of Debian's package though QEMU runs as root here.
    fn add_users(&self) {
        for (file, line) in [
            (
                "passwd",
                "libvirt-qemu:x:64055:64055::/nonexistent:/bin/false",
            ),
            ("group", "libvirt-qemu:x:64055:\nkvm:x:64056:"),
        ] {
            let own = fs::read_to_string(Path::new("/etc").join(file)).unwrap_or_default();
            self.write(file, &format!("{own}{line}\n"));
        }
    }

    fn install_hook(&self, seconds: u64) {
        make(&self.folder("libvirt-etc/hooks"));
        let script = format!(
            "#!/bin/sh\nexec {} qemu-hook --state-dir {} --seconds {seconds} -- \"$@\"\n",
            crate::pool::programs().join("bulkhead-agent").display(),
            self.host.agent_directory().display(),
        );
        for hook in ["qemu", "lxc"] {
            let path = self.write(&format!("libvirt-etc/hooks/{hook}"), &script);
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(path, executable).unwrap_or_else(|e| panic!("{e}"));
        }
    }
}

impl Drop for Libvirt {
    fn drop(&mut self) {
        for uri in ["qemu:///system", boxes::URI] {
            let names = self.virsh_of(uri, "list --name").unwrap_or_default();
            for name in names.split_whitespace() {
                let _ended = self.virsh_of(uri, &format!("destroy {name}"));
            }
        }
        // What is left of guests is in the host's namespace, and ends with it.
        if let Some(mut child) = self.child.take() {
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }
}

fn make(folder: &Path) {
    fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
}

fn uuid_of(host: usize) -> String {
    format!("00000000-1111-4222-8333-{host:012}")
}
