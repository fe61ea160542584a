//! A frame's VLAN tags.

use super::{ADDRESSES, Frame};
use crate::protocol::ETH_VLAN;

/// VLAN tags that can be known of at once, by parsing one and pushing others.
const MAX_TAGS: usize = 2;
/// "There is a tag", in a tag's 16 bits and in the field `vlan_vid`.
const PRESENT: u16 = 0x1000;

impl Frame {
    /// The outermost tag's 16 bits with bit 12 set; 0 without a tag.
    pub(super) fn tag(&self) -> u16 {
        let tag = self.u16(ADDRESSES + 2).filter(|_| self.tags > 0);
        tag.map_or(0, |tag| tag | PRESENT)
    }

    /// Writes bits of the outermost tag; bit 12 says whether there shall be one.
    pub(super) fn set_tag(&mut self, value: u128, mask: u128) {
        let old = u128::from(self.tag());
        let new = u16::try_from((old & !mask | value & mask) & 0xffff).unwrap_or_default();
        if u128::from(new) == old {
            return;
        }
        match (new & PRESENT != 0, self.tags > 0) {
            (true, false) => self.push_tag(ETH_VLAN),
            (false, true) => return self.pop_tag(),
            (false, false) => return,
            (true, true) => {}
        }
        self.bytes[ADDRESSES + 2..ADDRESSES + 4].copy_from_slice(&(new & !PRESENT).to_be_bytes());
    }

    /// Pushes a tag of this Ethernet type, with VLAN id and priority 0.
    pub(in crate::table) fn push_tag(&mut self, eth_type: u16) {
        if !self.is_ethernet() {
            return;
        }
        if self.tags == MAX_TAGS {
            // Open vSwitch forgets the innermost one.
            let innermost = ADDRESSES + 4 * (MAX_TAGS - 1);
            self.bytes.drain(innermost..innermost + 4);
            self.tags -= 1;
            self.shift(|at| at - 4);
        }
        let [high, low] = eth_type.to_be_bytes();
        self.bytes.splice(ADDRESSES..ADDRESSES, [high, low, 0, 0]);
        self.tags += 1;
        self.shift(|at| at + 4);
    }

    /// Pops the outermost tag, if one is known of.
    pub(in crate::table) fn pop_tag(&mut self) {
        if self.tags == 0 {
            return;
        }
        self.bytes.drain(ADDRESSES..ADDRESSES + 4);
        self.tags -= 1;
        self.shift(|at| at - 4);
    }

    /// Moves the places of all headers behind the tags.
    fn shift(&mut self, to: impl Fn(usize) -> usize) {
        self.network = to(self.network);
        self.transport = self.transport.map(&to);
        if let Some(nd) = &mut self.nd {
            for at in [
                &mut nd.target,
                &mut nd.source_address,
                &mut nd.target_address,
            ] {
                *at = at.map(&to);
            }
        }
    }
}
