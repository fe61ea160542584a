//! `ct`: a packet's connection is looked up, and a copy goes through the tables anew.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{MAX_RECIRCULATIONS, Pass, Run, change};
use crate::action::{Action, Commit, Ct, Zone};
use crate::field::Field;
use crate::matching::CtState;
use crate::protocol::{ETH_IPV4, ETH_IPV6, IP_ICMP, IP_ICMPV6, IP_SCTP, IP_TCP, IP_UDP};
use crate::table::state::State;
use crate::table::{Connection, Endpoint, Failure, Tracked};

impl<'a> Run<'a, '_> {
    pub(super) fn track(&mut self, pass: &mut Pass<'a>, ct: &'a Ct) -> Result<(), Failure> {
        if ct.nat.is_some() && ct.table.is_none() {
            return Err(Failure::Unsupported("address translation without a table"));
        }
        if ct.table.is_some() && !pass.action_set.is_empty() {
            // Open vSwitch 3.1 fails an assertion and ends.
            return Err(Failure::Unsupported(
                "ct while actions are in the action set",
            ));
        }
        if pass.state.frame.is_fragment() {
            // It waits in the switch for the rest of its packet.
            pass.has_exited = true;
            return Ok(());
        }
        let zone = match ct.zone {
            Zone::Fixed(zone) => zone,
            Zone::From(part) => u16::try_from(pass.state.get_part(part)).unwrap_or_default(),
        };
        let mut seen = pass.state.reparsed();
        seen.clear_conntrack();
        let connection = connection(&seen, zone);
        let tracked = connection.map(|connection| self.tracker.look_up(connection));
        // The answer to an echo begins no connection.
        let tracked = tracked.filter(|tracked| !tracked.original.is_echo_reply());
        let tracked = tracked.filter(|_| self.translated(ct, connection));
        let tracked = match (connection, tracked) {
            (Some(connection), Some(tracked)) if ct.commit != Commit::No => {
                let tracked = marked(pass, ct, tracked)?;
                self.tracker.commit(connection, tracked.mark, tracked.label);
                Some(tracked)
            }
            (_, tracked) => tracked,
        };
        if let Some(table) = ct.table
            && pass.recirculations < MAX_RECIRCULATIONS
        {
            if let (Some(connection), Some(_), Some(_)) = (connection, tracked, &ct.nat) {
                leave(&mut seen, self.tracker.leaves(connection));
            }
            write(&mut seen, zone, tracked);
            let again = self.begin(seen, table, Some(pass));
            self.pass(again);
        }
        // Only the tables that `ct` leads to know what it found.
        pass.state.clear_conntrack();
        Ok(())
    }
}

impl Run<'_, '_> {
    /// Has a new connection translated, if that is asked for; `false` when it cannot be.
    fn translated(&mut self, ct: &Ct, connection: Option<Connection>) -> bool {
        let asked = ct.nat.as_ref().filter(|_| ct.commit != Commit::No);
        match (asked, connection) {
            (Some(nat), Some(connection)) => self.tracker.translate(connection, nat),
            _ => true,
        }
    }
}

/// Gives a packet the addresses and ports that it leaves with.
fn leave(state: &mut State, leaves: Connection) {
    let mut set = |field: Field, value: u128| state.set(field, value, field.full_mask());
    let ends = [
        (leaves.source.address, Field::Ipv4Src, Field::Ipv6Src),
        (leaves.destination.address, Field::Ipv4Dst, Field::Ipv6Dst),
    ];
    for (address, v4, v6) in ends {
        match address {
            IpAddr::V4(address) => set(v4, u32::from(address).into()),
            IpAddr::V6(address) => set(v6, address.into()),
        }
    }
    let ports = match leaves.protocol {
        IP_TCP => [Field::TcpSrc, Field::TcpDst],
        IP_UDP => [Field::UdpSrc, Field::UdpDst],
        // An echo's identifier is not translated.
        _ => return,
    };
    set(ports[0], leaves.source.port.into());
    set(ports[1], leaves.destination.port.into());
}

