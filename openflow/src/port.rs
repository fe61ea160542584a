//! Port numbers, with the reserved ones by name (OpenFlow 1.5 section 7.2.1.2).

use std::fmt;

/// An OpenFlow port number, 32 bits wide as in OpenFlow 1.1 and later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortNo(pub u32);

/// The reserved ports and what `ovs-ofctl` calls them.
const RESERVED: [(PortNo, &str); 9] = [
    (PortNo::UNSET, "UNSET"),
    (PortNo::IN_PORT, "IN_PORT"),
    (PortNo::TABLE, "TABLE"),
    (PortNo::NORMAL, "NORMAL"),
    (PortNo::FLOOD, "FLOOD"),
    (PortNo::ALL, "ALL"),
    (PortNo::CONTROLLER, "CONTROLLER"),
    (PortNo::LOCAL, "LOCAL"),
    (PortNo::ANY, "ANY"),
];

impl PortNo {
    /// No output port in the action set.
    pub const UNSET: PortNo = PortNo(0xffff_fff7);
    /// Back to where the packet came from.
    pub const IN_PORT: PortNo = PortNo(0xffff_fff8);
    /// Through the flow tables, from the first one.
    pub const TABLE: PortNo = PortNo(0xffff_fff9);
    /// As a plain learning switch would.
    pub const NORMAL: PortNo = PortNo(0xffff_fffa);
    /// Every port but the packet's own and those that may not flood.
    pub const FLOOD: PortNo = PortNo(0xffff_fffb);
    /// Every port but the packet's own.
    pub const ALL: PortNo = PortNo(0xffff_fffc);
    /// The controllers.
    pub const CONTROLLER: PortNo = PortNo(0xffff_fffd);
    /// The bridge's own port.
    pub const LOCAL: PortNo = PortNo(0xffff_fffe);
    /// Any port, or none: a wildcard in requests.
    pub const ANY: PortNo = PortNo(0xffff_ffff);

    /// The port with this 16-bit number, as Nicira's extensions write it. The reserved
    /// numbers are the same ones, shortened.
    pub const fn from_u16(number: u16) -> PortNo {
        if number >= 0xff00 {
            PortNo(0xffff_0000 | number as u32)
        } else {
            PortNo(number as u32)
        }
    }

    /// The 16-bit number of this port, if it has one.
    pub fn to_u16(self) -> Option<u16> {
        match self.0 {
            number @ (0..0xff00 | 0xffff_ff00..) => u16::try_from(number & 0xffff).ok(),
            _ => None,
        }
    }

    /// The reserved port of this name, whatever its case; `NONE` is another name of `ANY`.
    pub fn from_name(name: &str) -> Option<PortNo> {
        if name.eq_ignore_ascii_case("NONE") {
            return Some(PortNo::ANY);
        }
        let found = RESERVED
            .iter()
            .find(|(_, known)| name.eq_ignore_ascii_case(known));
        found.map(|(port, _)| *port)
    }

    /// The name of a reserved port.
    pub fn name(self) -> Option<&'static str> {
        let found = RESERVED.iter().find(|(port, _)| *port == self);
        found.map(|(_, name)| *name)
    }
}

impl From<u32> for PortNo {
    fn from(number: u32) -> Self {
        PortNo(number)
    }
}

impl fmt::Display for PortNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_the_same_in_16_and_32_bits() {
        for number in [0, 1, 0xfeff, 0xff00, 0xfff8, 0xfffe, 0xffff] {
            assert_eq!(PortNo::from_u16(number).to_u16(), Some(number));
        }
        assert_eq!(PortNo::from_u16(0xfffe), PortNo::LOCAL);
        assert_eq!(PortNo(0xff00).to_u16(), None);
        assert_eq!(PortNo(0x1_0000).to_u16(), None);
    }

    #[test]
    fn a_reserved_port_has_a_name() {
        for (port, name) in RESERVED {
            assert_eq!(port.to_string(), name);
            assert_eq!(PortNo::from_name(&name.to_lowercase()), Some(port));
        }
        assert_eq!(PortNo::from_name("none"), Some(PortNo::ANY));
        assert_eq!(PortNo(7).to_string(), "7");
    }
}
