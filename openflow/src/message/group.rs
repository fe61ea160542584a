//! Changes to groups (OpenFlow 1.5.1 section 7.3.4.3; 1.4 has other buckets).

use bytes::BufMut;

use super::property::put_length;
use super::stats::ANY_GROUP;
use crate::action::Action;
use crate::port::PortNo;
use crate::wire::{EncodeError, Version, pad8, set_length};

/// Every bucket of a group.
const ALL_BUCKETS: u32 = u32::MAX;

/// Properties of a bucket in OpenFlow 1.5.
mod bucket {
    pub(super) const WEIGHT: u16 = 0;
    pub(super) const WATCH_PORT: u16 = 1;
    pub(super) const WATCH_GROUP: u16 = 2;
}

/// What to do to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupCommand {
    /// Add it; there must be none.
    Add = 0,
    /// Change it; it must be there.
    Modify = 1,
    /// Delete it, and the flows that send to it.
    Delete = 2,
    /// Open vSwitch's: add or change it.
    AddOrModify = 0x8000,
}

/// Which of its buckets a group uses for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupType {
    /// All of them.
    All = 0,
    /// One, by a hash and the weights.
    Select = 1,
    /// The only one.
    Indirect = 2,
    /// The first that is alive.
    FastFailover = 3,
}

/// One of the things a group may do with a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// What to do.
    pub actions: Vec<Action>,
    /// Its share, in groups that select.
    pub weight: u16,
    /// Alive while this port is.
    pub watch_port: Option<PortNo>,
    /// Alive while this group is.
    pub watch_group: Option<u32>,
}

/// A change to a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupMod {
    /// What to do.
    pub command: GroupCommand,
    /// How it uses its buckets.
    pub kind: GroupType,
    /// The group's number.
    pub id: u32,
    /// Its buckets; none when deleting.
    pub buckets: Vec<Bucket>,
}

impl GroupMod {
    pub(super) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.put_u16(self.command as u16);
        out.put_u8(self.kind as u8);
        out.put_u8(0);
        out.put_u32(self.id);
        if version >= Version::V1_5 {
            return self.encode_buckets_1_5(out);
        }
        for bucket in &self.buckets {
            bucket.encode_1_4(out)?;
        }
        Ok(())
    }

    fn encode_buckets_1_5(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let lengths = out.len();
        out.put_bytes(0, 4);
        out.put_u32(ALL_BUCKETS);
        let start = out.len();
        for (id, bucket) in (0..).zip(&self.buckets) {
            bucket.encode_1_5(id, out)?;
        }
        put_length(out, lengths, start, "the buckets of a group")
    }
}

impl Bucket {
    /// A bucket that is not watched and has no weight.
    #[must_use]
    pub fn new(actions: Vec<Action>) -> Bucket {
        Bucket {
            actions,
            weight: 0,
            watch_port: None,
            watch_group: None,
        }
    }

    fn encode_1_4(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.put_u16(0); // the length, set below
        out.put_u16(self.weight);
        out.put_u32(self.watch_port.unwrap_or(PortNo::ANY).0);
        out.put_u32(self.watch_group.unwrap_or(ANY_GROUP));
        out.put_bytes(0, 4);
        Action::encode_list(&self.actions, Version::V1_4, out)?;
        set_length(out, start, 0, "a bucket")
    }

    fn encode_1_5(&self, id: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.put_bytes(0, 4); // both lengths, set below
        out.put_u32(id);
        let actions = out.len();
        Action::encode_list(&self.actions, Version::V1_5, out)?;
        put_length(out, start + 2, actions, "the actions of a bucket")?;
        put_property(bucket::WEIGHT, u32::from(self.weight) << 16, out);
        if let Some(port) = self.watch_port {
            put_property(bucket::WATCH_PORT, port.0, out);
        }
        if let Some(group) = self.watch_group {
            put_property(bucket::WATCH_GROUP, group, out);
        }
        pad8(out, start);
        set_length(out, start, 0, "a bucket")
    }
}

fn put_property(kind: u16, value: u32, out: &mut Vec<u8>) {
    out.put_u16(kind);
    out.put_u16(8);
    out.put_u32(value);
}
