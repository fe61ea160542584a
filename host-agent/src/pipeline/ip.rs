//! Matches that are the same for both versions of IP.

use ipnet::IpNet;
use model::Family;
use openflow::Match;

/// Packets of this version.
pub(super) fn of(family: Family, matching: Match) -> Match {
    match family {
        Family::Ipv4 => matching.ipv4(),
        Family::Ipv6 => matching.ipv6(),
    }
}

/// Packets that are sent from this prefix, which an address is one of.
pub(super) fn from(matching: Match, prefix: impl Into<IpNet>) -> Match {
    match prefix.into() {
        IpNet::V4(it) => matching.ipv4().ipv4_src(it.addr(), it.prefix_len()),
        IpNet::V6(it) => matching.ipv6().ipv6_src(it.addr(), it.prefix_len()),
    }
}

/// Packets that are sent to this prefix, which an address is one of.
pub(super) fn to(matching: Match, prefix: impl Into<IpNet>) -> Match {
    match prefix.into() {
        IpNet::V4(it) => matching.ipv4().ipv4_dst(it.addr(), it.prefix_len()),
        IpNet::V6(it) => matching.ipv6().ipv6_dst(it.addr(), it.prefix_len()),
    }
}
