//! Whoever sends whatever.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use model::MacAddr;
use openflow::PortNo;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Something that somebody sends, honest or not.
#[derive(Clone, Debug)]
struct Sent {
    /// A member of a tenant, or 0 for the outside and 9 for the neighbour.
    by: (u8, u8),
    source: Ipv4Addr,
    destination: Ipv4Addr,
    to_mac: Mac,
    ports: (u16, u16),
}

fn any_sent() -> impl Strategy<Value = Sent> {
    let by = select(vec![(1, 1), (1, 2), (2, 1), (2, 2), (0, 0), (9, 9)]);
    let addresses: Vec<Ipv4Addr> = [FAR, NEIGHBOUR, MACHINE, inner(1), inner(2), inner(254)]
        .into_iter()
        .chain(TENANTS.into_iter().flat_map(|it| [floating(it), snat(it)]))
        .collect();
    let macs: Vec<Mac> = [mac(1), mac(2), mac(9), UPSTREAM, gateway(1), gateway(2)]
        .into_iter()
        .chain(addresses.iter().map(|it| MacAddr::public(*it).octets()))
        .collect();
    let port = || select(vec![53u16, 80, 4000]);
    let honest = proptest::bool::weighted(0.8);
    let picked = (select(addresses.clone()), select(addresses), select(macs));
    (by, picked, (port(), port()), (honest, honest)).prop_map(
        |(by, (source, destination, to_mac), ports, (own_source, sound_mac))| Sent {
            by,
            source: match by {
                (1 | 2, member) if own_source => inner(member),
                (9, _) if own_source => NEIGHBOUR,
                _ => source,
            },
            destination,
            to_mac: match by {
                (tenant @ (1 | 2), _) if sound_mac => gateway(tenant),
                _ if sound_mac => MacAddr::public(destination).octets(),
                _ => to_mac,
            },
            ports,
        },
    )
}

impl Sent {
    fn frame(&self) -> (PortNo, Frame) {
        let (port, source) = match self.by {
            (0, _) => (PATCH, UPSTREAM),
            (9, _) => (NEIGHBOUR_PORT, mac(9)),
            (tenant, member) => (port(tenant, member), mac(member)),
        };
        let addresses = (self.source, self.destination);
        let frame = datagram((source, self.to_mac), addresses, self.ports);
        match port == PATCH {
            true => (port, frame.tagged(0x8100, VLAN)),
            false => (port, frame),
        }
    }

    /// As whom it may be heard beyond its own network.
    fn names(&self) -> Vec<Ipv4Addr> {
        match self.by {
            (0, _) => vec![self.source],
            (9, _) => vec![NEIGHBOUR],
            (tenant, 1) => vec![floating(tenant)],
            (tenant, _) => vec![snat(tenant)],
        }
    }
}

/// Who began to speak with whom, as it is seen on the external network: (tenant, member), its ports
/// there, and whom.
type Begun = BTreeSet<((u8, u8), (Ipv4Addr, u16), (Ipv4Addr, u16))>;

/// Whether a packet that arrived at a VIF may have.
fn may_arrive(sent: &Sent, out: &Out, begun: &Begun) -> bool {
    let [tenant, member] = [out.port.0 / 10, out.port.0 % 10].map(|it| u8::try_from(it).unwrap());
    if sent.by.0 == tenant && out.from.0 == sent.source {
        return true;
    }
    let named = sent.names().contains(&out.from.0);
    let to_floating = member == 1 && sent.destination == floating(tenant);
    let answers = begun.iter().any(|(who, own, whom)| {
        *who == (tenant, member) && own.0 == sent.destination && whom.0 == out.from.0
    });
    named && (to_floating || answers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nobody_speaks_in_anothers_name_and_only_who_was_asked_is_heard(
        all in proptest::collection::vec(any_sent(), 1..40),
    ) {
        let mut host = Host::new();
        let mut begun = Begun::new();
        for sent in all {
            let (port, frame) = sent.frame();
            if let (1 | 2, _) = sent.by {
                let own = (sent.names()[0], sent.ports.0);
                begun.insert((sent.by, own, (sent.destination, sent.ports.1)));
            }
            for out in host.send(port, &frame) {
                match out.port {
                    PATCH => {
                        prop_assert_ne!(sent.by.0, 0, "what came from outside went back: {:?}", out);
                        prop_assert!(sent.names().contains(&out.from.0), "{:?} by {:?}", out, sent);
                        // What a neighbour sends to the router is the router's to send back.
                        let stays = sent.by.0 == 9 || !TENANTS.iter().any(|it| out.to.0 == floating(*it));
                        prop_assert!(stays, "{:?}", out);
                    }
                    NEIGHBOUR_PORT => {
                        prop_assert!(sent.names().contains(&out.from.0), "{:?} by {:?}", out, sent);
                    }
                    _ => prop_assert!(may_arrive(&sent, &out, &begun), "{:?} by {:?}", out, sent),
                }
            }
        }
    }
}
