//! `ct` and `nat` on the wire.
//!
//! ```text
//!  10      12              16              18      19     22      24
//! +-------+---------------+---------------+-------+------+-------+- - - - - - - - - - -
//! | flags | zone's field  | zone, or its  | table | zero | alg   | nat, other actions
//! |       | or 0          | bits in field |       |      |       |
//! +-------+---------------+---------------+-------+------+-------+- - - - - - - - - - -
//! ```

use std::net::IpAddr;

use super::{Commit, Ct, Nat, NatTarget, PortChoice, Zone};
use crate::action::decode::{Decoded, RawAction, decode_nested};
use crate::action::encode::{begin_nicira, finish};
use crate::action::kind::{ct, nat, nicira};
use crate::action::{Action, Subfield};
use crate::field::{Dialect, Field};
use crate::wire::{DecodeError, EncodeError, Reader, Version, put_number};

impl Ct {
    pub(in crate::action) fn encode(
        &self,
        version: Version,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let flags = match self.commit {
            Commit::No => 0,
            Commit::Yes => ct::COMMIT,
            Commit::Force => ct::COMMIT | ct::FORCE,
        };
        let start = begin_nicira(nicira::CT, out);
        put_number(out, flags.into(), 2);
        match self.zone {
            Zone::Fixed(zone) => put_number(out, zone.into(), 6),
            Zone::From(part) => {
                part.field.encode_header(Dialect::Nicira, out);
                put_number(out, part.packed()?.into(), 2);
            }
        }
        out.extend_from_slice(&[self.table.unwrap_or(ct::NO_TABLE), 0, 0, 0]);
        put_number(out, self.alg.into(), 2);
        if let Some(nat) = &self.nat {
            nat.encode(out)?;
        }
        Action::encode_list(&self.exec, version, out)?;
        finish(start, out)
    }

    pub(in crate::action) fn decode(version: Version, body: &mut Reader, depth: usize) -> Decoded {
        let commit = match body.u16()? {
            0 => Commit::No,
            ct::COMMIT => Commit::Yes,
            flags if flags == ct::COMMIT | ct::FORCE => Commit::Force,
            _ => return Ok(None),
        };
        let Some(zone) = decode_zone(body)? else {
            return Ok(None);
        };
        let table = Some(body.u8()?).filter(|table| *table != ct::NO_TABLE);
        body.skip(3)?;
        let alg = body.u16()?;
        let nat = decode_nat(body)?;
        let exec = body.rest();
        body.skip(exec.len())?;
        let ct = Ct {
            commit,
            zone,
            table,
            nat,
            exec: decode_nested(version, exec, depth + 1)?,
            alg,
        };
        Ok(Some(ct.into()))
    }
}

/// `None`: a field we do not know.
fn decode_zone(body: &mut Reader) -> Result<Option<Zone>, DecodeError> {
    if body.clone().u32()? == 0 {
        body.skip(4)?;
        return Ok(Some(Zone::Fixed(body.u16()?)));
    }
    let field = Field::decode_header(body)?;
    let packed = body.u16()?;
    let Some(field) = field else {
        return Ok(None);
    };
    let part = Subfield::unpack(field, packed)?;
    if part.bits != 16 {
        return Err(DecodeError::BadValue {
            what: "the width of a zone",
            value: part.bits.into(),
        });
    }
    Ok(Some(Zone::From(part)))
}

/// Takes a `nat` off the reader, if that is what comes next and we know all of it.
fn decode_nat(body: &mut Reader) -> Result<Option<Nat>, DecodeError> {
    if body.is_empty() {
        return Ok(None);
    }
    let mut ahead = body.clone();
    let mut first = RawAction::decode(&mut ahead)?;
    if first.nicira_kind()? != Some(nicira::NAT) {
        return Ok(None);
    }
    let nat = Nat::decode(&mut first.body)?;
    if nat.is_some() {
        *body = ahead;
    }
    Ok(nat)
}

