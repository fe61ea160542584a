//! What the tables of security groups share: the sender's policy and the receiver's are asked alike.
//!
//! ```text
//!   conntrack_out --ct(ZONE)--> egress  --each group--> rules     connection first, then its rules
//!                                  \-- admit_out, commits what is new
//!   conntrack_in  --ct(ZONE)--> ingress --each group--> rules
//!                                  \-- admit_in, commits what is new
//! ```
//!
//! **Rules are asked about a connection, not about a packet**: by its first packet, whichever packet
//! of it is at hand. So replies, ICMP errors and fragments pass just as long as their connection
//! may, and when a rule goes, all of its connections end in the same instant, in both directions.

use openflow::action::{Commit, Ct, Zone};
use openflow::matching::CtState;
use openflow::{Action, Field, Flow, Match};

use super::registers::{
    ALLOWED, ASKED, ASKED_EGRESS, ASKED_INGRESS, GROUP, NETWORK, TRACKED, ZONE, set_together,
};
use super::{LocalPort, NetworkView, Table, rules};
use model::{Direction, Tracking};

/// What no rule is asked about: who has which address in IPv6, as ARP in IPv4 (RFC 4861 §4.3, §4.4).
const NEIGHBOURS: [u8; 2] = [135, 136];
/// Nor who listens to which multicast address, where it is said to all (RFC 3810 §5).
const LISTENERS: [u8; 4] = [130, 131, 132, 143];

/// The bit that makes an Ethernet address mean more than one receiver.
const MULTICAST: [u8; 6] = [1, 0, 0, 0, 0, 0];

/// The types of ICMP that belong to connections: echo, and errors about any connection.
const TRACKED_ICMP: [u8; 5] = [0, 3, 8, 11, 12];
/// The same of ICMPv6.
const TRACKED_ICMPV6: [u8; 6] = [1, 2, 3, 4, 128, 129];

/// Whether connection tracking knows this type of ICMP.
pub(super) fn is_tracked_icmp(kind: u8) -> bool {
    TRACKED_ICMP.contains(&kind)
}

/// Whether connection tracking knows this type of ICMPv6.
pub(super) fn is_tracked_icmpv6(kind: u8) -> bool {
    TRACKED_ICMPV6.contains(&kind)
}

/// How `IpFrag` reads for any fragment; for those but the first, the other bit is there, too.
const FRAGMENT: u8 = 1;
/// How `IpFrag` reads for all fragments but the first.
pub(super) const LATER_FRAGMENT: u8 = 3;

const NEVER: u16 = 300;
const TRACK: u16 = 200;
const OTHERS: u16 = 100;

/// Whose policy is asked from here on.
pub(super) fn of(port: &LocalPort) -> Action {
    let tracked = u32::from(port.policy.tracking == Tracking::Stateful);
    let nothing = [(&TRACKED, tracked), (&ASKED, 0), (&ALLOWED, 0)];
    set_together((&ZONE, port.policy.zone.into()), &nothing)
}

/// Looks up the connection of what belongs to one, and goes on to `ask`; what nobody is asked about
/// goes on to `past`.
pub(super) fn track(table: &Table, ask: u8, past: u8) -> Vec<Flow> {
    let icmpv6 = |kind: u8| Match::new().icmpv6().exact(Field::Icmpv6Type, kind);
    let to_all = |matching: Match| matching.masked(Field::EthDst, MULTICAST, MULTICAST);
    let listeners = LISTENERS.map(|kind| to_all(icmpv6(kind)));
    let never = NEIGHBOURS.map(icmpv6).into_iter().chain(listeners);
    let never = never.map(|matching| table.flow(NEVER, matching).goto(past));
    let tracked = connections().into_iter().map(|matching| {
        let matching = TRACKED.is(1, matching);
        table.flow(TRACK, matching).action(look_up(ask))
    });
    // What was found in the sender's zone says nothing about the receiver's.
    let others = [Match::new().ipv4(), Match::new().ipv6()].map(|matching| {
        let flow = table.flow(OTHERS, matching).action(Action::CtClear);
        flow.goto(ask)
    });
    never.chain(tracked).chain(others).collect()
}

