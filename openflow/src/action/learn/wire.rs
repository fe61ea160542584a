//! `learn` on the wire.
//!
//! ```text
//!  10     12     14         16       24      26      27     28         30         32
//! +------+------+----------+--------+-------+-------+------+----------+----------+- - - -
//! | idle | hard | priority | cookie | flags | table | zero | fin idle | fin hard | specs
//! +------+------+----------+--------+-------+-------+------+----------+----------+- - - -
//! ```
//!
//! The second form has, before the specs, limit (4), the result's bit (2), zero (2) and,
//! if a flag says so, the result's field.

use super::{Learn, LearnSource, LearnSpec, LearnTarget};
use crate::action::decode::Decoded;
use crate::action::encode::{begin_nicira, finish};
use crate::action::kind::{learn, nicira};
use crate::action::{Subfield, subfield};
use crate::field::{Dialect, Field};
use crate::wire::{DecodeError, EncodeError, Reader, put_number};

impl Learn {
    pub(in crate::action) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let limited = self.limit != 0 || self.result.is_some();
        let kind = if limited {
            nicira::LEARN2
        } else {
            nicira::LEARN
        };
        let start = begin_nicira(kind, out);
        put_number(out, self.idle_timeout.into(), 2);
        put_number(out, self.hard_timeout.into(), 2);
        put_number(out, self.priority.into(), 2);
        put_number(out, self.cookie.into(), 8);
        put_number(out, self.flags().into(), 2);
        out.extend_from_slice(&[self.table, 0]);
        put_number(out, self.fin_idle_timeout.into(), 2);
        put_number(out, self.fin_hard_timeout.into(), 2);
        if limited {
            put_number(out, self.limit.into(), 4);
            let offset = self.result.map_or(0, |part| part.offset);
            put_number(out, u128::from(offset) << 16, 4);
        }
        if let Some(part) = self.result {
            part.field.encode_header(Dialect::Nicira, out);
        }
        self.specs.iter().for_each(|spec| spec.encode(out));
        finish(start, out)
    }

    fn flags(&self) -> u16 {
        let flags = [
            (self.send_flow_removed, learn::SEND_FLOW_REMOVED),
            (self.delete_learned, learn::DELETE_LEARNED),
            (self.result.is_some(), learn::WRITE_RESULT),
        ];
        let set = flags.iter().filter(|(is_set, _)| *is_set);
        set.fold(0, |sum, (_, flag)| sum | flag)
    }

    pub(in crate::action) fn decode(kind: u16, body: &mut Reader) -> Decoded {
        let mut new = Learn {
            idle_timeout: body.u16()?,
            hard_timeout: body.u16()?,
            priority: body.u16()?,
            cookie: body.u64()?,
            ..Learn::default()
        };
        let flags = body.u16()?;
        let known = learn::SEND_FLOW_REMOVED | learn::DELETE_LEARNED | learn::WRITE_RESULT;
        new.send_flow_removed = flags & learn::SEND_FLOW_REMOVED != 0;
        new.delete_learned = flags & learn::DELETE_LEARNED != 0;
        new.table = body.u8()?;
        body.skip(1)?;
        new.fin_idle_timeout = body.u16()?;
        new.fin_hard_timeout = body.u16()?;
        if kind == nicira::LEARN2 && !new.decode_limit(flags, body)? {
            return Ok(None);
        }
        let Some(specs) = decode_specs(body)? else {
            return Ok(None);
        };
        new.specs = specs;
        Ok(Some(new).filter(|_| flags & !known == 0).map(Into::into))
    }

    /// `false`: the result is in a field we do not know.
    fn decode_limit(&mut self, flags: u16, body: &mut Reader) -> Result<bool, DecodeError> {
        self.limit = body.u32()?;
        let offset = body.u16()?;
        body.skip(2)?;
        if flags & learn::WRITE_RESULT == 0 {
            return Ok(true);
        }
        let part = |field| subfield::check(Subfield::new(field, offset, 1), offset);
        self.result = Field::decode_header(body)?.map(part).transpose()?;
        Ok(self.result.is_some())
    }
}

impl LearnSpec {
    /// How many bits it is about.
    fn bits(&self) -> u16 {
        match (&self.source, self.target) {
            (_, LearnTarget::Match(part) | LearnTarget::Load(part)) => part.bits,
            (LearnSource::Packet(part), LearnTarget::Output) => part.bits,
            (LearnSource::Number(_), LearnTarget::Output) => 16,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let source = match self.source {
            LearnSource::Packet(_) => 0,
            LearnSource::Number(_) => learn::FROM_NUMBER,
        };
        let target = match self.target {
            LearnTarget::Match(_) => 0,
            LearnTarget::Load(_) => learn::TO_LOAD,
            LearnTarget::Output => learn::TO_OUTPUT,
        };
        put_number(out, (self.bits() | source | target).into(), 2);
        match self.source {
            LearnSource::Packet(part) => put_part(part, out),
            LearnSource::Number(value) => put_number(out, value, number_length(self.bits())),
        }
        if let LearnTarget::Match(part) | LearnTarget::Load(part) = self.target {
            put_part(part, out);
        }
    }

    /// `None`: a field we do not know, so that what follows cannot be read either.
    fn decode(header: u16, body: &mut Reader) -> Result<Option<LearnSpec>, DecodeError> {
        let bits = header & learn::BITS;
        let source = if header & learn::FROM_NUMBER != 0 {
            let length = Some(number_length(bits)).filter(|length| *length <= 16);
            let length = length.ok_or(body.bad_length(bits.into()))?;
            Some(LearnSource::Number(body.number(length)?))
        } else {
            decode_part(bits, body)?.map(LearnSource::Packet)
        };
        let target = match header & !(learn::BITS | learn::FROM_NUMBER) {
            0 => decode_part(bits, body)?.map(LearnTarget::Match),
            learn::TO_LOAD => decode_part(bits, body)?.map(LearnTarget::Load),
            learn::TO_OUTPUT => Some(LearnTarget::Output),
            _ => None,
        };
        Ok(source
            .zip(target)
            .map(|(source, target)| LearnSpec { source, target }))
    }
}

/// Numbers fill whole pairs of bytes.
fn number_length(bits: u16) -> usize {
    usize::from(bits.div_ceil(16)) * 2
}

fn put_part(part: Subfield, out: &mut Vec<u8>) {
    part.field.encode_header(Dialect::Nicira, out);
    put_number(out, part.offset.into(), 2);
}

fn decode_part(bits: u16, body: &mut Reader) -> Result<Option<Subfield>, DecodeError> {
    let field = Field::decode_header(body)?;
    let offset = body.u16()?;
    let part = |field| subfield::check(Subfield::new(field, offset, bits), offset);
    field.map(part).transpose()
}

/// The specs up to the end, or up to the header of zero that begins the padding.
fn decode_specs(body: &mut Reader) -> Result<Option<Vec<LearnSpec>>, DecodeError> {
    let mut specs = Vec::new();
    while !body.is_empty() {
        let header = body.u16()?;
        if header == 0 {
            break;
        }
        match LearnSpec::decode(header, body)? {
            Some(spec) => specs.push(spec),
            None => return Ok(None),
        }
    }
    Ok(Some(specs))
}