/// The connection with the mark and label that the nested actions write.
fn marked(pass: &mut Pass<'_>, ct: &Ct, mut tracked: Tracked) -> Result<Tracked, Failure> {
    let before = pass.state.clone();
    pass.state.put(Field::CtMark, tracked.mark.into());
    pass.state.put(Field::CtLabel, tracked.label);
    for action in &ct.exec {
        match action {
            Action::SetField { .. } | Action::Load { .. } | Action::Move { .. } => {
                change::carry_out(pass, action)?;
            }
            _ => return Err(Failure::Unsupported("this action within ct")),
        }
    }
    tracked.mark = u32::try_from(pass.state.get(Field::CtMark)).unwrap_or_default();
    tracked.label = pass.state.get(Field::CtLabel);
    pass.state = before;
    Ok(tracked)
}

/// The connection a packet is of; `None` when it is of none that can be tracked.
fn connection(state: &State, zone: u16) -> Option<Connection> {
    let (source, destination) = addresses(state)?;
    let protocol = state.frame.protocol();
    let port = |field| u16::try_from(state.frame.get(field)?).ok();
    let icmp_type = match protocol {
        IP_ICMP => u8::try_from(state.frame.get(Field::Icmpv4Type)?).ok()?,
        IP_ICMPV6 => u8::try_from(state.frame.get(Field::Icmpv6Type)?).ok()?,
        _ => 0,
    };
    let (from, to) = match protocol {
        IP_TCP => (port(Field::TcpSrc)?, port(Field::TcpDst)?),
        IP_UDP => (port(Field::UdpSrc)?, port(Field::UdpDst)?),
        IP_SCTP => (port(Field::SctpSrc)?, port(Field::SctpDst)?),
        IP_ICMP | IP_ICMPV6 => {
            let id = state.frame.echo_id()?;
            (id, id)
        }
        _ => return None,
    };
    let endpoint = |address, port| Endpoint { address, port };
    Some(Connection {
        zone,
        protocol,
        icmp_type,
        source: endpoint(source, from),
        destination: endpoint(destination, to),
    })
}

fn addresses(state: &State) -> Option<(IpAddr, IpAddr)> {
    let get = |field| state.frame.get(field);
    match state.frame.eth_type() {
        ETH_IPV4 => {
            let v4 = |field| u32::try_from(get(field)?).ok().map(Ipv4Addr::from);
            Some((v4(Field::Ipv4Src)?.into(), v4(Field::Ipv4Dst)?.into()))
        }
        ETH_IPV6 => {
            let v6 = |field| get(field).map(Ipv6Addr::from);
            Some((v6(Field::Ipv6Src)?.into(), v6(Field::Ipv6Dst)?.into()))
        }
        _ => None,
    }
}

/// The ports that a connection began with, or in their place ICMP's type and code.
fn transport(state: &State, original: &Connection) -> (u128, u128) {
    let code = match original.protocol {
        IP_ICMP => Field::Icmpv4Code,
        IP_ICMPV6 => Field::Icmpv6Code,
        _ => {
            let ports = [original.source.port, original.destination.port];
            return (ports[0].into(), ports[1].into());
        }
    };
    let code = state.frame.get(code).unwrap_or_default();
    (original.icmp_type.into(), code)
}

/// Writes down what is known of the connection.
fn write(state: &mut State, zone: u16, tracked: Option<Tracked>) {
    let found = tracked.map_or(CtState::INV, |tracked| tracked.state);
    let bits = found | CtState::TRK;
    state.put(Field::CtState, bits.0.into());
    state.put(Field::CtZone, zone.into());
    let Some(tracked) = tracked else {
        return;
    };
    state.put(Field::CtMark, tracked.mark.into());
    state.put(Field::CtLabel, tracked.label);
    let original = tracked.original;
    state.put(Field::CtNwProto, original.protocol.into());
    let (first, second) = transport(state, &original);
    state.put(Field::CtTpSrc, first);
    state.put(Field::CtTpDst, second);
    let ends = [
        (original.source, Field::CtNwSrc, Field::CtIpv6Src),
        (original.destination, Field::CtNwDst, Field::CtIpv6Dst),
    ];
    for (end, v4, v6) in ends {
        match end.address {
            IpAddr::V4(address) => state.put(v4, u32::from(address).into()),
            IpAddr::V6(address) => state.put(v6, address.into()),
        }
    }
}