/// Everything that may be part of a connection.
fn connections() -> Vec<Match> {
    let v4 = || Match::new().ipv4();
    let v6 = || Match::new().ipv6();
    let fragment = |matching: Match| matching.masked(Field::IpFrag, FRAGMENT, FRAGMENT);
    let mut all = vec![v4().tcp(), v4().udp(), v6().tcp(), v6().udp()];
    all.extend([fragment(Match::new().icmp()), fragment(v6())]);
    let icmp = |kind: u8| Match::new().icmp().exact(Field::Icmpv4Type, kind);
    let icmpv6 = |kind: u8| Match::new().icmpv6().exact(Field::Icmpv6Type, kind);
    all.extend(TRACKED_ICMP.map(icmp));
    all.extend(TRACKED_ICMPV6.map(icmpv6));
    all
}

fn look_up(ask: u8) -> Action {
    let ct = Ct {
        zone: zone(),
        table: Some(ask),
        ..Ct::default()
    };
    ct.into()
}

fn zone() -> Zone {
    ZONE.part().map_or(Zone::Fixed(0), Zone::From)
}

/// Drops what fits no connection.
pub(super) fn refuse_invalid(table: &Table) -> Vec<Flow> {
    let invalid = Match::new().ct_state(CtState::TRK | CtState::INV, CtState(0));
    vec![table.flow(NEVER, invalid)]
}

/// Asks every group of every port, and goes on to `admit`. `begins`: which rules are asked when the
/// frame goes the way its connection began; the others are asked about replies.
pub(super) fn ask(
    table: &Table,
    begins: u32,
    admit: u8,
    network: &NetworkView,
    flows: &mut Vec<Flow>,
) {
    let replies = match begins {
        ASKED_EGRESS => ASKED_INGRESS,
        _ => ASKED_EGRESS,
    };
    for port in &network.locals {
        let here = NETWORK.is(network.number.get(), Match::new());
        let here = ZONE.is(port.policy.zone.into(), here);
        let mut ask = |priority, matching, asked| {
            let groups = port
                .policy
                .groups
                .iter()
                .flat_map(|group| [GROUP.set(group.get()), Action::resubmit(rules::TABLE.id)]);
            let flow = table.flow(priority, matching).action(ASKED.set(asked));
            flows.push(flow.actions(groups).goto(admit));
        };
        if port.policy.tracking == Tracking::Stateful {
            let reply = here.clone();
            let reply = reply.ct_state(CtState::TRK | CtState::RPL, CtState(0));
            ask(TRACK, reply, replies);
        }
        ask(OTHERS, here, begins);
    }
}

/// Which rules a flow asks, if it asks any.
#[must_use]
pub fn asked(flow: &Flow) -> Option<Direction> {
    let asks = |asked| flow.instructions.apply.contains(&ASKED.set(asked));
    match (asks(ASKED_INGRESS), asks(ASKED_EGRESS)) {
        (true, _) => Some(Direction::Ingress),
        (_, true) => Some(Direction::Egress),
        _ => None,
    }
}

/// Lets through to `past` what a rule allowed, and remembers the connections that are new.
pub(super) fn admit(table: &Table, past: u8) -> Vec<Flow> {
    let allowed = || ALLOWED.is(1, Match::new());
    let commit = Ct {
        commit: Commit::Yes,
        zone: zone(),
        ..Ct::default()
    };
    let families = [allowed().ipv4(), allowed().ipv6()];
    let mut flows = Vec::from(families.map(|matching| {
        let new = matching.ct_state(CtState::TRK | CtState::NEW, CtState(0));
        let flow = table.flow(TRACK, new).action(commit.clone());
        flow.goto(past)
    }));
    flows.push(table.flow(OTHERS, allowed()).goto(past));
    flows
}