impl Nat {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let target = match self.target {
            NatTarget::Known => 0,
            NatTarget::Source => nat::SOURCE,
            NatTarget::Destination => nat::DESTINATION,
        };
        let choice = match self.choice {
            PortChoice::Default => 0,
            PortChoice::Hash => nat::HASH,
            PortChoice::Random => nat::RANDOM,
        };
        let persistent = if self.persistent { nat::PERSISTENT } else { 0 };
        let start = begin_nicira(nicira::NAT, out);
        out.extend_from_slice(&[0; 2]);
        put_number(out, (target | choice | persistent).into(), 2);
        put_number(out, self.present().into(), 2);
        let last = self.addresses.and_then(|(_, last)| last);
        for address in self
            .addresses
            .map(|(first, _)| first)
            .into_iter()
            .chain(last)
        {
            match address {
                IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
                IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
            }
        }
        if let Some((first, last)) = self.ports {
            put_number(out, first.into(), 2);
            out.extend(last.iter().flat_map(|port| port.to_be_bytes()));
        }
        finish(start, out)
    }

    /// Which parts of the range are there.
    fn present(&self) -> u16 {
        let addresses = match self.addresses {
            None => 0,
            Some((IpAddr::V4(_), None)) => nat::IPV4_FIRST,
            Some((IpAddr::V4(_), Some(_))) => IPV4_RANGE,
            Some((IpAddr::V6(_), None)) => nat::IPV6_FIRST,
            Some((IpAddr::V6(_), Some(_))) => IPV6_RANGE,
        };
        let ports = match self.ports {
            None => 0,
            Some((_, None)) => nat::PORT_FIRST,
            Some((_, Some(_))) => nat::PORT_FIRST | nat::PORT_LAST,
        };
        addresses | ports
    }

    /// `None`: something in it that we do not know.
    fn decode(body: &mut Reader) -> Result<Option<Nat>, DecodeError> {
        body.skip(2)?;
        let (flags, present) = (body.u16()?, body.u16()?);
        let known = nat::SOURCE | nat::DESTINATION | nat::PERSISTENT | nat::HASH | nat::RANDOM;
        let target = match (flags & nat::SOURCE != 0, flags & nat::DESTINATION != 0) {
            (false, false) => NatTarget::Known,
            (true, false) => NatTarget::Source,
            (false, true) => NatTarget::Destination,
            (true, true) => return Ok(None),
        };
        let choice = match (flags & nat::HASH != 0, flags & nat::RANDOM != 0) {
            (false, false) => PortChoice::Default,
            (true, false) => PortChoice::Hash,
            (false, true) => PortChoice::Random,
            (true, true) => return Ok(None),
        };
        let Some((addresses, ports)) = decode_range(present, body)? else {
            return Ok(None);
        };
        Ok((flags & !known == 0).then_some(Nat {
            target,
            addresses,
            ports,
            persistent: flags & nat::PERSISTENT != 0,
            choice,
        }))
    }
}

const IPV4_RANGE: u16 = nat::IPV4_FIRST | nat::IPV4_LAST;
const IPV6_RANGE: u16 = nat::IPV6_FIRST | nat::IPV6_LAST;

type Range = (Option<(IpAddr, Option<IpAddr>)>, Option<(u16, Option<u16>)>);

/// `None`: a combination of parts that makes no sense.
fn decode_range(present: u16, body: &mut Reader) -> Result<Option<Range>, DecodeError> {
    let v4 = |body: &mut Reader| body.array::<4>().map(IpAddr::from);
    let v6 = |body: &mut Reader| body.array::<16>().map(IpAddr::from);
    let ports = present & (nat::PORT_FIRST | nat::PORT_LAST);
    let addresses = match present & !ports {
        0 => None,
        nat::IPV4_FIRST => Some((v4(body)?, None)),
        IPV4_RANGE => Some((v4(body)?, Some(v4(body)?))),
        nat::IPV6_FIRST => Some((v6(body)?, None)),
        IPV6_RANGE => Some((v6(body)?, Some(v6(body)?))),
        _ => return Ok(None),
    };
    let ports = match ports {
        0 => None,
        nat::PORT_FIRST => Some((body.u16()?, None)),
        nat::PORT_LAST => return Ok(None),
        _ => Some((body.u16()?, Some(body.u16()?))),
    };
    Ok(Some((addresses, ports)))
}
