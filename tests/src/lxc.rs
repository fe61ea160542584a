//! A real LXC on a host of the lab: containers of one static root file system, in the host's namespace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lab::Host;

/// What runs inside: everything that a container needs is busybox.
const APPLETS: [&str; 6] = ["sh", "sleep", "ip", "udhcpc", "ping", "cat"];

/// What a lease does: as busybox's own script, in four lines.
const LEASED: &str = "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\n\
    ip addr add $ip/$mask dev $interface\necho \"LEASED address=$ip\" >> /leases\n";

/// LXC on one host; its containers end when this is dropped.
pub struct Lxc {
    host: Host,
    names: Vec<String>,
}

impl Lxc {
    /// On this host.
    #[must_use]
    pub fn on(host: Host) -> Self {
        let lxc = Self {
            host,
            names: Vec::new(),
        };
        make(&lxc.folder("containers"));
        lxc
    }

    /// Starts a container whose only network plugs into `port`; gives what LXC said against it.
    pub fn start(&mut self, name: &str, port: &str) -> Result<(), String> {
        let root = self.folder(&format!("{name}.root"));
        root_file_system(&root);
        let agent = crate::pool::programs().join("bulkhead-agent");
        let hook = format!(
            "{} lxc-hook --state-dir {} --seconds 20 --port {port}",
            agent.display(),
            self.host.agent_directory().display(),
        );
        let log = self.folder(&format!("{name}.log"));
        let configuration = format!(
            "lxc.uts.name = {name}\nlxc.rootfs.path = dir:{}\nlxc.init.cmd = /bin/sh /init\n\
             lxc.net.0.type = veth\nlxc.net.0.flags = up\nlxc.net.0.name = eth0\n\
             lxc.net.0.script.up = {hook}\nlxc.net.0.script.down = {hook}\n\
             lxc.apparmor.profile = unconfined\nlxc.log.file = {}\nlxc.log.level = INFO\n",
            root.display(),
            log.display(),
        );
        let path = self.folder(&format!("{name}.conf"));
        write(&path, &configuration);
        self.names.push(name.to_owned());
        let path = path.display().to_string();
        let output = self.run("lxc-start", name, &["-f", &path]);
        match output.status.success() {
            true => Ok(()),
            false => Err(fs::read_to_string(log).unwrap_or_default()),
        }
    }

    /// The process that is a container's first, as the host sees it.
    #[must_use]
    pub fn pid(&self, name: &str) -> u32 {
        let output = self.run("lxc-info", name, &["-p", "-H"]);
        let text = String::from_utf8_lossy(&output.stdout);
        let pid = text.trim().parse();
        pid.unwrap_or_else(|e| panic!("the pid of {name} is {text:?}: {e}"))
    }

    /// Stops a container.
    pub fn stop(&self, name: &str) {
        self.run("lxc-stop", name, &["-k"]);
    }

    /// A file of a container's root; empty, if it is not there.
    #[must_use]
    pub fn file(&self, name: &str, path: &str) -> String {
        let root = self.folder(&format!("{name}.root"));
        fs::read_to_string(root.join(path)).unwrap_or_default()
    }

    fn run(&self, program: &str, name: &str, arguments: &[&str]) -> Output {
        let output = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", self.host.namespace()))
            .args(["--", program, "-n", name, "-P"])
            .arg(self.folder("containers"))
            .args(arguments)
            .output();
        output.unwrap_or_else(|e| panic!("could not run {program}: {e}"))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.host.directory().join("lxc").join(name)
    }
}

impl Drop for Lxc {
    fn drop(&mut self) {
        for name in &self.names {
            self.stop(name);
        }
    }
}

/// Busybox with the libraries that it needs, and what is to be done.
pub(crate) fn root_file_system(root: &Path) {
    for folder in ["bin", "dev", "proc", "sys", "tmp", "etc"] {
        make(&root.join(folder));
    }
    let busybox = Path::new("/bin/busybox");
    let needed = Command::new("ldd").arg(busybox).output();
    let needed = needed.unwrap_or_else(|e| panic!("could not run ldd: {e}"));
    let text = String::from_utf8_lossy(&needed.stdout).into_owned();
    let libraries = text.split_whitespace().filter(|it| it.starts_with('/'));
    for file in libraries.chain(["/bin/busybox"]) {
        let copy = root.join(file.trim_start_matches('/'));
        copy.parent().map(make);
        fs::copy(file, &copy).unwrap_or_else(|e| panic!("{file}: {e}"));
    }
    for applet in APPLETS {
        let link = root.join("bin").join(applet);
        let linked = std::os::unix::fs::symlink("busybox", &link);
        linked.unwrap_or_else(|e| panic!("{}: {e}", link.display()));
    }
    write(&root.join("leased"), LEASED);
    executable(&root.join("leased"));
    // One request is all: if its rules were not in place, it would be lost. libvirt leaves the link off.
    write(
        &root.join("init"),
        "ip link set eth0 up\nudhcpc -i eth0 -n -q -t 1 -T 3 -s /leased\nexec sleep 1000\n",
    );
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path, mode).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

fn make(folder: &Path) {
    fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
