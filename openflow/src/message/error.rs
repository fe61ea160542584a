//! What a switch says when it refuses a message, with the refusal's name.

mod names;

use std::fmt;

use super::NICIRA;
use crate::wire::{DecodeError, Reader};

/// The error type that says "what follows is an experimenter's own".
const EXPERIMENTER: u16 = 0xffff;

/// The type of `OFPET_HELLO_FAILED`: the two sides have no version in common.
pub(crate) const HELLO_FAILED: u16 = 0;

/// An error message (OpenFlow 1.5.1 section 7.5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFlowError {
    /// The error's type, for instance 4 for "bad match". For an experimenter's error it is
    /// that experimenter's number for the error.
    pub kind: u16,
    /// What exactly, within the type. Experimenters' errors have none.
    pub code: u16,
    /// Whose error it is, when it is not OpenFlow's own: 0x2320 is Nicira, which is Open
    /// vSwitch.
    pub experimenter: Option<u32>,
    /// The beginning of the message that was refused, at least 64 bytes of it when it had so
    /// many; for a failed hello a text.
    pub data: Vec<u8>,
}

impl OpenFlowError {
    /// Decodes the part after the header.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn decode(body: &[u8]) -> Result<OpenFlowError, DecodeError> {
        let mut reader = Reader::new("error", body);
        let (kind, code) = (reader.u16()?, reader.u16()?);
        if kind != EXPERIMENTER {
            return Ok(OpenFlowError {
                kind,
                code,
                experimenter: None,
                data: reader.rest().to_vec(),
            });
        }
        Ok(OpenFlowError {
            kind: code,
            code: 0,
            experimenter: Some(reader.u32()?),
            data: reader.rest().to_vec(),
        })
    }

    /// The error's name in the OpenFlow specification or in Open vSwitch, for instance
    /// `OFPBMC_BAD_PREREQ`; `None` for one that neither knows.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self.experimenter {
            None => names::standard(self.kind, self.code),
            Some(NICIRA) => names::nicira(self.kind).map(str::to_owned),
            Some(_) => None,
        }
    }
}

impl fmt::Display for OpenFlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.experimenter) {
            (Some(name), _) => f.write_str(&name),
            (None, None) => write!(f, "error type {} code {}", self.kind, self.code),
            (None, Some(id)) => write!(f, "error {} of experimenter {id:#x}", self.kind),
        }
    }
}

impl std::error::Error for OpenFlowError {}
