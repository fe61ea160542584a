//! Bytes into actions.

use super::kind::{nicira, property, standard};
use super::{Action, Controller, Ct, Learn, Reason, Subfield, UnknownAction, subfield};
use crate::PortNo;
use crate::field::Field;
use crate::wire::{DecodeError, MAX_NESTING, Reader, Version};

/// `None`: an action we do not know, or one that names a field we do not know.
pub(super) type Decoded = Result<Option<Action>, DecodeError>;

/// One action's bytes, taken apart.
pub(super) struct RawAction<'a> {
    pub(super) kind: u16,
    /// Behind the header.
    pub(super) body: Reader<'a>,
    /// All of it.
    pub(super) raw: &'a [u8],
}

impl<'a> RawAction<'a> {
    /// Takes one action off the reader.
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<RawAction<'a>, DecodeError> {
        let mut body = reader.clone();
        let kind = body.u16()?;
        let length = usize::from(body.u16()?);
        if length < 8 || length % 8 != 0 {
            return Err(reader.bad_length(length));
        }
        let raw = reader.bytes(length)?;
        let body = Reader::new("an action", &raw[4..]);
        Ok(RawAction { kind, body, raw })
    }

    /// The number of an action of Nicira's; the body then stands behind it.
    pub(super) fn nicira_kind(&mut self) -> Result<Option<u16>, DecodeError> {
        let mut body = self.body.clone();
        if self.kind != standard::EXPERIMENTER || body.u32()? != nicira::VENDOR {
            return Ok(None);
        }
        let kind = body.u16()?;
        self.body = body;
        Ok(Some(kind))
    }
}

impl Action {
    /// The actions that these bytes are, one after the other.
    ///
    /// # Errors
    /// When they are malformed, or nested too deep.
    pub fn decode_list(version: Version, bytes: &[u8]) -> Result<Vec<Action>, DecodeError> {
        decode_nested(version, bytes, 0)
    }
}

/// The actions that these bytes are, inside so many others.
pub(super) fn decode_nested(
    version: Version,
    bytes: &[u8],
    depth: usize,
) -> Result<Vec<Action>, DecodeError> {
    if depth > MAX_NESTING {
        return Err(DecodeError::TooDeep { what: "an action" });
    }
    let mut reader = Reader::new("an action", bytes);
    let mut actions = Vec::new();
    while !reader.is_empty() {
        actions.push(decode_one(version, &mut reader, depth)?);
    }
    Ok(actions)
}

fn decode_one(version: Version, reader: &mut Reader, depth: usize) -> Result<Action, DecodeError> {
    let mut action = RawAction::decode(reader)?;
    let raw = action.raw;
    let decoded = match action.nicira_kind()? {
        Some(kind) => decode_nicira(kind, version, &mut action.body, depth)?,
        None => decode_standard(action.kind, &mut action.body)?,
    };
    let Some(decoded) = decoded else {
        return Ok(Action::Unknown(UnknownAction(raw.into())));
    };
    // What is left can only be padding.
    if action.body.rest().len() >= 8 {
        return Err(reader.bad_length(raw.len()));
    }
    Ok(decoded)
}

fn decode_standard(kind: u16, body: &mut Reader) -> Decoded {
    let action = match kind {
        standard::OUTPUT => {
            let (port, max_len) = (PortNo(body.u32()?), body.u16()?);
            body.skip(6)?;
            match port {
                PortNo::CONTROLLER => Action::Output { port, max_len },
                // The length means nothing to other ports.
                _ => Action::output(port),
            }
        }
        standard::GROUP => Action::Group(body.u32()?),
        standard::SET_QUEUE => Action::SetQueue(body.u32()?),
        standard::METER => Action::Meter(body.u32()?),
        standard::PUSH_VLAN => Action::PushVlan(body.u16()?),
        standard::POP_VLAN => Action::PopVlan,
        standard::PUSH_MPLS => Action::PushMpls(body.u16()?),
        standard::POP_MPLS => Action::PopMpls(body.u16()?),
        standard::DEC_MPLS_TTL => Action::DecMplsTtl,
        standard::DEC_TTL => Action::DecTtl,
        standard::SET_TTL => Action::SetTtl(body.u8()?),
        standard::SET_FIELD => return decode_set_field(body),
        standard::COPY_FIELD => {
            let positions = Positions::decode(body)?;
            body.skip(2)?;
            return positions.decode_move(body);
        }
        _ => return Ok(None),
    };
    Ok(Some(action))
}

