//! Who is where in the switch: ports by number, and numbers by port.

use std::sync::Arc;

use model::{NetworkNumber, PortId, SecurityGroupNumber, VlanId};
use openflow::PortNo;
use openflow::protocol::ETH_VLAN;

use super::Known;
use crate::pipeline::GroupView;
use crate::wanted::Exit;

impl Known {
    /// Where a port is plugged, and the tag that its trunk knows it by.
    #[must_use]
    pub fn place(&self, id: PortId) -> Option<(PortNo, Option<VlanId>)> {
        let mut ports = self.ports.iter();
        let ((port, _), _) = ports.find(|(_, other)| **other == id)?;
        Some((*port, self.tag(id)))
    }

    /// The port of this network that is plugged there.
    #[must_use]
    pub fn port_at(&self, port: PortNo, network: NetworkNumber) -> Option<PortId> {
        self.ports.get(&(port, network)).copied()
    }

    /// The port whose connections are tracked in this zone.
    #[must_use]
    pub fn port_of_zone(&self, zone: u16) -> Option<PortId> {
        self.zones.get(&zone).copied()
    }

    /// The security group with this number.
    #[must_use]
    pub fn security_group(&self, number: SecurityGroupNumber) -> Option<&Arc<GroupView>> {
        let mut groups = self.wanted.security_groups.values();
        groups.find(|group| group.number == number)
    }

    /// The port that a frame which leaves there is for: a trunk's sub-ports are told apart by its tag.
    #[must_use]
    pub fn port_behind(&self, port: PortNo, frame: &[u8]) -> Option<PortId> {
        let kind = frame.get(12..16).and_then(|it| it.first_chunk::<4>());
        let tag = kind.filter(|it| it[..2] == ETH_VLAN.to_be_bytes());
        let tag = tag.map(|it| u16::from_be_bytes([it[2], it[3]]) & 0xfff);
        let mut there = self.ports.iter().filter(|((it, _), _)| *it == port);
        let found = there.find(|(_, id)| self.tag(**id).map(VlanId::get) == tag);
        found.map(|(_, id)| *id)
    }

    /// The way out that leads to other hosts by this number.
    #[must_use]
    pub fn exit_at(&self, port: PortNo) -> Option<Exit> {
        let mut exits = self.exits.iter();
        exits.find(|(_, it)| **it == port).map(|(exit, _)| *exit)
    }

    /// The number of a way out.
    #[must_use]
    pub fn exit(&self, exit: Exit) -> Option<PortNo> {
        self.exits.get(&exit).copied()
    }

    fn tag(&self, id: PortId) -> Option<VlanId> {
        self.wanted.ports.get(&id)?.on_trunk.map(|it| it.vlan)
    }
}
