//! Instructions: what a flow tells the switch to do, in the order the switch does it
//! (OpenFlow 1.5 section 5.5).

use crate::action::Action;
use crate::wire::{DecodeError, EncodeError, Reader, Version, put_number, set_length};

/// `OFPIT_*`, OpenFlow 1.5 section 7.2.5.
mod kind {
    pub(super) const GOTO_TABLE: u16 = 1;
    pub(super) const WRITE_METADATA: u16 = 2;
    pub(super) const WRITE_ACTIONS: u16 = 3;
    pub(super) const APPLY_ACTIONS: u16 = 4;
    pub(super) const CLEAR_ACTIONS: u16 = 5;
    pub(super) const METER: u16 = 6;
}

/// What a flow does. Without any it drops packets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instructions {
    /// What is done at once.
    pub apply: Vec<Action>,
    /// Whether the action set is emptied.
    pub clear_actions: bool,
    /// What is added to the action set, which is done when the last table is through.
    pub write: Vec<Action>,
    /// What is written into the metadata.
    pub write_metadata: Option<WriteMetadata>,
    /// The table that comes next.
    pub goto_table: Option<u8>,
    /// Those we do not know.
    pub unknown: Vec<UnknownInstruction>,
}

/// Bits of the metadata to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriteMetadata {
    /// The new bits.
    pub value: u64,
    /// Which bits are set.
    pub mask: u64,
}

/// An instruction we do not know: its bytes, with the header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnknownInstruction(Box<[u8]>);

impl UnknownInstruction {
    /// Its bytes, with the header.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Instructions {
    /// Appends them all.
    ///
    /// # Errors
    /// When they are too long, or the version cannot express an action.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let apply = self.put_meter(version, out);
        if !apply.is_empty() {
            put_actions(kind::APPLY_ACTIONS, apply, version, out)?;
        }
        if self.clear_actions {
            put(kind::CLEAR_ACTIONS, &[&[0; 4]], out);
        }
        if !self.write.is_empty() {
            put_actions(kind::WRITE_ACTIONS, &self.write, version, out)?;
        }
        if let Some(write) = self.write_metadata {
            let (value, mask) = (write.value.to_be_bytes(), write.mask.to_be_bytes());
            put(kind::WRITE_METADATA, &[&[0; 4], &value, &mask], out);
        }
        if let Some(table) = self.goto_table {
            put(kind::GOTO_TABLE, &[&[table, 0, 0, 0]], out);
        }
        for unknown in &self.unknown {
            out.extend_from_slice(&unknown.0);
        }
        Ok(())
    }

    /// OpenFlow 1.4 has meters as an instruction; returns the actions that are left.
    fn put_meter(&self, version: Version, out: &mut Vec<u8>) -> &[Action] {
        match self.apply.split_first() {
            Some((Action::Meter(id), rest)) if version < Version::V1_5 => {
                put(kind::METER, &[&id.to_be_bytes()], out);
                rest
            }
            _ => &self.apply,
        }
    }

    /// The instructions that these bytes are.
    ///
    /// # Errors
    /// When they are malformed.
    pub fn decode(version: Version, bytes: &[u8]) -> Result<Instructions, DecodeError> {
        let mut reader = Reader::new("a list of instructions", bytes);
        let mut instructions = Instructions::default();
        while !reader.is_empty() {
            instructions.decode_one(version, &mut reader)?;
        }
        Ok(instructions)
    }

    fn decode_one(&mut self, version: Version, reader: &mut Reader) -> Result<(), DecodeError> {
        let start = reader.rest();
        let kind = reader.u16()?;
        let length = usize::from(reader.u16()?);
        let bad_length = DecodeError::BadLength {
            what: "an instruction",
            length,
        };
        let body = length.checked_sub(4).filter(|_| length % 8 == 0);
        let mut body = reader.part("an instruction", body.ok_or(bad_length.clone())?)?;
        match kind {
            kind::GOTO_TABLE => {
                self.goto_table = Some(body.u8()?);
                body.skip(3)?;
            }
            kind::WRITE_METADATA => {
                body.skip(4)?;
                let (value, mask) = (body.u64()?, body.u64()?);
                self.write_metadata = Some(WriteMetadata { value, mask });
            }
            kind::WRITE_ACTIONS => self.write = decode_actions(version, &mut body)?,
            kind::APPLY_ACTIONS => self.apply.extend(decode_actions(version, &mut body)?),
            kind::CLEAR_ACTIONS => {
                self.clear_actions = true;
                body.skip(4)?;
            }
            // What it does comes before all actions, wherever it stands.
            kind::METER => self.apply.insert(0, Action::Meter(body.u32()?)),
            _ => {
                let raw = &start[..length];
                self.unknown.push(UnknownInstruction(raw.into()));
                return Ok(());
            }
        }
        body.is_empty().then_some(()).ok_or(bad_length)
    }
}

fn decode_actions(version: Version, body: &mut Reader) -> Result<Vec<Action>, DecodeError> {
    body.skip(4)?;
    let bytes = body.rest();
    body.skip(bytes.len())?;
    Action::decode_list(version, bytes)
}

fn put_actions(
    kind: u16,
    actions: &[Action],
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    put(kind, &[&[0; 4]], out);
    Action::encode_list(actions, version, out)?;
    set_length(out, start, 2, "a list of actions")
}

/// Appends an instruction whose body has these parts, all of them short.
fn put(kind: u16, parts: &[&[u8]], out: &mut Vec<u8>) {
    let length = parts.iter().fold(4, |sum, part| sum + part.len());
    out.extend_from_slice(&kind.to_be_bytes());
    put_number(out, length as u128, 2);
    for part in parts {
        out.extend_from_slice(part);
    }
}