fn decode_nicira(kind: u16, version: Version, body: &mut Reader, depth: usize) -> Decoded {
    let action = match kind {
        nicira::LOAD => return decode_load(body),
        nicira::LOAD2 => return decode_set_field(body),
        nicira::MOVE => return Positions::decode(body)?.decode_move(body),
        nicira::SET_TUNNEL | nicira::SET_TUNNEL64 => decode_set_tunnel(kind, body)?,
        nicira::PUSH => return Ok(decode_stack(body)?.map(Action::Push)),
        nicira::POP => return Ok(decode_stack(body)?.map(Action::Pop)),
        nicira::OUTPUT_FIELD => return decode_output_field(body),
        nicira::OUTPUT_FIELD2 => return decode_output_field2(body),
        nicira::OUTPUT_TRUNCATED => Action::OutputTruncated {
            port: PortNo::from_u16(body.u16()?),
            max_len: body.u32()?,
        },
        nicira::GROUP => {
            body.skip(2)?;
            Action::Group(body.u32()?)
        }
        nicira::RESUBMIT | nicira::RESUBMIT_TABLE | nicira::RESUBMIT_TABLE_CT => {
            decode_resubmit(kind, body)?
        }
        nicira::POP_QUEUE => Action::PopQueue,
        nicira::CT_CLEAR => Action::CtClear,
        nicira::EXIT => Action::Exit,
        nicira::DEC_TTL => Action::DecTtl,
        nicira::DEC_TTL_FOR => decode_dec_ttl_for(body)?,
        nicira::FIN_TIMEOUT => Action::FinTimeout {
            idle: body.u16()?,
            hard: body.u16()?,
        },
        nicira::CONJUNCTION => Action::Conjunction {
            clause: body.u8()?.wrapping_add(1),
            clauses: body.u8()?,
            id: body.u32()?,
        },
        nicira::NOTE => Action::Note(take_rest(body)?.into()),
        nicira::CONTROLLER => decode_plain_controller(body)?,
        nicira::CONTROLLER2 => return decode_controller(body),
        nicira::CT => return Ct::decode(version, body, depth),
        nicira::LEARN | nicira::LEARN2 => return Learn::decode(kind, body),
        nicira::CLONE => {
            body.skip(6)?;
            let nested = take_rest(body)?;
            Action::Clone(decode_nested(version, nested, depth + 1)?)
        }
        nicira::CHECK_PACKET_LARGER => return decode_check_packet_larger(body),
        _ => return Ok(None),
    };
    Ok(Some(action))
}

fn decode_set_field(body: &mut Reader) -> Decoded {
    let tlv = Field::decode(body)?;
    Ok(tlv.field.map(|(field, value, mask)| Action::SetField {
        field,
        value: value & mask & field.full_mask(),
        mask: mask & field.full_mask(),
    }))
}

/// Older ways to set a tunnel's key.
fn decode_set_tunnel(kind: u16, body: &mut Reader) -> Result<Action, DecodeError> {
    if kind == nicira::SET_TUNNEL {
        body.skip(2)?;
        return Ok(Action::set_field(Field::TunId, body.u32()?));
    }
    body.skip(6)?;
    Ok(Action::set_field(Field::TunId, body.u64()?))
}

fn decode_load(body: &mut Reader) -> Decoded {
    let Some(target) = Subfield::decode(body)? else {
        return Ok(None);
    };
    let value = body.u64()?;
    Ok(Some(Action::Load { target, value }))
}

/// How many bits go from where to where.
struct Positions {
    bits: u16,
    source: u16,
    target: u16,
}

impl Positions {
    fn decode(body: &mut Reader) -> Result<Positions, DecodeError> {
        Ok(Positions {
            bits: body.u16()?,
            source: body.u16()?,
            target: body.u16()?,
        })
    }

