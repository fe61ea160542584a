//! Actions into bytes.
//!
//! ```text
//!  0        2        4                 8        10
//! +--------+--------+-----------------+--------+- - - - - - -
//! | type   | length | body, or for type 0xffff: vendor, subtype, body
//! +--------+--------+-----------------+--------+- - - - - - -
//!            a multiple of 8, header included
//! ```

use super::kind::{nicira, property, standard};
use super::{Action, Controller, Subfield};
use crate::PortNo;
use crate::field::{Dialect, Field};
use crate::wire::{EncodeError, Version, pad8, put_number, set_length};

type Encoded = Result<(), EncodeError>;

impl Action {
    /// Appends actions one after the other.
    ///
    /// # Errors
    /// When one is too long, or the version cannot express it.
    pub fn encode_list(actions: &[Action], version: Version, out: &mut Vec<u8>) -> Encoded {
        actions
            .iter()
            .try_for_each(|action| action.encode(version, out))
    }

    fn encode(&self, version: Version, out: &mut Vec<u8>) -> Encoded {
        match self {
            Action::Output { port, max_len } => {
                let body = (u64::from(port.0) << 16 | u64::from(*max_len)) << 16;
                let start = begin(standard::OUTPUT, out);
                put_number(out, body.into(), 8);
                finish(start, out)
            }
            Action::Group(id) => short(standard::GROUP, *id, out),
            Action::SetQueue(id) => short(standard::SET_QUEUE, *id, out),
            Action::Meter(id) if version >= Version::V1_5 => short(standard::METER, *id, out),
            Action::Meter(_) => Err(EncodeError::Inexpressible {
                what: "a meter that is not the first action",
                version,
            }),
            Action::PushVlan(eth_type) => short(standard::PUSH_VLAN, high(*eth_type), out),
            Action::PopVlan => short(standard::POP_VLAN, 0, out),
            Action::PushMpls(eth_type) => short(standard::PUSH_MPLS, high(*eth_type), out),
            Action::PopMpls(eth_type) => short(standard::POP_MPLS, high(*eth_type), out),
            Action::DecMplsTtl => short(standard::DEC_MPLS_TTL, 0, out),
            Action::DecTtl => short(standard::DEC_TTL, 0, out),
            Action::SetTtl(ttl) => short(standard::SET_TTL, u32::from(*ttl) << 24, out),
            Action::SetField { field, value, mask } => {
                set_field(*field, *value & *mask, *mask, version, out)
            }
            Action::Load { target, value } if version >= Version::V1_5 => {
                let value = u128::from(*value) << target.offset & target.mask();
                set_field(target.field, value, target.mask(), version, out)
            }
            Action::Move { source, target } if version >= Version::V1_5 => {
                copy_field(*source, *target, version, out)
            }
            Action::Unknown(unknown) => {
                out.extend_from_slice(&unknown.0);
                Ok(())
            }
            _ => self.encode_nicira(version, out),
        }
    }

    fn encode_nicira(&self, version: Version, out: &mut Vec<u8>) -> Encoded {
        match self {
            Action::Load { target, value } => load(*target, (*value).into(), out),
            Action::Move { source, target } => register_move(*source, *target, out),
            Action::Push(part) => stack(nicira::PUSH, *part, out),
            Action::Pop(part) => stack(nicira::POP, *part, out),
            Action::OutputField { source, max_len } => output_field(*source, *max_len, out),
            Action::OutputTruncated { port, max_len } => {
                let body = u64::from(port_u16(*port, version)?) << 32 | u64::from(*max_len);
                plain(nicira::OUTPUT_TRUNCATED, body, out)
            }
            Action::PopQueue => plain(nicira::POP_QUEUE, 0, out),
            Action::CtClear => plain(nicira::CT_CLEAR, 0, out),
            Action::Exit => plain(nicira::EXIT, 0, out),
            Action::FinTimeout { idle, hard } => {
                let body = u64::from(*idle) << 32 | u64::from(*hard) << 16;
                plain(nicira::FIN_TIMEOUT, body, out)
            }
            Action::Conjunction {
                id,
                clause,
                clauses,
            } => {
                let clause = u64::from(clause.wrapping_sub(1)) << 40;
                let body = clause | u64::from(*clauses) << 32 | u64::from(*id);
                plain(nicira::CONJUNCTION, body, out)
            }
            Action::Resubmit {
                port,
                table,
                original,
            } => {
                let port = port_u16(port.unwrap_or(PortNo::IN_PORT), version)?;
                let table = u64::from(table.unwrap_or(u8::MAX));
                let kind = match original {
                    true => nicira::RESUBMIT_TABLE_CT,
                    false => nicira::RESUBMIT_TABLE,
                };
                plain(kind, u64::from(port) << 32 | table << 24, out)
            }
            Action::DecTtlFor(ids) => dec_ttl_for(ids, out),
            Action::Note(bytes) => note(bytes, out),
            Action::Controller(controller) => controller.encode(out),
            Action::Ct(ct) => ct.encode(version, out),
            Action::Learn(learn) => learn.encode(out),
            Action::Clone(actions) => clone(actions, version, out),
            Action::CheckPacketLarger { length, target } => {
                check_packet_larger(*length, *target, out)
            }
            // Every other action is OpenFlow's own.
            _ => Ok(()),
        }
    }
}

