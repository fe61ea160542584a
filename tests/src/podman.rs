//! A real Podman that knows networks by CNI, on a host of the lab: containers of one static root file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::Host;
use serde_json::{Value, json};

/// Beside the limits of a machine that is itself a container: no cgroups, and limits that it may set. The
/// runtime refuses both versions of cgroups at once, so the second is taken out of its sight.
const ALONE: &str = "mount --make-rprivate /sys/fs/cgroup; \
    umount /sys/fs/cgroup/unified 2>/dev/null; mount --bind \"$1\" /var/lib/cni; shift; exec podman \"$@\"";

/// Podman on one host; its containers end when this is dropped.
pub struct Podman {
    host: Host,
}

impl Podman {
    /// On this host, with a network called `web` of this configuration of the plugin.
    #[must_use]
    pub fn on(host: Host, configuration: &Value) -> Self {
        let podman = Self { host };
        for folder in ["networks", "cache"] {
            make(&podman.folder(folder));
        }
        make(Path::new("/var/lib/cni"));
        crate::lxc::root_file_system(&podman.folder("rootfs"));
        let list = json!({
            "cniVersion": "1.0.0",
            "name": "web",
            "plugins": [{ "type": "bulkhead-cni", "bulkhead": configuration["bulkhead"] }],
        });
        write(&podman.folder("networks/web.conflist"), &list.to_string());
        let settings = format!(
            "[network]\nnetwork_backend = \"cni\"\ncni_plugin_dirs = [\"{}\"]\n\
             network_config_dir = \"{}\"\ndefault_network = \"web\"\n\
             [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"crun\"\n",
            crate::pool::programs().display(),
            podman.folder("networks").display(),
        );
        write(&podman.folder("containers.conf"), &settings);
        podman
    }

    /// Runs a container on the network, whose first process is `/bin/sh` with this script.
    pub fn start(&self, name: &str, script: &str) -> Result<String, String> {
        let root = self.folder("rootfs");
        let root = root.display().to_string();
        let named = ["run", "-d", "--name", name, "--network", "web"];
        let limits = [
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=1024:1024",
        ];
        let what = [
            "--cgroups=disabled",
            "--rootfs",
            &root,
            "/bin/sh",
            "-c",
            script,
        ];
        self.podman(&[&named[..], &limits, &what].concat())
    }

    /// Runs `podman` with these words; gives what it printed, or complained of.
    pub fn podman(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", self.host.namespace()))
            .args(["--", "unshare", "--mount", "--propagation", "unchanged"])
            .args(["sh", "-c", ALONE, "podman"])
            .arg(self.folder("cache"))
            .args(["--storage-driver", "vfs"])
            .arg("--root")
            .arg(self.folder("root"))
            .arg("--runroot")
            .arg(self.folder("run"))
            .arg("--tmpdir")
            .arg(self.folder("tmp"))
            .args(words)
            .env("CONTAINERS_CONF", self.folder("containers.conf"))
            .output();
        let output = output.map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    /// Runs `podman`, which must succeed.
    pub fn must(&self, words: &[&str]) -> String {
        let done = self.podman(words);
        done.unwrap_or_else(|complaint| panic!("podman {words:?}: {complaint}"))
    }

    /// A file in the root of the containers; empty, if it is not there.
    #[must_use]
    pub fn file(&self, path: &str) -> String {
        fs::read_to_string(self.folder("rootfs").join(path)).unwrap_or_default()
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.host.directory().join("podman").join(name)
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ended = self.podman(&["rm", "--all", "--force", "--time", "0"]);
    }
}

fn make(folder: &Path) {
    fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