    fn decode_move(self, body: &mut Reader) -> Decoded {
        let fields = (Field::decode_header(body)?, Field::decode_header(body)?);
        let (Some(source), Some(target)) = fields else {
            return Ok(None);
        };
        let source = Subfield::new(source, self.source, self.bits);
        let target = Subfield::new(target, self.target, self.bits);
        Ok(Some(Action::Move {
            source: subfield::check(source, self.source)?,
            target: subfield::check(target, self.target)?,
        }))
    }
}

fn decode_stack(body: &mut Reader) -> Result<Option<Subfield>, DecodeError> {
    let offset = body.u16()?;
    let field = Field::decode_header(body)?;
    let bits = body.u16()?;
    body.skip(body.rest().len().min(8))?;
    let part = |field| subfield::check(Subfield::new(field, offset, bits), offset);
    field.map(part).transpose()
}

fn decode_output_field(body: &mut Reader) -> Decoded {
    let Some(source) = Subfield::decode(body)? else {
        return Ok(None);
    };
    let max_len = body.u16()?;
    Ok(Some(Action::OutputField { source, max_len }))
}

fn decode_output_field2(body: &mut Reader) -> Decoded {
    let (packed, max_len) = (body.u16()?, body.u16()?);
    let Some(field) = Field::decode_header(body)? else {
        return Ok(None);
    };
    let source = Subfield::unpack(field, packed)?;
    Ok(Some(Action::OutputField { source, max_len }))
}

fn decode_resubmit(kind: u16, body: &mut Reader) -> Result<Action, DecodeError> {
    let port = PortNo::from_u16(body.u16()?);
    let table = body.u8()?;
    body.skip(3)?;
    let here = kind == nicira::RESUBMIT || table == u8::MAX;
    Ok(Action::Resubmit {
        port: Some(port).filter(|port| *port != PortNo::IN_PORT),
        table: if here { None } else { Some(table) },
        original: kind == nicira::RESUBMIT_TABLE_CT,
    })
}

fn decode_dec_ttl_for(body: &mut Reader) -> Result<Action, DecodeError> {
    let count = usize::from(body.u16()?);
    body.skip(4)?;
    let mut ids = body.part("the ids of dec_ttl", count * 2)?;
    let mut list = Vec::with_capacity(count);
    while !ids.is_empty() {
        list.push(ids.u16()?);
    }
    Ok(Action::DecTtlFor(list))
}

fn decode_plain_controller(body: &mut Reader) -> Result<Action, DecodeError> {
    Ok(Action::from(Controller {
        max_len: body.u16()?,
        id: body.u16()?,
        reason: Reason::from_wire(body.u8()?),
        ..Controller::default()
    }))
}

/// Everything up to the end.
fn take_rest<'a>(body: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    body.bytes(body.rest().len())
}

fn decode_controller(body: &mut Reader) -> Decoded {
    body.skip(6)?;
    let mut controller = Controller::default();
    while !body.is_empty() {
        let kind = body.u16()?;
        let length = usize::from(body.u16()?);
        let content = length.checked_sub(4).ok_or(body.bad_length(length))?;
        let mut content = body.part("a property of controller", content)?;
        body.skip(length.next_multiple_of(8) - length)?;
        match kind {
            property::MAX_LEN => controller.max_len = content.u16()?,
            property::CONTROLLER_ID => controller.id = content.u16()?,
            property::REASON => controller.reason = Reason::from_wire(content.u8()?),
            property::USERDATA => controller.userdata = content.rest().into(),
            property::PAUSE => controller.pause = true,
            property::METER => controller.meter = Some(content.u32()?),
            _ => return Ok(None),
        }
    }
    Ok(Some(controller.into()))
}

fn decode_check_packet_larger(body: &mut Reader) -> Decoded {
    let (length, offset) = (body.u16()?, body.u16()?);
    let Some(field) = Field::decode_header(body)? else {
        return Ok(None);
    };
    let target = subfield::check(Subfield::new(field, offset, 1), offset)?;
    Ok(Some(Action::CheckPacketLarger { length, target }))
}
