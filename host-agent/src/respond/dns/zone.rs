//! What the names of a network's ports stand for, and the names of their addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{DomainName, Handout};

use super::super::{PortConfig, options};
use super::message::{Query, Records};

/// Types of records (RFC 1035 §3.2.2; AAAA: RFC 3596).
mod kind {
    pub(super) const A: u16 = 1;
    pub(super) const SOA: u16 = 6;
    pub(super) const PTR: u16 = 12;
    pub(super) const AAAA: u16 = 28;
    pub(super) const ANY: u16 = 255;
}

/// Types that are not about a name but about a whole zone or a connection: nobody is asked for them.
const META: std::ops::RangeInclusive<u16> = 249..=254;

/// Who knows.
pub(super) enum Answer {
    /// The plan does.
    Here(Records),
    /// Somebody else may.
    Elsewhere,
    /// Nobody is asked for it.
    Nowhere,
}

pub(super) fn answer(query: &Query<'_>, handout: &Handout, port: &PortConfig<'_>) -> Answer {
    if !query.is_plain() || META.contains(&query.kind()) {
        return Answer::Nowhere;
    }
    let Some(domain) = handout.domain.as_ref().filter(|_| handout.dns_names) else {
        return Answer::Elsewhere;
    };
    if let Some(address) = address_of(query.labels()) {
        let is_ours = port.subnets.iter().any(|it| it.cidr.contains(&address));
        return match is_ours {
            true => Answer::Here(name_of(address, query, domain, port)),
            false => Answer::Elsewhere,
        };
    }
    let zone: Vec<&str> = domain.labels().collect();
    let Some(own) = query.labels().len().checked_sub(zone.len()) else {
        return Answer::Elsewhere;
    };
    let (own, rest) = query.labels().split_at(own);
    let mut both = rest.iter().zip(&zone);
    if !both.all(|(asked, known)| asked.eq_ignore_ascii_case(known.as_bytes())) {
        return Answer::Elsewhere;
    }
    Answer::Here(addresses_of(own, query, domain, port))
}

/// The addresses of all ports of this name.
fn addresses_of(
    own: &[&[u8]],
    query: &Query<'_>,
    domain: &DomainName,
    port: &PortConfig<'_>,
) -> Records {
    let authority = Some((options::wire_name(domain), start_of_authority(domain)));
    let is_asked = |kind: u16| query.kind() == kind || query.kind() == kind::ANY;
    let mut records = Records {
        is_absent: !own.is_empty(),
        found: Vec::new(),
        authority,
    };
    if own.is_empty() && is_asked(kind::SOA) {
        records.found.push((kind::SOA, start_of_authority(domain)));
    }
    let [label] = own else {
        return records;
    };
    let named = port.names.iter();
    for it in named.filter(|it| label.eq_ignore_ascii_case(it.name.as_str().as_bytes())) {
        records.is_absent = false;
        for address in &*it.addresses {
            match address {
                IpAddr::V4(it) if is_asked(kind::A) => {
                    records.found.push((kind::A, it.octets().to_vec()));
                }
                IpAddr::V6(it) if is_asked(kind::AAAA) => {
                    records.found.push((kind::AAAA, it.octets().to_vec()));
                }
                _ => {}
            }
        }
    }
    records
}

/// The name of the port that has this address.
fn name_of(
    address: IpAddr,
    query: &Query<'_>,
    domain: &DomainName,
    port: &PortConfig<'_>,
) -> Records {
    let mut named = port.names.iter();
    let found = named.find(|it| it.addresses.contains(&address));
    let is_asked = [kind::PTR, kind::ANY].contains(&query.kind());
    let name = found.filter(|_| is_asked).map(|it| {
        let mut name = vec![u8::try_from(it.name.as_str().len()).unwrap_or(0)];
        name.extend(it.name.as_str().as_bytes());
        name.extend(options::wire_name(domain));
        (kind::PTR, name)
    });
    Records {
        is_absent: found.is_none(),
        found: name.into_iter().collect(),
        authority: None,
    }
}

/// The data of the zone's start of authority: "no" holds for as long as anything else.
fn start_of_authority(domain: &DomainName) -> Vec<u8> {
    const SERIAL: u32 = 1;
    const TIMES: [u32; 4] = [3600, 600, 86_400, 30];
    let name = options::wire_name(domain);
    let mut data = [&name[..], &name].concat();
    for number in [SERIAL].iter().chain(&TIMES) {
        data.extend(number.to_be_bytes());
    }
    data
}

/// The address that a name below `in-addr.arpa` or `ip6.arpa` stands for.
fn address_of(labels: &[&[u8]]) -> Option<IpAddr> {
    let (reversed, root) = labels.split_at_checked(labels.len().checked_sub(2)?)?;
    let is = |text: &[u8]| root[0].eq_ignore_ascii_case(text);
    if !root[1].eq_ignore_ascii_case(b"arpa") {
        return None;
    }
    if is(b"in-addr") {
        let [d, c, b, a]: [&[u8]; 4] = reversed.try_into().ok()?;
        let octets = [decimal(a)?, decimal(b)?, decimal(c)?, decimal(d)?];
        return Some(Ipv4Addr::from(octets).into());
    }
    let digits: [&[u8]; 32] = reversed.try_into().ok()?;
    if !is(b"ip6") {
        return None;
    }
    let mut digits = digits.iter().rev();
    let bits = digits.try_fold(0u128, |bits, digit| Some(bits << 4 | hexadecimal(digit)?));
    Some(Ipv6Addr::from(bits?).into())
}

fn decimal(label: &[u8]) -> Option<u8> {
    let digits = label.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(label).ok().filter(|_| digits)?;
    text.parse().ok()
}

fn hexadecimal(label: &[u8]) -> Option<u128> {
    let [digit] = label else { return None };
    char::from(*digit).to_digit(16).map(Into::into)
}
