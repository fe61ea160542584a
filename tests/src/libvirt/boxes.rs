//! Containers that libvirt makes itself, of the root file system that those of LXC have.

use std::fs;

use super::Libvirt;
use crate::lxc::root_file_system;

/// Where libvirt's containers are.
pub(super) const URI: &str = "lxc:///system";

impl Libvirt {
    /// Defines a container with these interfaces, as libvirt's XML has them. It asks for an address once.
    pub fn define_box(&self, name: &str, interfaces: &str) {
        let root = self.folder(&format!("{name}.root"));
        root_file_system(&root);
        let xml = format!(
            "<domain type='lxc'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>\
             <os><type>exe</type><init>/bin/sh</init><initarg>/init</initarg></os>\
             <devices><emulator>/usr/lib/libvirt/libvirt_lxc</emulator>\
             <filesystem type='mount'><source dir='{}'/><target dir='/'/></filesystem>{interfaces}\
             <console type='pty'/></devices></domain>",
            root.display(),
        );
        let path = self.write(&format!("{name}.xml"), &xml);
        let defined = self.boxes(&format!("define {}", path.display()));
        defined.unwrap_or_else(|complaint| panic!("{xml}: {complaint}"));
    }

    /// Runs `virsh` for containers with the words of `line`; gives what it printed, or complained of.
    pub fn boxes(&self, line: &str) -> Result<String, String> {
        self.virsh_of(URI, line)
    }

    /// Kills what runs a container as a crash would.
    pub fn kill_box(&self, name: &str) {
        self.kill_by(&format!("lxc/{name}.pid"));
    }

    /// A file of a container's root; empty, if it is not there.
    #[must_use]
    pub fn file_of_box(&self, name: &str, path: &str) -> String {
        let root = self.folder(&format!("{name}.root"));
        fs::read_to_string(root.join(path)).unwrap_or_default()
    }
}
