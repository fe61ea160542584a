//! `ct` and `nat` in text.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use super::ParseError;
use super::action_parse;
use super::action_print::{Actions, List};
use super::scan::{Pairs, Span};
use super::value::parse_subfield;
use crate::action::{Commit, Ct, Nat, NatTarget, PortChoice, Zone};

/// Protocols that expect further connections, by the port of the first one.
const HELPERS: [(&str, u16); 2] = [("ftp", 21), ("tftp", 69)];

impl Display for Ct {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("ct(")?;
        let mut list = List { f, any: false };
        list.item_if(self.commit != Commit::No, format_args!("commit"))?;
        list.item_if(self.commit == Commit::Force, format_args!("force"))?;
        if let Some(table) = self.table {
            list.item(format_args!("table={table}"))?;
        }
        match self.zone {
            Zone::Fixed(0) => {}
            Zone::Fixed(zone) => list.item(format_args!("zone={zone}"))?,
            Zone::From(part) => list.item(format_args!("zone={part}"))?,
        }
        if let Some(nat) = &self.nat {
            list.item(format_args!("{nat}"))?;
        }
        list.item_if(
            !self.exec.is_empty(),
            format_args!("exec({})", Actions(&self.exec)),
        )?;
        match HELPERS.iter().find(|(_, port)| *port == self.alg) {
            Some((name, _)) => list.item(format_args!("alg={name}"))?,
            None => list.item_if(self.alg != 0, format_args!("alg={}", self.alg))?,
        }
        f.write_str(")")
    }
}

impl Display for Nat {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let target = match self.target {
            NatTarget::Known => return f.write_str("nat"),
            NatTarget::Source => "src",
            NatTarget::Destination => "dst",
        };
        write!(f, "nat({target}")?;
        if let Some((first, last)) = self.addresses {
            let bracket = self.ports.is_some();
            write!(f, "={}", Address(first, bracket))?;
            if let Some(last) = last.filter(|last| *last != first) {
                write!(f, "-{}", Address(last, bracket))?;
            }
        }
        if let Some((first, last)) = self.ports {
            write!(f, ":{first}")?;
            if let Some(last) = last.filter(|last| *last != first) {
                write!(f, "-{last}")?;
            }
        }
        let persistent = if self.persistent { ",persistent" } else { "" };
        let choice = match self.choice {
            PortChoice::Default => "",
            PortChoice::Hash => ",hash",
            PortChoice::Random => ",random",
        };
        write!(f, "{persistent}{choice})")
    }
}

/// An address, in brackets if it is IPv6 and a port follows.
struct Address(IpAddr, bool);

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Address(IpAddr::V6(address), true) => write!(f, "[{address}]"),
            Address(address, _) => write!(f, "{address}"),
        }
    }
}

/// What stands within the parentheses of `ct`.
pub(super) fn parse_ct(text: Span, depth: usize) -> Result<Ct, ParseError> {
    let mut ct = Ct::default();
    let mut force = None;
    for pair in Pairs::new(text) {
        let pair = pair?;
        let value = pair.value;
        match pair.key.text() {
            "commit" => ct.commit = Commit::Yes,
            "force" => force = Some(pair.key),
            "table" => ct.table = Some(value.number()?),
            "zone" => {
                let number = value.number().map(Zone::Fixed);
                ct.zone = number.or_else(|_| parse_zone(value))?;
            }
            "nat" => ct.nat = Some(parse_nat(value)?),
            "exec" => ct.exec = action_parse::actions(value, depth)?,
            "alg" => ct.alg = parse_helper(value)?,
            _ => return Err(pair.error("ct does not have this")),
        }
    }
    match (force, ct.commit) {
        (None, _) => {}
        (Some(word), Commit::No) => return Err(word.error("this needs `commit`")),
        (Some(_), _) => ct.commit = Commit::Force,
    }
    Ok(ct)
}

fn parse_zone(text: Span) -> Result<Zone, ParseError> {
    let part = parse_subfield(text)?;
    match part.bits() {
        16 => Ok(Zone::From(part)),
        _ => Err(text.error("a zone has 16 bits")),
    }
}

fn parse_helper(text: Span) -> Result<u16, ParseError> {
    let named = HELPERS.iter().find(|(name, _)| *name == text.text());
    named.map_or_else(|| text.number(), |(_, port)| Ok(*port))
}

fn parse_nat(text: Span) -> Result<Nat, ParseError> {
    let mut nat = Nat::default();
    for pair in Pairs::new(text) {
        let pair = pair?;
        match pair.key.text() {
            "src" | "dst" if nat.target != NatTarget::Known => {
                return Err(pair.error("this can only be one of src and dst"));
            }
            "src" => {
                nat.target = NatTarget::Source;
                parse_range(&mut nat, pair.value)?;
            }
            "dst" => {
                nat.target = NatTarget::Destination;
                parse_range(&mut nat, pair.value)?;
            }
            "persistent" => nat.persistent = true,
            "hash" => nat.choice = PortChoice::Hash,
            "random" => nat.choice = PortChoice::Random,
            _ => return Err(pair.error("nat does not have this")),
        }
    }
    Ok(nat)
}

/// `first[-last][:port[-port]]`, IPv6 addresses in brackets if a port follows.
fn parse_range(nat: &mut Nat, text: Span) -> Result<(), ParseError> {
    if text.is_empty() {
        return Ok(());
    }
    let (addresses, ports) = split_ports(text);
    nat.addresses = Some(match addresses.split("-") {
        Some((first, last)) => (parse_address(first)?, Some(parse_address(last)?)),
        None => (parse_address(addresses)?, None),
    });
    nat.ports = match ports {
        None => None,
        Some(ports) => Some(match ports.split("-") {
            Some((first, last)) => (first.number()?, Some(last.number()?)),
            None => (ports.number()?, None),
        }),
    };
    Ok(())
}

fn split_ports(text: Span) -> (Span, Option<Span>) {
    let bracketed = text.text().starts_with('[');
    let colons = text.text().matches(':').count();
    // A bare IPv6 address has colons of its own.
    let separator = if bracketed {
        text.text().rfind("]:")
    } else {
        None
    };
    match (separator, colons) {
        (Some(at), _) => {
            let (addresses, ports) = text.split_at(at + 1);
            (addresses, ports.strip(":"))
        }
        (None, 1) => text
            .split(":")
            .map_or((text, None), |(head, tail)| (head, Some(tail))),
        _ => (text, None),
    }
}

fn parse_address(text: Span) -> Result<IpAddr, ParseError> {
    let bare = text.text().trim_start_matches('[').trim_end_matches(']');
    bare.parse()
        .map_err(|_| text.error("this is not an IP address"))
}
