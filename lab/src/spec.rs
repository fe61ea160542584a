//! What to build: the [`Spec`] and its parts, each checked where it is made.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

mod nics;
#[cfg(test)]
mod tests;

pub use nics::Nics;

/// The most hosts a lab may have; their management addresses are counted from 10.255.1.0.
pub const MOST_HOSTS: usize = 1000;

/// Open vSwitch makes unix sockets some 30 bytes below the lab's directory, and the kernel allows
/// a socket's path 107 bytes.
const LONGEST_DIRECTORY: usize = 70;

/// What to build. Take what you do not care about from `Spec::default()`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Everything of the lab lies here; absent or empty before, removed by `Lab::down`.
    pub directory: PathBuf,
    /// The start of every namespace's name; random when `None`.
    pub prefix: Option<Prefix>,
    /// How many hosts, 1 to [`MOST_HOSTS`].
    pub hosts: usize,
    /// What the hosts' switches forward with.
    pub datapath: Datapath,
    /// The folder of `bulkhead-controller` and `bulkhead-agent`. `None` builds switches only.
    pub programs: Option<PathBuf>,
    /// The VLANs that pass between the hosts' private NICs.
    pub trunks: Trunks,
    /// What NICs the hosts have.
    #[serde(default)]
    pub nics: Nics,
    /// The VLAN of the management network inside the physical switch.
    pub management_vlan: u16,
    /// The VLAN of the public network inside the physical switch.
    pub public_vlan: u16,
    /// The VLAN that endpoints of overlays speak in where a NIC's untagged frames are not theirs.
    pub underlay_vlan: u16,
    /// sFlow: one packet in so many is sampled.
    pub sampling_rate: u32,
    /// sFlow: seconds between two readings of the interface counters.
    pub polling_seconds: u32,
    /// What else the controller is told, as on its command line.
    #[serde(default)]
    pub controller_arguments: Vec<String>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            directory: default_directory(),
            prefix: None,
            hosts: 3,
            datapath: Datapath::Netdev,
            programs: Some(programs_beside_this_one()),
            trunks: Trunks(vec![100..=199]),
            nics: Nics::default(),
            management_vlan: 4000,
            public_vlan: 4001,
            underlay_vlan: 4002,
            sampling_rate: 64,
            polling_seconds: 5,
            controller_arguments: Vec::new(),
        }
    }
}

impl Spec {
    /// Checks what the types of the fields cannot say.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let directory_bytes = self.directory.as_os_str().len();
        let problem = if !(1..=MOST_HOSTS).contains(&self.hosts) {
            format!("a lab has 1 to {MOST_HOSTS} hosts, not {}", self.hosts)
        } else if !self.directory.is_absolute() || directory_bytes > LONGEST_DIRECTORY {
            format!(
                "the directory {} must be an absolute path of at most {LONGEST_DIRECTORY} bytes",
                self.directory.display()
            )
        } else if let Some(problem) = self.problem_of_vlans() {
            problem
        } else {
            return Ok(());
        };
        Err(Error::BadSpec(problem))
    }

    /// The networks that are not tenants' have a VLAN each, and no trunk gives it to a tenant.
    fn problem_of_vlans(&self) -> Option<String> {
        let own = [self.management_vlan, self.public_vlan, self.underlay_vlan];
        let problem = |(at, vlan): (usize, &u16)| {
            let reason = if !(1..=4094).contains(vlan) {
                "is not a VLAN id (1 to 4094)"
            } else if self.trunks.contains(*vlan) {
                "is not the tenants': a trunk must not carry it"
            } else if own.iter().take(at).any(|it| it == vlan) {
                "cannot be two of the management, public and underlay networks"
            } else {
                return None;
            };
            Some(format!("VLAN {vlan} {reason}"))
        };
        own.iter().enumerate().find_map(problem)
    }
}

/// Where a lab lies unless told otherwise: gone after a reboot, like its namespaces.
pub fn default_directory() -> PathBuf {
    PathBuf::from("/run/bulkhead-lab")
}

/// The folder of the running program, where the other programs are installed or built too.
pub fn programs_beside_this_one() -> PathBuf {
    let executable = std::env::current_exe().unwrap_or_default();
    let folder = executable.parent().map(PathBuf::from).unwrap_or_default();
    // Cargo puts test programs one folder below the others.
    match folder.parent() {
        Some(parent) if folder.ends_with("deps") => parent.to_path_buf(),
        _ => folder,
    }
}

/// What the hosts' switches forward with. The physical switch is always [`Datapath::Netdev`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Datapath {
    /// Open vSwitch's userspace datapath: real packets.
    Netdev,
    /// Open vSwitch's dummy datapath: no packets, ports that cost little; for benches of scale.
    Dummy,
}

/// The start of the names of all namespaces of one lab: 1 to 8 lowercase letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix(String);

impl Prefix {
    /// A prefix no other lab is likely to have, such as `bh3f2a`.
    pub(crate) fn random() -> Result<Self, Error> {
        let uuid = crate::execute::read("/proc/sys/kernel/random/uuid")?;
        format!("bh{}", uuid.get(..4).unwrap_or_default()).parse()
    }

    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if (1..=8).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::BadSpec(format!(
            "the prefix {text:?} must be 1 to 8 lowercase letters and digits"
        )))
    }
}

impl TryFrom<String> for Prefix {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The VLANs a trunk carries: at least one, each 1 to 4094. Text form: `100-199,300`.
///
/// Never empty, because Open vSwitch takes an empty list for "all".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Trunks(Vec<RangeInclusive<u16>>);

impl Trunks {
    /// Is `vlan` carried?
    pub fn contains(&self, vlan: u16) -> bool {
        self.0.iter().any(|range| range.contains(&vlan))
    }

    /// Every carried VLAN, in the order given.
    pub fn vlans(&self) -> impl Iterator<Item = u16> {
        self.0.iter().cloned().flatten()
    }
}

impl FromStr for Trunks {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let ranges: Option<Vec<_>> = text.split(',').map(parse_range).collect();
        ranges.map(Self).ok_or_else(|| {
            Error::BadSpec(format!(
                "the trunk VLANs {text:?} must look like 100-199,300 with ids of 1 to 4094"
            ))
        })
    }
}

impl TryFrom<String> for Trunks {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Trunks> for String {
    fn from(trunks: Trunks) -> Self {
        trunks.to_string()
    }
}

impl fmt::Display for Trunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(f, "{comma}{first}")?,
                (first, last) => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (1 <= first && first <= last && last <= 4094).then_some(first..=last)
}
