//! What a port sent, split by peer, protocol and address: from flow samples, in bounded room.
//!
//! While an interval is open its splits are gathered in little room (`open`), and frames that were cut
//! out of one are told (`cluster`). What is here is a split as it is kept when the interval has ended.

mod cluster;
mod open;

use std::net::IpAddr;

use model::{PortId, TrafficClass};

use super::Entry;
use crate::attribute::Peer;
pub(crate) use open::OpenSplit;

/// So many of each class are kept of it.
pub const KEPT_CELLS: usize = 8;

/// What the traffic is split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Whom it is for.
    Peer(Peer),
    /// The IP protocol, and the lower port of TCP and UDP: that of the service.
    Ip(u8, Option<u16>),
    /// What is no IP, by its Ethernet type.
    Ethernet(u16),
    /// The address it is for; none of what is no IP.
    Address(Option<IpAddr>),
}

/// What was sampled of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// How many samples.
    pub samples: u64,
    /// Their frames' bytes, times the sampling rate.
    pub bytes: u64,
    /// Their number, times the sampling rate.
    pub packets: u64,
    /// The variance of `bytes`: the sum over clusters of N(N − 1) times the square of their bytes.
    pub variance: f64,
    /// So many bytes more may be in `other`.
    pub hidden: u64,
}

/// One dimension.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The largest, in no order.
    pub cells: Vec<(TrafficClass, Key, Cell)>,
    /// The rest, by class.
    pub other: Vec<(TrafficClass, Cell)>,
    /// So many bytes one key may have in `other`, if it has no cell.
    pub floor: u64,
}

/// The split of what a port sent in an interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Split {
    /// By whom it is for.
    pub peers: Summary,
    /// By what it carries.
    pub protocols: Summary,
    /// By the address it is for.
    pub addresses: Summary,
}

/// The text of a key, as it is kept and told.
impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Peer(peer) => peer.fmt(f),
            Self::Ip(protocol, service) => {
                match protocol {
                    1 => f.write_str("icmp")?,
                    6 => f.write_str("tcp")?,
                    17 => f.write_str("udp")?,
                    58 => f.write_str("icmpv6")?,
                    132 => f.write_str("sctp")?,
                    other => write!(f, "ip-{other}")?,
                }
                service.map_or(Ok(()), |port| write!(f, "/{port}"))
            }
            Self::Ethernet(0x0806) => f.write_str("arp"),
            Self::Ethernet(other) => write!(f, "ethernet-0x{other:04x}"),
            Self::Address(Some(address)) => address.fmt(f),
            Self::Address(None) => f.write_str("none"),
        }
    }
}

/// Whose splits.
pub type Splits = Vec<Kept>;

/// A port's split of an interval: absolute, so that writing it twice does no harm.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// When the interval starts, in seconds since 1970.
    pub interval_start: i64,
    /// Where.
    pub host: model::HostId,
    /// Who sent it.
    pub port: PortId,
    /// The port's network.
    pub network: model::NetworkId,
    /// The port's tenant.
    pub tenant: model::TenantId,
    /// It, cut.
    pub split: Split,
}

impl Kept {
    pub(crate) fn of(entry: &Entry, split: &OpenSplit) -> Self {
        Self {
            interval_start: entry.interval_start,
            host: entry.host,
            port: entry.port,
            network: entry.network,
            tenant: entry.tenant,
            split: split.cut(),
        }
    }
}
