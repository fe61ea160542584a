//! Fields: what a flow can match on and what actions read and write. `field/table.rs`
//! has one row for each; everything else here looks things up in it.

mod header;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use header::{Dialect, check_mask};
pub use table::Field;

/// What is known of a field.
#[derive(Debug)]
pub struct FieldInfo {
    /// Its names: the first is how `ovs-ofctl` prints it in a match, the last how it
    /// prints it in `set_field`.
    pub names: &'static [&'static str],
    /// How it is named on the wire, oldest first.
    pub headers: &'static [Header],
    /// Length of a value on the wire in bytes, at most 16.
    pub bytes: usize,
    /// How many of its low bits mean something.
    pub bits: u16,
    /// What masks it takes.
    pub masking: Masking,
    /// How text shows a value.
    pub format: Format,
    /// What else has to be matched on.
    pub prerequisite: Prerequisite,
}

/// An OXM or NXM header without its length and mask bit (OpenFlow 1.5 section 7.2.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `oxm_class`: 0x0000 and 0x0001 are Nicira's, 0x8000 is OpenFlow's.
    pub class: u16,
    /// `oxm_field`, 7 bits.
    pub number: u8,
    /// The experimenter's id that follows when the class is 0xffff.
    pub experimenter: Option<u32>,
    /// The version byte of the first OpenFlow that has this header; 0: all.
    pub since: u8,
    /// Its name in Open vSwitch's documentation, used in text for subfields.
    pub symbol: &'static str,
}

/// What masks a field takes in a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Masking {
    /// None: it is matched whole or not at all.
    Whole,
    /// Any.
    Bits,
    /// Any; and where the mask is all the bits that mean something, it is written too.
    Explicit,
}

/// How text shows a value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `10`
    Decimal,
    /// `0xa`
    Hexadecimal,
    /// `02:00:00:00:00:0a`
    Ethernet,
    /// `10.0.0.1`
    Ipv4,
    /// `fe80::1`
    Ipv6,
    /// A port number, or the name of a reserved port.
    Port,
    /// `+trk+est`
    CtState,
    /// `+syn-ack`
    TcpFlags,
    /// `+oam`
    TunnelFlags,
    /// `no`, `yes`, `first`, `later`, `not_later`
    Fragment,
}

/// What has to be matched on for a field to exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prerequisite {
    /// Nothing.
    Nothing,
    /// A VLAN tag.
    Vlan,
    /// Ethernet type 0x8847 or 0x8848.
    Mpls,
    /// Ethernet type 0x0800.
    Ipv4,
    /// Ethernet type 0x86dd.
    Ipv6,
    /// IPv4 or IPv6.
    Ip,
    /// Ethernet type 0x0806 or 0x8035.
    Arp,
    /// IP protocol 6.
    Tcp,
    /// IP protocol 17.
    Udp,
    /// IP protocol 132.
    Sctp,
    /// IPv4, protocol 1.
    Icmpv4,
    /// IPv6, protocol 58.
    Icmpv6,
    /// ICMPv6 of type 135 or 136, code 0.
    Nd,
    /// ICMPv6 of type 135, code 0.
    NdSolicit,
    /// ICMPv6 of type 136, code 0.
    NdAdvert,
    /// A `ct_state` that only packets of a known connection have.
    Ct,
    /// The same, and IPv4.
    CtIpv4,
    /// The same, and IPv6.
    CtIpv6,
    /// The same, and `ct_nw_proto`.
    CtProtocol,
}

/// The class of headers that carry an experimenter's id.
const EXPERIMENTER: u16 = 0xffff;

/// The classes whose fields are found by number alone.
const CLASSES: [u16; 4] = [0x0000, 0x0001, 0x8000, 0x8001];

/// For each of [`CLASSES`], the field of each number.
static BY_NUMBER: [[Option<Field>; 128]; 4] = index_by_number();

const fn index_by_number() -> [[Option<Field>; 128]; 4] {
    let mut index = [[None; 128]; 4];
    let mut class = 0;
    while class < CLASSES.len() {
        index[class] = numbers_of(CLASSES[class]);
        class += 1;
    }
    index
}

