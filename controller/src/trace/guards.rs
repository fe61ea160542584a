//! What a guard holds against a packet, in words. Pure.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use model::{AddressPair, MacAddr, Port, TraceHop, TracedEnds};

use super::names::Names;
use super::policy::Because;
use super::words::Seen;

/// The ports of servers of DHCP and DHCPv6.
const DHCP_SERVERS: [u16; 2] = [67, 547];

/// Why a guard drops what a VIF sends, if it is one that does.
pub(super) fn broken(names: &Names<'_>, seen: &Seen, last: &TraceHop) -> Option<Because> {
    if !matches!(last.table.as_str(), "spoof_guard" | "neighbour_guard") {
        return None;
    }
    let id = seen.trace.hops.iter().find_map(|hop| hop.port_id)?;
    let port = names.intent.ports.get(&id)?;
    let (name, bytes) = (names.port(id), seen.frame.bytes());
    let mac = bytes.get(6..12)?.first_chunk::<6>()?;
    let pairs = || port.allowed.iter();
    let own = port.mac.octets() == *mac;
    let of_pair = |pair: &AddressPair| pair.mac.is_some_and(|it| it.octets() == *mac);
    let source = ends(bytes).map(|ends| ends.source);
    let why = if !own && !pairs().any(of_pair) {
        let sent = MacAddr::try_from(*mac).ok()?;
        format!(
            "spoof guard: {sent} is not the Ethernet address of {name}, which is {}",
            port.mac
        )
    } else if source_port(bytes).is_some_and(|it| DHCP_SERVERS.contains(&it)) {
        format!("spoof guard: {name} is no DHCP server")
    } else if let Some(source) = source
        && !port.addresses.contains(&source)
        && !pairs().any(|pair| pair.prefix.contains(&source))
    {
        format!(
            "spoof guard: {source} is not an address of {name}, which has {}",
            has(port)
        )
    } else {
        return None;
    };
    Some((why, None))
}

/// What a VIF may send from.
fn has(port: &Port) -> String {
    let addresses = port.addresses.iter().map(ToString::to_string);
    let pairs = port
        .allowed
        .iter()
        .map(|pair| format!("and may use {pair}"));
    let all: Vec<String> = addresses.chain(pairs).collect();
    match all.is_empty() {
        true => "none".to_owned(),
        false => all.join(", "),
    }
}

/// From whom a frame is, and for whom, if it is IP.
pub(super) fn ends(bytes: &[u8]) -> Option<TracedEnds> {
    let packet = SlicedPacket::from_ethernet(bytes).ok()?;
    match packet.net? {
        NetSlice::Ipv4(ip) => Some(TracedEnds {
            source: ip.header().source_addr().into(),
            destination: ip.header().destination_addr().into(),
        }),
        NetSlice::Ipv6(ip) => Some(TracedEnds {
            source: ip.header().source_addr().into(),
            destination: ip.header().destination_addr().into(),
        }),
        NetSlice::Arp(_) => None,
    }
}

fn source_port(bytes: &[u8]) -> Option<u16> {
    match SlicedPacket::from_ethernet(bytes).ok()?.transport? {
        TransportSlice::Udp(udp) => Some(udp.source_port()),
        _ => None,
    }
}
