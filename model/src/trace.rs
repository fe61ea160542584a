//! Traces: what becomes of a packet, table by table and host by host, worked out and not sent.
//!
//! ```text
//!   controller                                   agent of the sender's host
//!      | -- HostTraceRequest {from VIF, frame} ---> |  evaluates the flows that are installed,
//!      | <- HostTraceReply {hops, ends, switch} --- |  and has the switch say the same
//!      |                                                 agent of the receiver's host
//!      | -- HostTraceRequest {from fabric, frame} ------> |  the frame as it came out there
//! ```

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Direction, Encapsulation, HostId, Invalid, NetworkNumber, PhysicalNetworkId, PortId, RuleId,
    SecurityGroupId, SecurityGroupNumber, Vni,
};

/// A frame, from its Ethernet header on; as text in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TracedFrame(Vec<u8>);

impl TracedFrame {
    /// The longest frame that is traced, in bytes: a tag more than the largest MTU.
    pub const BYTES_MAX: usize = 9_216 + 18;

    /// A frame, if it is not too long.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() <= Self::BYTES_MAX).then_some(Self(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TracedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for TracedFrame {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ALLOWED: Invalid = Invalid::new("a frame as hexadecimal digits, two for each byte");
        if text.len() > 2 * Self::BYTES_MAX || !text.len().is_multiple_of(2) {
            return Err(ALLOWED);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let pairs = text.as_bytes().chunks_exact(2);
        let bytes = pairs.map(|pair| {
            let value = digit(pair[0])? * 16 + digit(pair[1])?;
            u8::try_from(value).ok()
        });
        let bytes: Option<Vec<u8>> = bytes.collect();
        bytes.map(Self).ok_or(ALLOWED)
    }
}

impl TryFrom<String> for TracedFrame {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<TracedFrame> for String {
    fn from(frame: TracedFrame) -> Self {
        frame.to_string()
    }
}

/// What conntrack is taken to know of a packet's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TracedState {
    /// It is the first packet of one.
    #[default]
    New,
    /// It is a reply in one that both ends have agreed on.
    Established,
}

impl TracedState {
    /// Every state with its name.
    pub const ALL: &[(Self, &str)] = &[(Self::New, "new"), (Self::Established, "established")];
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TracedProtocol {
    /// An echo request of ICMP, or of ICMPv6; as a reply, what answers one.
    #[default]
    Icmp,
    /// TCP, its first segment.
    Tcp,
    /// UDP.
    Udp,
}

impl TracedProtocol {
    /// Every protocol with its name.
    pub const ALL: &[(Self, &str)] =
        &[(Self::Icmp, "icmp"), (Self::Tcp, "tcp"), (Self::Udp, "udp")];
}

/// What becomes of a frame on one host, please.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTraceRequest {
    /// The reply has the same.
    pub id: Uuid,
    /// Where the frame comes in.
    pub entry: TraceEntry,
    /// The frame.
    pub frame: TracedFrame,
    /// What conntrack is taken to know.
    pub state: TracedState,
}

/// Where a frame comes into the integration bridge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum TraceEntry {
    /// From a VIF.
    Port {
        /// Which.
        port_id: PortId,
    },
    /// From a physical network, as the switches there carry it.
    Fabric {
        /// Which.
        physical_network_id: PhysicalNetworkId,
    },
    /// Through a tunnel.
    Tunnel {
        /// How it was wrapped.
        encapsulation: Encapsulation,
        /// The tunnel's key.
        vni: Vni,
        /// The endpoint of the host that sent it.
        source: IpAddr,
        /// The endpoint it was sent to.
        destination: IpAddr,
    },
}

/// What became of a frame on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTraceReply {
    /// That of the request.
    pub id: Uuid,
    /// What became of it.
    pub outcome: HostTraceOutcome,
}

/// What became of a frame on one host, or why nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HostTraceOutcome {
    /// It could not be worked out.
    Refused {
        /// Why, as a sentence.
        reason: String,
    },
    /// It was worked out.
    Traced(HostTrace),
}

/// The way of a frame through the tables of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTrace {
    /// The tables, in order.
    pub hops: Vec<TraceHop>,
    /// Where it came out, in order; nowhere if it was dropped.
    pub ends: Vec<TraceEnd>,
    /// Why the evaluation ended early, if it did.
    pub failure: Option<String>,
    /// What the switch itself says.
    pub switch: SwitchWord,
}

