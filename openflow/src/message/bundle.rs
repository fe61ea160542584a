//! Bundles: messages that take effect together or not at all (OpenFlow 1.5.1 section 6.9).

use bytes::BufMut;

use crate::wire::{DecodeError, Reader};

/// All messages take effect at the same instant, or none does.
pub const ATOMIC: u16 = 1;
/// The messages take effect in the order they were added in.
pub const ORDERED: u16 = 2;

/// A step in the life of a bundle; a switch answers each request with its reply or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum BundleStep {
    OpenRequest = 0,
    OpenReply = 1,
    CloseRequest = 2,
    CloseReply = 3,
    CommitRequest = 4,
    CommitReply = 5,
    DiscardRequest = 6,
    DiscardReply = 7,
}

impl BundleStep {
    const ALL: [BundleStep; 8] = [
        BundleStep::OpenRequest,
        BundleStep::OpenReply,
        BundleStep::CloseRequest,
        BundleStep::CloseReply,
        BundleStep::CommitRequest,
        BundleStep::CommitReply,
        BundleStep::DiscardRequest,
        BundleStep::DiscardReply,
    ];
}

/// A bundle control message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BundleControl {
    /// The controller's number for the bundle, unique on the connection while it is open.
    pub id: u32,
    /// Which step.
    pub step: BundleStep,
    /// [`ATOMIC`], [`ORDERED`], both or neither; the same in all messages of a bundle.
    pub flags: u16,
}

impl BundleControl {
    pub(super) fn decode(body: &[u8]) -> Result<BundleControl, DecodeError> {
        let mut reader = Reader::new("bundle control", body);
        let id = reader.u32()?;
        let step = reader.u16()?;
        let known = BundleStep::ALL.get(usize::from(step));
        let step = known.ok_or(DecodeError::BadValue {
            what: "bundle step",
            value: step.into(),
        })?;
        Ok(BundleControl {
            id,
            step: *step,
            flags: reader.u16()?,
        })
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.put_u32(self.id);
        out.put_u16(self.step as u16);
        out.put_u16(self.flags);
    }
}
