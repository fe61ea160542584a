//! Instances: what runs on the hosts.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{HostId, Id, Invalid, Name, TenantId, Timestamp};

/// The identifier of an [`Instance`].
pub type InstanceId = Id<Instance>;

/// A machine that Bulkhead itself starts on a host. Its VIFs are the ports that name it.
///
/// Instances that a hypervisor starts by its own means need no such record: their VIFs are known
/// by `external_ids:iface-id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its identifier.
    pub id: InstanceId,
    /// Who owns it.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// The host it runs on.
    pub host_id: HostId,
    /// What runs it there.
    pub driver: Driver,
    /// What it boots, if it is a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Boot>,
    /// Whether it is to run.
    #[serde(default)]
    pub power: Power,
    /// Where it is on its way to while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<InstanceMigration>,
    /// Why it is where it was after it was last on its way to another host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stayed: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Instance {
    /// The hosts that have to do with it: the one it runs on, and the one it is on its way to.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        let to = self.migration.map(|migration| migration.to);
        std::iter::once(self.host_id).chain(to)
    }
}

/// The migration of an instance that runs, as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceMigration {
    /// The host that it is on its way to.
    pub to: HostId,
    /// Where that host's hypervisor is reached.
    pub address: IpAddr,
    /// When it began, which tells it from any other.
    pub began_at: Timestamp,
}

/// What the plan of a host has to say of an instance that migrates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Motion {
    /// It is to be sent to another host, and not started again when it is there.
    Leaves {
        /// Where that host's hypervisor is reached.
        to: IpAddr,
        /// Which migration.
        began_at: Timestamp,
    },
    /// It comes from another host, and is not started here.
    Comes,
}

/// What came of sending an instance to another host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// Which migration.
    pub began_at: Timestamp,
    /// Why it is still here, as a sentence; none if it is there.
    pub failure: Option<String>,
}

/// What runs an instance on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// A network namespace with one veth pair per VIF.
    Netns,
    /// A machine of QEMU, run by libvirt.
    Libvirt,
}

impl Driver {
    /// Every driver and its name.
    pub const ALL: &[(Self, &str)] = &[(Self::Netns, "netns"), (Self::Libvirt, "libvirt")];
}

/// Whether an instance is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// It is started, also after its host was, and when it ended by itself.
    #[default]
    On,
    /// It does not run.
    Off,
}

impl Power {
    /// Both, and their names.
    pub const ALL: &[(Self, &str)] = &[(Self::On, "on"), (Self::Off, "off")];
}

/// What a machine is made of and boots: a kernel, or a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// The kernel that is booted; if absent, what is on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<ImageName>,
    /// The kernel's initial file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<ImageName>,
    /// The kernel's command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_line: Option<CommandLine>,
    /// The disk's image, which stays as it is: what is written there is gone when the machine stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<ImageName>,
    /// Its memory, in MiB.
    pub memory_mib: u32,
    /// Its processors.
    pub processors: u16,
    /// What its processors are.
    #[serde(default)]
    pub acceleration: Acceleration,
}

impl Boot {
    /// How much memory it may have, in MiB.
    pub const MEMORY_MIB: std::ops::RangeInclusive<u32> = 16..=1_048_576;
    /// What it has if nobody says.
    pub const MEMORY_MIB_DEFAULT: u32 = 512;
    /// How many processors it may have.
    pub const PROCESSORS: std::ops::RangeInclusive<u16> = 1..=256;
}

/// What the processors of a machine are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acceleration {
    /// The host's, by KVM, where it has that; emulated otherwise.
    #[default]
    Auto,
    /// Emulated.
    Emulated,
}

impl Acceleration {
    /// Both, and their names.
    pub const ALL: &[(Self, &str)] = &[(Self::Auto, "auto"), (Self::Emulated, "emulated")];
}

/// A file in the folder of images of every host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageName(String);

impl ImageName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a kernel is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandLine(String);

impl CommandLine {
    /// The line as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ImageName {
    type Error = Invalid;

    /// Never a way out of the folder: an image is not any file of the host.
    fn try_from(text: String) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
        let fits = (1..=255).contains(&text.len()) && text.chars().all(allowed);
        match fits && !text.starts_with('.') {
            true => Ok(Self(text)),
            false => Err(Invalid::new(
                "the name of a file: 1 to 255 letters, digits, \".\", \"_\", \"-\" or \"+\", no \".\" in front",
            )),
        }
    }
}

impl TryFrom<String> for CommandLine {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let fits = text.len() <= 2_047 && text.chars().all(|c| (' '..='~').contains(&c));
        match fits {
            true => Ok(Self(text)),
            false => Err(Invalid::new("at most 2047 printable ASCII characters")),
        }
    }
}

macro_rules! text_forms {
    ($($type:ty)*) => {$(
        impl FromStr for $type {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                text.to_owned().try_into()
            }
        }

        impl From<$type> for String {
            fn from(it: $type) -> Self {
                it.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

text_forms! { ImageName CommandLine }

/// What a host last said of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// Whether it runs.
    pub running: bool,
    /// How to find it on its host: the name of the namespace, or libvirt's name of the machine.
    pub handle: Option<String>,
    /// Why it does not run, when it should.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_a_file_of_the_folder_and_never_another_of_the_host() {
        for good in ["debian-12.qcow2", "vmlinuz", "a+b_c"] {
            assert!(good.parse::<ImageName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "..",
            ".hidden",
            "/etc/shadow",
            "a/b",
            "a b",
            "a\nb",
            "<x>",
        ] {
            assert!(bad.parse::<ImageName>().is_err(), "{bad}");
        }
    }
}