/// A look into a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceHop {
    /// The table.
    pub table: String,
    /// The question that it answers.
    pub question: String,
    /// The network that the flow belongs to, if it does to one.
    pub network: Option<NetworkNumber>,
    /// The security group that the flow belongs to, if it does to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group: Option<SecurityGroupNumber>,
    /// The VIF that the flow is about, if it is about one.
    pub port_id: Option<PortId>,
    /// The rules of that group that let it through, where it did: each would have by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rule_ids: Vec<RuleId>,
    /// What the rules of a VIF's groups are asked about here, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<TracedAsk>,
    /// The addresses that it bears from here on, where they were translated just before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translated: Option<TracedEnds>,
    /// What the flow matches, with its priority; none where no flow matched.
    pub rule: Option<String>,
    /// Whether the flow is what becomes of all that no other matches.
    pub is_miss: bool,
}

/// What rules of security groups are asked about: the first packet of a connection, or a packet by
/// itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedAsk {
    /// Which rules are asked.
    pub direction: Direction,
    /// The IP protocol.
    pub protocol: u8,
    /// Who began.
    pub source: IpAddr,
    /// With whom.
    pub destination: IpAddr,
    /// The port it is for, of TCP and UDP; of ICMP its type.
    pub kind: u16,
}

/// From whom a packet is, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedEnds {
    /// From whom.
    pub source: IpAddr,
    /// For whom.
    pub destination: IpAddr,
}

/// Where a frame came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum TraceEnd {
    /// At a VIF.
    Port {
        /// Which.
        port_id: PortId,
    },
    /// At a physical network.
    Fabric {
        /// Which.
        physical_network_id: PhysicalNetworkId,
        /// As it is there.
        frame: TracedFrame,
    },
    /// In a tunnel.
    Tunnel {
        /// How it is wrapped.
        encapsulation: Encapsulation,
        /// The tunnel's key.
        vni: Vni,
        /// The endpoint it goes to.
        destination: IpAddr,
        /// What is wrapped.
        frame: TracedFrame,
    },
    /// At the agent, which answers this question.
    Agent {
        /// What it is asked.
        question: String,
    },
    /// At a port of the switch that is none of ours.
    Elsewhere {
        /// Its number.
        number: u32,
    },
}

/// Whether the switch says the same, asked by `ofproto/trace`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum SwitchWord {
    /// The same way, flow by flow.
    Same,
    /// The same way, as far as it was asked: it was not about more goes through its tables than the agent
    /// has asked about.
    SameSoFar {
        /// The table where the first of the others begins.
        table: String,
    },
    /// Another one.
    Other {
        /// Where they part.
        difference: String,
    },
    /// Nothing that could be understood.
    Nothing {
        /// Why.
        reason: String,
    },
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// VIFs get it.
    Delivered,
    /// It is answered in place of its receiver, or its sender is told why it goes no further.
    Answered,
    /// It leaves for machines that are not ours.
    Left,
    /// Nobody gets it.
    Dropped,
    /// A host did not say.
    Unknown,
}

/// The way of a packet, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// What becomes of it.
    pub verdict: Verdict,
    /// The same as a sentence: who gets it, or what dropped it.
    pub message: String,
    /// What would let it pass, if it was dropped.
    pub advice: Option<String>,
    /// The rules of security groups that let it through, in the order in which they were asked, as far as
    /// whoever asks may know them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<TracedRule>,
    /// The VIFs that get it, as far as whoever asks may know them.
    pub port_ids: Vec<PortId>,
    /// The hosts on its way, in order.
    pub hosts: Vec<TracedHost>,
}

/// A rule that let a packet through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedRule {
    /// Which.
    pub id: RuleId,
    /// The group that it is in.
    pub security_group_id: SecurityGroupId,
    /// What it says, as a sentence.
    pub says: String,
}

/// A host on the way of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedHost {
    /// Which.
    pub host_id: HostId,
    /// Its name.
    pub host: String,
    /// How the packet came in, as a phrase.
    pub entry: String,
    /// The tables, in order.
    pub steps: Vec<TraceStep>,
    /// What the switch says, as a sentence.
    pub switch: String,
    /// Whether the switch says the same, as far as it can.
    pub confirmed: bool,
}

/// A table on the way of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceStep {
    /// The table.
    pub table: String,
    /// The question that it answers.
    pub question: String,
    /// By what the rule is there: a VIF, a network, a router, a security group.
    pub by: String,
    /// What the rule matches.
    pub rule: String,
    /// What follows.
    pub then: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_text_and_back() {
        let frame = TracedFrame::new(vec![0, 0x7f, 0xff]).unwrap();
        assert_eq!(frame.to_string(), "007fff");
        assert_eq!("007fff".parse(), Ok(frame));
    }

    #[test]
    fn what_is_no_frame_or_too_long_is_refused() {
        let long = "00".repeat(TracedFrame::BYTES_MAX + 1);
        for bad in ["0", "0g", "+1", "\u{e9}", long.as_str()] {
            assert!(bad.parse::<TracedFrame>().is_err(), "{bad:.9}");
        }
        assert_eq!(TracedFrame::new(vec![0; TracedFrame::BYTES_MAX + 1]), None);
    }
}
