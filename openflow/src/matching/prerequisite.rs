//! What a match has to say before a field can be in it.

use super::{CtState, Match, VLAN_PRESENT};
use crate::field::{Field, Prerequisite};
use crate::protocol;

impl Match {
    /// The first field whose prerequisites are not matched on. A switch refuses such a
    /// match.
    pub fn missing_prerequisite(&self) -> Option<Field> {
        let fields = self.fields.iter().map(|m| m.field);
        let mut missing = fields.filter(|field| !self.satisfies(field.info().prerequisite));
        missing.next()
    }

    fn satisfies(&self, prerequisite: Prerequisite) -> bool {
        match prerequisite {
            Prerequisite::Nothing => true,
            Prerequisite::Vlan => self.has_vlan_tag(),
            Prerequisite::Mpls => self.is_eth(&[protocol::ETH_MPLS, protocol::ETH_MPLS_MULTICAST]),
            Prerequisite::Ipv4 => self.is_eth(&[protocol::ETH_IPV4]),
            Prerequisite::Ipv6 => self.is_eth(&[protocol::ETH_IPV6]),
            Prerequisite::Ip => self.is_ip(),
            Prerequisite::Arp => self.is_eth(&[protocol::ETH_ARP, protocol::ETH_RARP]),
            Prerequisite::Tcp => self.is_ip() && self.begins(protocol::IP_TCP),
            Prerequisite::Udp => self.is_ip() && self.begins(protocol::IP_UDP),
            Prerequisite::Sctp => self.is_ip() && self.begins(protocol::IP_SCTP),
            Prerequisite::Icmpv4 => {
                self.is_eth(&[protocol::ETH_IPV4]) && self.begins(protocol::IP_ICMP)
            }
            Prerequisite::Icmpv6 => self.is_icmpv6(),
            Prerequisite::Nd => self.is_nd(&[protocol::ND_SOLICIT, protocol::ND_ADVERT]),
            Prerequisite::NdSolicit => self.is_nd(&[protocol::ND_SOLICIT]),
            Prerequisite::NdAdvert => self.is_nd(&[protocol::ND_ADVERT]),
            Prerequisite::Ct => self.is_ip() && self.is_connection(),
            Prerequisite::CtIpv4 => self.is_eth(&[protocol::ETH_IPV4]) && self.is_connection(),
            Prerequisite::CtIpv6 => self.is_eth(&[protocol::ETH_IPV6]) && self.is_connection(),
            Prerequisite::CtProtocol => self.get(Field::CtNwProto).is_some(),
        }
    }

    fn has_vlan_tag(&self) -> bool {
        let vid = self.get(Field::VlanVid);
        vid.is_some_and(|m| m.value & u128::from(VLAN_PRESENT) != 0)
    }

    fn is(&self, field: Field, value: u128) -> bool {
        self.exact_value(field) == Some(value)
    }

    fn is_eth(&self, types: &[u16]) -> bool {
        types
            .iter()
            .any(|eth_type| self.is(Field::EthType, (*eth_type).into()))
    }

    fn is_ip(&self) -> bool {
        self.is_eth(&[protocol::ETH_IPV4, protocol::ETH_IPV6])
    }

    /// Whether only packets match that the header of this protocol is in: later fragments
    /// have none.
    fn begins(&self, protocol: u8) -> bool {
        let later = self.get(Field::IpFrag).is_some_and(|m| m.value & 2 != 0);
        self.is(Field::IpProto, protocol.into()) && !later
    }

    fn is_icmpv6(&self) -> bool {
        self.is_eth(&[protocol::ETH_IPV6]) && self.begins(protocol::IP_ICMPV6)
    }

    fn is_nd(&self, types: &[u8]) -> bool {
        let of_type = |nd: &u8| self.is(Field::Icmpv6Type, (*nd).into());
        self.is_icmpv6() && types.iter().any(of_type) && self.is(Field::Icmpv6Code, 0)
    }

    /// Whether only packets match that connection tracking knows the connection of.
    fn is_connection(&self) -> bool {
        let Some(state) = self.get(Field::CtState) else {
            return false;
        };
        let known = u128::from(0xff ^ CtState::INV.0 ^ CtState::TRK.0);
        let tracked = state.value & u128::from(CtState::TRK.0) != 0;
        let invalid = u128::from(CtState::INV.0);
        let valid = state.mask & invalid != 0 && state.value & invalid == 0;
        state.value & known != 0 || tracked && valid
    }
}