impl Controller {
    fn encode(&self, out: &mut Vec<u8>) -> Encoded {
        let plain_enough = self.userdata.is_empty() && !self.pause && self.meter.is_none();
        if plain_enough {
            let ids = u64::from(self.max_len) << 32 | u64::from(self.id) << 16;
            let reason = u64::from(self.reason.wire()) << 8;
            return plain(nicira::CONTROLLER, ids | reason, out);
        }
        let start = begin_nicira(nicira::CONTROLLER2, out);
        out.extend_from_slice(&[0; 6]);
        if self.max_len != u16::MAX {
            put_property(property::MAX_LEN, &padded(self.max_len), out)?;
        }
        if self.id != 0 {
            put_property(property::CONTROLLER_ID, &padded(self.id), out)?;
        }
        if self.reason != super::Reason::Action {
            put_property(property::REASON, &[self.reason.wire()], out)?;
        }
        if !self.userdata.is_empty() {
            put_property(property::USERDATA, &self.userdata, out)?;
        }
        if self.pause {
            put_property(property::PAUSE, &[], out)?;
        }
        if let Some(meter) = self.meter {
            put_property(property::METER, &meter.to_be_bytes(), out)?;
        }
        finish(start, out)
    }
}

/// These properties count their padding.
fn padded(number: u16) -> [u8; 4] {
    high(number).to_be_bytes()
}

fn put_property(kind: u16, body: &[u8], out: &mut Vec<u8>) -> Encoded {
    let start = begin(kind, out);
    out.extend_from_slice(body);
    set_length(out, start, 2, "a property of controller")?;
    pad8(out, start);
    Ok(())
}

/// Sets bits of a field. OpenFlow 1.4 sets whole fields only; parts take Nicira's `load`,
/// one for each run of bits and at most 64 bits each, lowest first.
fn set_field(
    field: Field,
    value: u128,
    mask: u128,
    version: Version,
    out: &mut Vec<u8>,
) -> Encoded {
    if version >= Version::V1_5 || mask == field.full_mask() {
        let start = begin(standard::SET_FIELD, out);
        field.encode(Dialect::OpenFlow(version), value, mask, out);
        return finish(start, out);
    }
    let mut done: u16 = 0;
    while done < 128 && mask >> done != 0 {
        let offset = done + low_u16((mask >> done).trailing_zeros());
        let bits = low_u16((mask >> offset).trailing_ones()).min(64);
        let target = Subfield {
            field,
            offset,
            bits,
        };
        load(target, (value & target.mask()) >> offset, out)?;
        done = offset + bits;
    }
    Ok(())
}

/// Sets a part of a field of at most 64 bits.
fn load(target: Subfield, value: u128, out: &mut Vec<u8>) -> Encoded {
    if target.field.is_experimenter(Dialect::Nicira) {
        let start = begin_nicira(nicira::LOAD2, out);
        let value = value << target.offset;
        target
            .field
            .encode(Dialect::Nicira, value, target.mask(), out);
        return finish(start, out);
    }
    let start = begin_nicira(nicira::LOAD, out);
    target.encode(out)?;
    put_number(out, value, 8);
    finish(start, out)
}

fn register_move(source: Subfield, target: Subfield, out: &mut Vec<u8>) -> Encoded {
    let start = begin_nicira(nicira::MOVE, out);
    put_positions(source, target, out);
    source.field.encode_header(Dialect::Nicira, out);
    target.field.encode_header(Dialect::Nicira, out);
    finish(start, out)
}

fn copy_field(source: Subfield, target: Subfield, version: Version, out: &mut Vec<u8>) -> Encoded {
    let start = begin(standard::COPY_FIELD, out);
    put_positions(source, target, out);
    out.extend_from_slice(&[0; 2]);
    source.field.encode_header(Dialect::OpenFlow(version), out);
    target.field.encode_header(Dialect::OpenFlow(version), out);
    finish(start, out)
}

