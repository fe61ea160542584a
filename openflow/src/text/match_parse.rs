//! Text into matches.

use super::ParseError;
use super::match_print::WORDS;
use super::scan::{Pair, Span};
use super::value::{parse_one, parse_value};
use crate::field::{Field, Masking};
use crate::matching::{Match, VLAN_PRESENT, Value};
use crate::protocol;

/// The value of `dl_vlan` that says there is no tag.
const NO_VLAN: u16 = 0xffff;

/// Names that mean another field in each protocol.
const BY_PROTOCOL: [(&str, &[(u8, Field)]); 4] = [
    (
        "tp_src",
        &[
            (protocol::IP_TCP, Field::TcpSrc),
            (protocol::IP_UDP, Field::UdpSrc),
            (protocol::IP_SCTP, Field::SctpSrc),
        ],
    ),
    (
        "tp_dst",
        &[
            (protocol::IP_TCP, Field::TcpDst),
            (protocol::IP_UDP, Field::UdpDst),
            (protocol::IP_SCTP, Field::SctpDst),
        ],
    ),
    (
        "icmp_type",
        &[
            (protocol::IP_ICMP, Field::Icmpv4Type),
            (protocol::IP_ICMPV6, Field::Icmpv6Type),
        ],
    ),
    (
        "icmp_code",
        &[
            (protocol::IP_ICMP, Field::Icmpv4Code),
            (protocol::IP_ICMPV6, Field::Icmpv6Code),
        ],
    ),
];

/// Takes a match pair by pair.
#[derive(Default)]
pub(super) struct Parser {
    matching: Match,
}

impl Parser {
    /// Takes one pair.
    pub(super) fn take(&mut self, pair: &Pair) -> Result<(), ParseError> {
        let name = pair.key.text();
        let word = WORDS.iter().find(|(word, ..)| *word == name);
        if let Some((_, eth_type, proto)) = word.filter(|_| pair.value.is_empty()) {
            self.set(Field::EthType, *eth_type);
            if let Some(proto) = proto {
                self.set(Field::IpProto, *proto);
            }
            return Ok(());
        }
        match name {
            "dl_vlan" => self.take_vlan(pair.value),
            "dl_vlan_pcp" | "vlan_pcp" => self.take_priority(pair.value),
            "unknown" => self.take_unknown(pair.value),
            _ => self.take_field(pair),
        }
    }

    /// The match, if every field may be in it.
    pub(super) fn finish(self, whole: Span) -> Result<Match, ParseError> {
        match self.matching.missing_prerequisite() {
            None => Ok(self.matching),
            Some(field) => {
                let needs = field.info().prerequisite;
                Err(whole.error(format!("{} needs a match on {needs:?}", field.name())))
            }
        }
    }

    fn set(&mut self, field: Field, value: impl Into<Value>) {
        self.matching.insert(field, value, field.full_mask());
    }

    fn take_vlan(&mut self, value: Span) -> Result<(), ParseError> {
        match value.number()? {
            NO_VLAN => self.set(Field::VlanVid, 0u16),
            vid @ 0..VLAN_PRESENT => self.set(Field::VlanVid, vid | VLAN_PRESENT),
            _ => return Err(value.error("this is not a VLAN id")),
        }
        Ok(())
    }

    /// A priority says that there is a tag.
    fn take_priority(&mut self, value: Span) -> Result<(), ParseError> {
        let priority = parse_one(Field::VlanPcp, value)?;
        self.set(Field::VlanPcp, priority);
        let present = u128::from(VLAN_PRESENT);
        let vid = self.matching.get(Field::VlanVid);
        let (value, mask) = vid.map_or((0, 0), |m| (m.value, m.mask));
        self.matching
            .insert(Field::VlanVid, value | present, mask | present);
        Ok(())
    }

    fn take_unknown(&mut self, value: Span) -> Result<(), ParseError> {
        let fields = Match::decode_fields(&value.bytes()?);
        self.matching
            .extend(fields.map_err(|_| value.error("these bytes are not fields"))?);
        Ok(())
    }

    fn take_field(&mut self, pair: &Pair) -> Result<(), ParseError> {
        let unknown = || pair.error("this field is not known");
        let field = self.field(pair.key)?.ok_or_else(unknown)?;
        let (value, mask) = parse_value(field, pair.value)?;
        if mask != field.full_mask() && field.info().masking == Masking::Whole {
            return Err(pair.value.error(format!("{} takes no mask", field.name())));
        }
        self.matching.insert(field, value, mask);
        Ok(())
    }

    fn field(&self, key: Span) -> Result<Option<Field>, ParseError> {
        let by_protocol = BY_PROTOCOL.iter().find(|(name, _)| *name == key.text());
        let Some((_, fields)) = by_protocol else {
            return Ok(Field::from_name(key.text()));
        };
        let proto = self.matching.exact_value(Field::IpProto);
        let field = fields
            .iter()
            .find(|(number, _)| proto == Some((*number).into()));
        let unclear = || key.error("this needs a protocol before it");
        let (_, field) = field.ok_or_else(unclear)?;
        Ok(Some(*field))
    }
}