/// Loops by hand because iterators do not run at compile time.
const fn numbers_of(class: u16) -> [Option<Field>; 128] {
    let mut numbers = [None; 128];
    let mut row = 0;
    while row < table::ALL.len() {
        let headers = table::HEADERS[row];
        let mut at = 0;
        while at < headers.len() {
            if headers[at].class == class {
                numbers[headers[at].number as usize] = Some(table::ALL[row]);
            }
            at += 1;
        }
        row += 1;
    }
    numbers
}

impl Field {
    /// Every field, in canonical order.
    pub const ALL: &'static [Field] = table::ALL;

    /// The row of this field.
    pub fn info(self) -> &'static FieldInfo {
        &table::ROWS[self as usize]
    }

    /// The name `ovs-ofctl` prints in a match.
    pub fn name(self) -> &'static str {
        self.info().names[0]
    }

    /// The name `ovs-ofctl` prints in `set_field`.
    pub fn set_name(self) -> &'static str {
        let names = self.info().names;
        names[names.len() - 1]
    }

    /// The name that subfields have in text, such as `NXM_NX_REG0`.
    pub fn symbol(self) -> &'static str {
        self.info().headers[0].symbol
    }

    /// The first field of this name (`nw_src`, `ip_src`) or symbol (`NXM_OF_IP_SRC`).
    /// `tp_src` and its like are TCP's here: only a whole match can tell.
    pub fn from_name(name: &str) -> Option<Field> {
        let named = |field: &&Field| {
            let info = field.info();
            info.names.contains(&name) || info.headers.iter().any(|h| h.symbol == name)
        };
        Field::ALL.iter().find(named).copied()
    }

    /// The mask that means "all of it".
    pub fn full_mask(self) -> u128 {
        low_bits(self.info().bits)
    }

    /// Register `n`, of 0 to 15.
    pub fn reg(n: usize) -> Option<Field> {
        register(Field::Reg0, 16, n)
    }

    /// Which of the 32-bit registers this is.
    pub fn reg_number(self) -> Option<usize> {
        let number = (self as usize).checked_sub(Field::Reg0 as usize)?;
        (number < 16).then_some(number)
    }

    /// The 32-bit registers a wider one consists of, the most significant first, by their
    /// numbers; empty for every other field.
    pub fn reg_parts(self) -> std::ops::Range<usize> {
        let at = self as usize;
        if let Some(n) = at.checked_sub(Field::Xxreg0 as usize) {
            return n * 4..n * 4 + 4;
        }
        match at.checked_sub(Field::Xreg0 as usize) {
            Some(n) => n * 2..n * 2 + 2,
            None => 0..0,
        }
    }

    /// The 64-bit register `n`, of 0 to 7: reg(2n) above reg(2n+1).
    pub fn xreg(n: usize) -> Option<Field> {
        register(Field::Xreg0, 8, n)
    }

    /// The 128-bit register `n`, of 0 to 3.
    pub fn xxreg(n: usize) -> Option<Field> {
        register(Field::Xxreg0, 4, n)
    }

    /// The field with this header.
    fn from_header(class: u16, number: u8, experimenter: Option<u32>) -> Option<Field> {
        if let Some(at) = CLASSES.iter().position(|&known| known == class) {
            return BY_NUMBER[at][usize::from(number & 0x7f)];
        }
        let is = |h: &Header| (h.class, h.number, h.experimenter) == (class, number, experimenter);
        let of = |field: &&Field| field.info().headers.iter().any(is);
        Field::ALL.iter().find(of).copied()
    }
}

fn register(first: Field, count: usize, n: usize) -> Option<Field> {
    Field::ALL[first as usize..first as usize + count]
        .get(n)
        .copied()
}

/// A mask of this many low bits, at most 128.
pub(crate) fn low_bits(bits: u16) -> u128 {
    match 128u32.checked_sub(u32::from(bits)) {
        Some(128) => 0,
        Some(unused) => u128::MAX >> unused,
        None => u128::MAX,
    }
}
