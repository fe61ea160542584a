//! A guest to boot: Debian's kernel for virtual machines and an initramfs of busybox and a few drivers,
//! made once and kept beside what cargo builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The drivers of a virtio NIC, each after those it needs.
const DRIVERS: [&str; 8] = [
    "net/core/failover",
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
];

/// What a guest does: for each NIC, also one that comes later, it asks for an address, once and then again,
/// and says on its console how often; it says so when one goes; it pings whoever it is told to until
/// there is an answer; and it counts aloud, over one connection of TCP, to whoever it is told.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
export PATH=/bin
mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for driver in $(cat /drivers); do insmod /lib/modules/$driver.ko; done
ip link set lo up
lease() {
  ip link set $1 up
  attempt=1
  until udhcpc -i $1 -n -q -t 1 -T 20 -s /lease; do
    [ -e /sys/class/net/$1 ] || return
    attempt=$((attempt + 1))
  done
  echo "LEASED $1 attempt=$attempt $(cat /leased-$1)."
}
reach() {
  until ping -c 1 -W 2 $1; do sleep 0.5; done
  echo "REACHED $1."
}
count() {
  n=0
  while n=$((n + 1)); echo $n; do sleep 0.1; done
}
tell() {
  until ping -c 1 -W 2 $1; do sleep 0.5; done
  count | nc $1 7002
  echo "TOLD $1."
}
for word in $(cat /proc/cmdline); do
  case $word in reach=*) reach ${word#reach=} & ;; tell=*) tell ${word#tell=} & ;; esac
done
while :; do
  for path in /sys/class/net/eth*; do
    nic=${path##*/}
    [ -e /known-$nic ] && continue
    touch /known-$nic; lease $nic &
  done
  for path in /known-*; do
    nic=${path#/known-}
    [ -e /sys/class/net/$nic ] && continue
    [ -e $path ] && rm $path && echo "GONE $nic."
  done
  sleep 0.2
done
"#;

/// The script of the DHCP client.
const LEASE: &str = r#"#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
[ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
echo "address=$ip mtu=$(cat /sys/class/net/$interface/mtu)" > /leased-$interface
"#;

/// What a guest boots.
#[derive(Clone, Debug)]
pub struct Image {
    /// The kernel.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initrd: PathBuf,
}

/// A folder for what tests keep from run to run.
#[must_use]
pub fn cache(name: &str) -> PathBuf {
    let programs = crate::pool::programs();
    let target = programs.parent().unwrap_or(&programs);
    target.join("guest").join(name)
}

/// The image; made by whoever asks first.
pub fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let folder = cache("image");
        fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let kernel = kernel(&folder);
        let initrd = folder.join("initrd");
        // Small, and made anew each time, so that it is never of an older test.
        let archive = archive(&folder.join("kernel"));
        fs::write(&initrd, archive).unwrap_or_else(|e| panic!("{e}"));
        Image { kernel, initrd }
    })
}

fn kernel(folder: &Path) -> PathBuf {
    let unpacked = folder.join("kernel");
    let find = || {
        let entries = fs::read_dir(unpacked.join("boot")).ok()?;
        let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.find(|path| path.display().to_string().contains("vmlinuz"))
    };
    if let Some(kernel) = find() {
        return kernel;
    }
    let script = "set -e; package=$(apt-cache depends linux-image-cloud-amd64 |
        sed -n 's/.*Depends: \\(linux-image-.*\\)/\\1/p' | head -1)
        rm -f linux-image-*.deb; apt-get download -qq \"$package\"
        dpkg-deb -x linux-image-*.deb part; rm -rf kernel; mv part kernel";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .output();
    let made = made.unwrap_or_else(|e| panic!("{e}"));
    let complaint = String::from_utf8_lossy(&made.stderr).into_owned();
    find().unwrap_or_else(|| panic!("no kernel for guests: {complaint}"))
}

/// An archive as the kernel unpacks it: "newc" (Linux, driver-api/early-userspace/buffer-format).
fn archive(kernel: &Path) -> Vec<u8> {
    let mut archive = Archive::default();
    for folder in ["bin", "proc", "sys", "dev", "lib", "lib/modules"] {
        archive.add(folder, 0o040_755, &[]);
    }
    archive.add("init", 0o100_755, INIT.as_bytes());
    archive.add("lease", 0o100_755, LEASE.as_bytes());
    for (path, target) in programs() {
        archive.add_with_folders(&target, &read(&path));
    }
    let modules = kernel.join("lib/modules");
    let version = fs::read_dir(&modules).unwrap_or_else(|e| panic!("{}: {e}", modules.display()));
    let version = version.filter_map(Result::ok).next();
    let version = version.unwrap_or_else(|| panic!("a kernel without modules"));
    let mut names = String::new();
    for driver in DRIVERS {
        let path = version.path().join(format!("kernel/{driver}.ko"));
        let name = driver.rsplit('/').next().unwrap_or_default();
        archive.add(&format!("lib/modules/{name}.ko"), 0o100_644, &read(&path));
        names.push_str(name);
        names.push('\n');
    }
    archive.add("drivers", 0o100_644, names.as_bytes());
    archive.finish()
}

/// busybox and the libraries that it needs, and where they go.
fn programs() -> Vec<(PathBuf, String)> {
    let busybox = PathBuf::from("/bin/busybox");
    let output = Command::new("ldd").arg(&busybox).output();
    let output = output.unwrap_or_else(|e| panic!("ldd: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = text.split_whitespace();
    let libraries = words.filter(|word| word.starts_with('/'));
    let libraries = libraries.map(|path| (PathBuf::from(path), path[1..].to_owned()));
    let busybox = [(busybox.clone(), "bin/busybox".to_owned())];
    busybox.into_iter().chain(libraries).collect()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    fn add_with_folders(&mut self, name: &str, content: &[u8]) {
        let ends = name.match_indices('/').map(|(at, _)| at);
        for end in ends.collect::<Vec<_>>() {
            self.add(&name[..end], 0o040_755, &[]);
        }
        self.add(name, 0o100_755, content);
    }

    fn add(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let size = u32::try_from(content.len()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let name_size = u32::try_from(name.len() + 1).unwrap_or_default();
        // inode, mode, uid, gid, links, mtime, size, device ×4, name's size, check
        let fields = [
            self.entries,
            mode,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            0,
            0,
            name_size,
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes().chain([0]));
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        let whole = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(whole, 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, &[]);
        self.bytes
    }
}
