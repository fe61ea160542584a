//! Values of fields, and parts of fields, in text.

use std::fmt::{self, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::ParseError;
use super::scan::Span;
use crate::PortNo;
use crate::action::Subfield;
use crate::field::{Field, Format, low_bits};
use crate::matching::{CtState, Value};

/// `0x2a`, but `0` for zero.
pub(super) struct Hex(pub(super) u128);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            number => write!(f, "{number:#x}"),
        }
    }
}

const TCP_FLAGS: [(u128, &str); 12] = [
    (0x001, "fin"),
    (0x002, "syn"),
    (0x004, "rst"),
    (0x008, "psh"),
    (0x010, "ack"),
    (0x020, "urg"),
    (0x040, "ece"),
    (0x080, "cwr"),
    (0x100, "ns"),
    (0x200, "[200]"),
    (0x400, "[400]"),
    (0x800, "[800]"),
];

const TUNNEL_FLAGS: [(u128, &str); 1] = [(1, "oam")];

/// Fragments by name, with value and mask: bit 0 is any fragment, bit 1 a later one.
const FRAGMENTS: [(&str, u128, u128); 5] = [
    ("no", 0, 3),
    ("yes", 1, 1),
    ("first", 1, 3),
    ("later", 3, 3),
    ("not_later", 0, 2),
];

fn flags_of(format: Format) -> &'static [(u128, &'static str)] {
    match format {
        Format::CtState => &CtState::NAMES,
        Format::TcpFlags => &TCP_FLAGS,
        Format::TunnelFlags => &TUNNEL_FLAGS,
        _ => &[],
    }
}

/// Prints a value, and a mask that is not the whole field.
pub(super) fn write_value(
    f: &mut Formatter<'_>,
    field: Field,
    value: u128,
    mask: u128,
) -> fmt::Result {
    let info = field.info();
    let exact = mask == field.full_mask();
    match info.format {
        Format::Port if exact && field == Field::InPort16 => {
            let number = (value & 0xffff) as u16;
            write!(f, "{}", PortNo::from_u16(number))
        }
        Format::Port if exact => {
            let number = (value & 0xffff_ffff) as u32;
            write!(f, "{}", PortNo(number))
        }
        Format::Ethernet => {
            write_ethernet(f, value)?;
            write_mask(f, exact, |f| write_ethernet(f, mask))
        }
        Format::Ipv4 => write_address(f, ipv4(value), mask, 32, ipv4),
        Format::Ipv6 => write_address(f, Ipv6Addr::from(value), mask, 128, Ipv6Addr::from),
        Format::CtState | Format::TcpFlags | Format::TunnelFlags => {
            write_flags(f, field, value, mask)
        }
        Format::Fragment => match FRAGMENTS.iter().find(|(_, v, m)| (*v, *m) == (value, mask)) {
            Some((name, ..)) => f.write_str(name),
            None => write!(f, "{}/{}", Hex(value), Hex(mask)),
        },
        Format::Hexadecimal => {
            write!(f, "{}", Hex(value))?;
            write_mask(f, exact, |f| write!(f, "{}", Hex(mask)))
        }
        Format::Decimal | Format::Port => {
            write!(f, "{value}")?;
            write_mask(f, exact, |f| write!(f, "{}", Hex(mask)))
        }
    }
}