fn put_positions(source: Subfield, target: Subfield, out: &mut Vec<u8>) {
    put_number(out, target.bits.into(), 2);
    put_number(out, source.offset.into(), 2);
    put_number(out, target.offset.into(), 2);
}

fn stack(kind: u16, part: Subfield, out: &mut Vec<u8>) -> Encoded {
    let start = begin_nicira(kind, out);
    put_number(out, part.offset.into(), 2);
    part.field.encode_header(Dialect::Nicira, out);
    put_number(out, part.bits.into(), 2);
    finish_at_least(24, start, out)
}

fn output_field(source: Subfield, max_len: u16, out: &mut Vec<u8>) -> Encoded {
    if source.field.is_experimenter(Dialect::Nicira) {
        let start = begin_nicira(nicira::OUTPUT_FIELD2, out);
        put_number(out, source.packed()?.into(), 2);
        put_number(out, max_len.into(), 2);
        source.field.encode_header(Dialect::Nicira, out);
        return finish_at_least(24, start, out);
    }
    let start = begin_nicira(nicira::OUTPUT_FIELD, out);
    source.encode(out)?;
    put_number(out, max_len.into(), 2);
    finish(start, out)
}

fn dec_ttl_for(ids: &[u16], out: &mut Vec<u8>) -> Encoded {
    let start = begin_nicira(nicira::DEC_TTL_FOR, out);
    put_number(out, ids.len() as u128, 2);
    out.extend_from_slice(&[0; 4]);
    for id in ids {
        put_number(out, (*id).into(), 2);
    }
    finish(start, out)
}

fn note(bytes: &[u8], out: &mut Vec<u8>) -> Encoded {
    let start = begin_nicira(nicira::NOTE, out);
    out.extend_from_slice(bytes);
    finish(start, out)
}

fn clone(actions: &[Action], version: Version, out: &mut Vec<u8>) -> Encoded {
    let start = begin_nicira(nicira::CLONE, out);
    out.extend_from_slice(&[0; 6]);
    Action::encode_list(actions, version, out)?;
    finish(start, out)
}

fn check_packet_larger(length: u16, target: Subfield, out: &mut Vec<u8>) -> Encoded {
    let start = begin_nicira(nicira::CHECK_PACKET_LARGER, out);
    put_number(out, length.into(), 2);
    put_number(out, target.offset.into(), 2);
    target.field.encode_header(Dialect::Nicira, out);
    finish_at_least(24, start, out)
}

/// An action of OpenFlow with a body of four bytes.
fn short(kind: u16, body: u32, out: &mut Vec<u8>) -> Encoded {
    let start = begin(kind, out);
    out.extend_from_slice(&body.to_be_bytes());
    finish(start, out)
}

/// An action of Nicira with a body of six bytes: the low ones of `body`.
fn plain(kind: u16, body: u64, out: &mut Vec<u8>) -> Encoded {
    let start = begin_nicira(kind, out);
    put_number(out, body.into(), 6);
    finish(start, out)
}

/// The two bytes at the beginning of a body of four.
fn high(value: u16) -> u32 {
    u32::from(value) << 16
}

fn low_u16(value: u32) -> u16 {
    (value & 0xffff) as u16
}

/// The 16-bit number of a port, as Nicira's actions want it.
fn port_u16(port: PortNo, version: Version) -> Result<u16, EncodeError> {
    port.to_u16().ok_or(EncodeError::Inexpressible {
        what: "a port above 65279 in this action",
        version,
    })
}

/// Begins an action; the length is filled in by [`finish`].
fn begin(kind: u16, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    put_number(out, u128::from(kind) << 16, 4);
    start
}

/// Begins an action of Nicira's.
pub(super) fn begin_nicira(kind: u16, out: &mut Vec<u8>) -> usize {
    let start = begin(standard::EXPERIMENTER, out);
    put_number(out, nicira::VENDOR.into(), 4);
    put_number(out, kind.into(), 2);
    start
}

/// Pads an action to eight bytes and fills in its length.
pub(super) fn finish(start: usize, out: &mut Vec<u8>) -> Encoded {
    pad8(out, start);
    set_length(out, start, 2, "an action")
}

/// The same for an action that is never shorter than this.
fn finish_at_least(length: usize, start: usize, out: &mut Vec<u8>) -> Encoded {
    let end = out.len().max(start + length);
    out.resize(end, 0);
    finish(start, out)
}
