//! The resolver behind a subnet's gateway: names of the network's ports are answered from the plan,
//! everything else may be asked elsewhere.
//!
//! ```text
//!   query ---> respond ---> Reply::Frame: a name of the network, or no
//!                     \---> Reply::Ask: what to ask another resolver, and what to make of its answer
//! ```
//!
//! A query is one question over UDP and at most one EDNS record (RFC 6891); anything else is dropped.
//! What others answer is not looked into beyond its header and its question: it goes on as it came,
//! or as a truncated answer if the port cannot take it.

mod message;
mod zone;

use std::net::IpAddr;
use std::sync::Arc;

use model::{DomainName, Handout, MacAddr};

use super::frame::{self, Ethernet, Udp};
use super::{PortConfig, Reply};
use message::Query;
use zone::Answer;

pub(super) const PORT: u16 = 53;

/// The largest answer that is sent whole: what passes every path unfragmented (RFC 9715 §3.2).
const ANSWER_MAX: u16 = 1232;
/// IPv6 and UDP headers, the larger ones.
const HEADERS: u16 = 48;

/// A port of a network, as names lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPort {
    /// What it is called: one label.
    pub name: DomainName,
    /// Its addresses.
    pub addresses: Arc<[IpAddr]>,
}

/// What must be asked elsewhere on behalf of a port.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Whom to ask, in this order, until one answers.
    pub resolvers: Vec<IpAddr>,
    back: Way,
    query: Vec<u8>,
    limit: usize,
}

/// The way back to who asked.
#[derive(Clone, Copy, Debug)]
struct Way {
    gateway_mac: MacAddr,
    mac: MacAddr,
    from: IpAddr,
    to: (IpAddr, u16),
}

pub(super) fn respond(frame: &[u8], port: &PortConfig<'_>) -> Option<Reply> {
    let (way, payload) = read(frame, port)?;
    let handout = handout_of(way.from, port)?;
    let query = Query::decode(payload)?;
    let limit = usize::from(
        query
            .udp_bytes()
            .min(ANSWER_MAX)
            .min(port.mtu.saturating_sub(HEADERS)),
    );
    let answer = match zone::answer(&query, handout, port) {
        Answer::Elsewhere if !handout.dns_forward.is_empty() => {
            return Some(Reply::Ask(Pending {
                resolvers: handout.dns_forward.clone(),
                back: way,
                query: query.whole().to_vec(),
                limit,
            }));
        }
        Answer::Elsewhere | Answer::Nowhere => query.refusal(message::REFUSED),
        Answer::Here(answer) => query.answer(&answer, limit),
    };
    Some(Reply::Frame(way.frame(answer)?))
}

/// Who asks whom, and what.
fn read<'a>(frame: &'a [u8], port: &PortConfig<'_>) -> Option<(Way, &'a [u8])> {
    let way = |from: IpAddr, to: (IpAddr, u16)| Way {
        gateway_mac: port.gateway_mac,
        mac: port.mac,
        from,
        to,
    };
    if let Some(it) = frame::udp_over_ipv4(frame, port.mac) {
        let to = (it.source.0.into(), it.source.1);
        return (it.destination.1 == PORT).then(|| (way(it.destination.0.into(), to), it.payload));
    }
    let it = frame::udp_over_ipv6(frame, port.mac)?;
    let to = (it.source.0.into(), it.source.1);
    (it.destination.1 == PORT).then(|| (way(it.destination.0.into(), to), it.payload))
}

/// What the subnet says whose gateway is asked, if it is a resolver.
fn handout_of<'a>(gateway: IpAddr, port: &PortConfig<'a>) -> Option<&'a Handout> {
    let mut subnets = port.subnets.iter();
    let subnet = subnets.find(|subnet| subnet.gateway == gateway)?;
    subnet.handout.answers_dns().then_some(&subnet.handout)
}

impl Way {
    /// The frame that brings an answer back.
    fn frame(&self, payload: Vec<u8>) -> Option<Vec<u8>> {
        let ethernet = Ethernet {
            source: self.gateway_mac,
            destination: self.mac.octets(),
        };
        match (self.from, self.to.0) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let (source, destination) = ((from, PORT), (to, self.to.1));
                let message = Udp {
                    source,
                    destination,
                    payload,
                };
                frame::with_ipv4(ethernet, &message)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let (source, destination) = ((from, PORT), (to, self.to.1));
                let message = Udp {
                    source,
                    destination,
                    payload,
                };
                frame::with_ipv6(ethernet, &message)
            }
            _ => None,
        }
    }
}

impl Pending {
    /// What to send to a resolver, under a number that nobody can guess.
    #[must_use]
    pub fn question(&self, number: u16) -> Option<Vec<u8>> {
        Some(Query::decode(&self.query)?.forwarded(number, ANSWER_MAX))
    }

    /// Whether this is an answer to the question of that number.
    #[must_use]
    pub fn is_answered_by(&self, answer: &[u8], number: u16) -> bool {
        let query = Query::decode(&self.query);
        query.is_some_and(|query| query.is_answered_by(answer, number))
    }

    /// The frame that brings the resolver's answer, or that there is none, to who asked.
    #[must_use]
    pub fn reply(&self, answer: Option<&[u8]>) -> Option<Vec<u8>> {
        let query = Query::decode(&self.query)?;
        let reply = match answer {
            Some(answer) if answer.len() <= self.limit => query.with_own_number(answer),
            Some(_) => query.truncated(),
            None => query.refusal(message::SERVER_FAILURE),
        };
        self.back.frame(reply)
    }
}