fn write_mask(
    f: &mut Formatter<'_>,
    exact: bool,
    mask: impl FnOnce(&mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    if exact {
        return Ok(());
    }
    f.write_str("/")?;
    mask(f)
}

fn write_ethernet(f: &mut Formatter<'_>, address: u128) -> fmt::Result {
    let bytes = address.to_be_bytes();
    for (at, byte) in bytes[10..].iter().enumerate() {
        let colon = if at == 0 { "" } else { ":" };
        write!(f, "{colon}{byte:02x}")?;
    }
    Ok(())
}

fn ipv4(value: u128) -> Ipv4Addr {
    Ipv4Addr::from((value & 0xffff_ffff) as u32)
}

/// Prints an address with a prefix length, or with a mask that is no prefix.
fn write_address<A: fmt::Display>(
    f: &mut Formatter<'_>,
    address: A,
    mask: u128,
    width: u16,
    mask_as_address: impl Fn(u128) -> A,
) -> fmt::Result {
    let length = width - (mask.trailing_zeros().min(u32::from(width)) & 0xff) as u16;
    let is_prefix = mask == low_bits(width) & !low_bits(width - length);
    match (is_prefix, length == width) {
        (true, true) => write!(f, "{address}"),
        (true, false) => write!(f, "{address}/{length}"),
        (false, _) => write!(f, "{address}/{}", mask_as_address(mask)),
    }
}

/// Prints `+trk-new`; all flags at once as `est|trk`.
fn write_flags(f: &mut Formatter<'_>, field: Field, value: u128, mask: u128) -> fmt::Result {
    let names = flags_of(field.info().format);
    // One flag alone is a sign and a name even if it is all there is.
    let all = mask == field.full_mask() && names.len() > 1;
    if all && value == 0 {
        return f.write_str("0");
    }
    let shown = if all { value } else { mask };
    let mut separator = "";
    for (bit, name) in names.iter().filter(|(bit, _)| shown & bit != 0) {
        let sign = match (all, value & bit != 0) {
            (true, _) => std::mem::replace(&mut separator, "|"),
            (false, true) => "+",
            (false, false) => "-",
        };
        write!(f, "{sign}{name}")?;
    }
    Ok(())
}

/// A value and its mask. Without a mask it is the whole field.
pub(super) fn parse_value(field: Field, text: Span) -> Result<(u128, u128), ParseError> {
    let format = field.info().format;
    if matches!(
        format,
        Format::CtState | Format::TcpFlags | Format::TunnelFlags
    ) {
        return parse_flags(field, text);
    }
    if format == Format::Fragment {
        let named = FRAGMENTS.iter().find(|(name, ..)| *name == text.text());
        if let Some((_, value, mask)) = named {
            return Ok((*value, *mask));
        }
    }
    let full = field.full_mask();
    let Some((value, mask)) = text.split("/") else {
        return Ok((parse_one(field, text)?, full));
    };
    let prefix = match format {
        Format::Ipv4 | Format::Ipv6 => mask.number::<u16>().ok(),
        _ => None,
    };
    let mask = match prefix {
        Some(length) => {
            let host = field.info().bits.checked_sub(length);
            let host = host.ok_or_else(|| mask.error("this prefix is too long"))?;
            full & !low_bits(host)
        }
        None => parse_one(field, mask)?,
    };
    Ok((parse_one(field, value)?, mask))
}

/// A value alone.
pub(super) fn parse_one(field: Field, text: Span) -> Result<u128, ParseError> {
    let value = match field.info().format {
        Format::Ethernet => parse_ethernet(text)?,
        Format::Ipv4 => {
            let address = text.text().parse::<Ipv4Addr>();
            let address = address.map_err(|_| text.error("this is not an IPv4 address"))?;
            Value::from(address).0
        }
        Format::Ipv6 => {
            let address = text.text().parse::<Ipv6Addr>();
            let address = address.map_err(|_| text.error("this is not an IPv6 address"))?;
            Value::from(address).0
        }
        Format::Port => {
            let port = PortNo::from_name(text.text());
            port.map_or_else(|| text.number(), |port| Ok(port.0.into()))?
        }
        _ => text.number()?,
    };
    // The 16-bit numbers of the reserved ports are their low bits.
    let value = match field {
        Field::InPort16 => value & 0xffff,
        _ => value,
    };
    if value & !field.full_mask() != 0 {
        return Err(text.error(format!("this does not fit into {}", field.name())));
    }
    Ok(value)
}

fn parse_ethernet(text: Span) -> Result<u128, ParseError> {
    let parts = text.text().split(':');
    let byte = |part: &str| match part.len() {
        1 | 2 => u8::from_str_radix(part, 16).ok(),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = parts.map(byte).collect();
    let bytes = bytes.and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| text.error("this is not an Ethernet address"))?;
    Ok(Value::from(bytes).0)
}

fn parse_flags(field: Field, text: Span) -> Result<(u128, u128), ParseError> {
    let unknown = || text.error(format!("this is not a {}", field.name()));
    let names = flags_of(field.info().format);
    let bit = |name: &str| names.iter().find(|(_, known)| *known == name);
    if text.text().starts_with(['+', '-']) {
        let (mut value, mut mask) = (0, 0);
        for word in text.text().split_inclusive(['+', '-']).skip(1) {
            let name = word.trim_end_matches(['+', '-']);
            mask |= bit(name).ok_or_else(unknown)?.0;
        }
        for word in text.text().split('+').skip(1) {
            let name = word.split('-').next().unwrap_or_default();
            value |= bit(name).ok_or_else(unknown)?.0;
        }
        return Ok((value, mask));
    }
    if let Some((value, mask)) = text.split("/") {
        return Ok((value.number()?, mask.number()?));
    }
    let mut value = 0;
    for word in text.text().split('|') {
        value |= match bit(word) {
            Some((bit, _)) => *bit,
            None => Span::new(word).number().map_err(|_| unknown())?,
        };
    }
    match value & !field.full_mask() {
        0 => Ok((value, field.full_mask())),
        _ => Err(unknown()),
    }
}

/// Prints `NXM_NX_REG0[]`, `NXM_NX_REG0[3]` or `NXM_NX_REG0[0..7]`.
impl fmt::Display for Subfield {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (symbol, first) = (self.field.symbol(), self.offset);
        match self.bits {
            _ if self.is_whole() => write!(f, "{symbol}[]"),
            1 => write!(f, "{symbol}[{first}]"),
            bits => write!(f, "{symbol}[{first}..{}]", first + bits - 1),
        }
    }
}

/// A part of a field; the brackets may be left out for all of it.
pub(super) fn parse_subfield(text: Span) -> Result<Subfield, ParseError> {
    let (name, range) = match text.split("[") {
        Some((name, range)) => {
            let range = range.split("]").filter(|(_, behind)| behind.is_empty());
            let unclosed = || text.error("this has no `]` at its end");
            (name, range.ok_or_else(unclosed)?.0)
        }
        None => (text, Span::new("")),
    };
    let unknown = || name.error("this field is not known");
    let field = Field::from_name(name.text()).ok_or_else(unknown)?;
    if range.is_empty() {
        return Ok(Subfield::whole(field));
    }
    let (first, last) = match range.split("..") {
        Some((first, last)) => (first.number::<u16>()?, last.number::<u16>()?),
        None => (range.number()?, range.number()?),
    };
    let bits = last.checked_sub(first).and_then(|bits| bits.checked_add(1));
    let part = bits.and_then(|bits| Subfield::new(field, first, bits));
    part.ok_or_else(|| range.error("the field does not have these bits"))
}
