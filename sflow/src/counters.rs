//! Counter records: what an agent counts by itself, exactly, since an interface came to be.
//!
//! An agent that does not keep a counter sends all ones; such a counter is `None` here.

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::be_u64;

use crate::wire::{Parsed, Structures, decode, opaque, word, words};
use crate::{DataFormat, DecodeError};

/// One record of a counter sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterRecord<'a> {
    /// What every interface has: `if_counters` (0,1).
    Interface(InterfaceCounters),
    /// What an Ethernet interface has: `ethernet_counters` (0,2).
    Ethernet(EthernetCounters),
    /// Which OpenFlow port the interface is: `of_port` (0,1004).
    OpenFlowPort(OpenFlowPort),
    /// The interface's name, as sent; in Open vSwitch ASCII: `port_name` (0,1005).
    PortName(&'a [u8]),
    /// What an Open vSwitch datapath has: `ovs_dp_stats` (0,2207).
    Datapath(DatapathCounters),
    /// Anything else.
    Unknown {
        /// What it is.
        format: DataFormat,
        /// Its bytes.
        body: &'a [u8],
    },
}

/// The generic counters of an interface (RFC 2863), seen from the switch: *in* is what came into
/// the switch, so what a VIF sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceCounters {
    /// Which interface.
    pub if_index: u32,
    /// The IANA type of the interface: 6 is Ethernet.
    pub if_type: u32,
    /// Its speed, in bits per second.
    pub speed: u64,
    /// 1: full duplex; 2: half duplex; 3: in only; 4: out only; 0: unknown.
    pub direction: u32,
    /// Bit 0: administratively up; bit 1: operationally up.
    pub status: u32,
    /// What came in.
    pub input: DirectionCounters,
    /// Packets of a protocol that is not supported.
    pub input_unknown_protocols: Option<u32>,
    /// What went out.
    pub output: DirectionCounters,
    /// 1: promiscuous; 2: not.
    pub promiscuous: u32,
}

/// What went through an interface in one direction since it came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectionCounters {
    /// Bytes, without FCS in Open vSwitch.
    pub octets: Option<u64>,
    /// Unicast frames; in Open vSwitch *all* frames. Wraps.
    pub unicast: Option<u32>,
    /// Multicast frames. Wraps.
    pub multicast: Option<u32>,
    /// Broadcast frames. Wraps.
    pub broadcast: Option<u32>,
    /// Frames dropped although nothing was wrong with them. Wraps.
    pub discards: Option<u32>,
    /// Frames dropped because something was. Wraps.
    pub errors: Option<u32>,
}

/// The Ethernet counters of an interface (RFC 3635). Each wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are those of RFC 3635, without dot3Stats"
)]
pub struct EthernetCounters {
    pub alignment_errors: Option<u32>,
    pub fcs_errors: Option<u32>,
    pub single_collision_frames: Option<u32>,
    pub multiple_collision_frames: Option<u32>,
    pub sqe_test_errors: Option<u32>,
    pub deferred_transmissions: Option<u32>,
    pub late_collisions: Option<u32>,
    pub excessive_collisions: Option<u32>,
    pub internal_mac_transmit_errors: Option<u32>,
    pub carrier_sense_errors: Option<u32>,
    pub frame_too_longs: Option<u32>,
    pub internal_mac_receive_errors: Option<u32>,
    pub symbol_errors: Option<u32>,
}

/// A port by OpenFlow's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFlowPort {
    /// The bridge.
    pub datapath_id: u64,
    /// The port of that bridge.
    pub port_number: u32,
}

/// The counters of an Open vSwitch datapath. Each wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatapathCounters {
    /// Packets that matched a datapath flow.
    pub hits: u32,
    /// Packets that had to be asked about.
    pub misses: u32,
    /// Packets lost on the way to being asked about.
    pub lost: u32,
    /// Masks looked at.
    pub mask_hits: u32,
    /// Flows present.
    pub flows: u32,
    /// Masks present.
    pub masks: u32,
}

impl<'a> CounterRecord<'a> {
    fn decode(format: DataFormat, body: &'a [u8]) -> Result<Self, DecodeError> {
        if format.enterprise != 0 {
            return Ok(Self::Unknown { format, body });
        }
        let (_, record) = match format.format {
            1 => decode("interface counters", body, map(interface, Self::Interface)),
            2 => decode("Ethernet counters", body, map(ethernet, Self::Ethernet)),
            1004 => decode("OpenFlow port", body, map(open_flow, Self::OpenFlowPort)),
            1005 => decode("port name", body, map(opaque, Self::PortName)),
            2207 => decode("datapath counters", body, map(datapath, Self::Datapath)),
            _ => Ok((body, Self::Unknown { format, body })),
        }?;
        Ok(record)
    }
}

/// The records of a counter sample.
///
/// A record whose content is broken gives an error and the next one follows; a broken length ends
/// the iteration with its error.
#[derive(Clone, Debug)]
pub struct CounterRecords<'a>(pub(crate) Structures<'a>);

impl<'a> Iterator for CounterRecords<'a> {
    type Item = Result<CounterRecord<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let structure = self.0.next()?;
        Some(structure.and_then(|(format, body)| CounterRecord::decode(format, body)))
    }
}

fn interface(bytes: &[u8]) -> Parsed<'_, InterfaceCounters> {
    let (rest, ([if_index, if_type], speed, [direction, status])) =
        (words, be_u64, words).parse(bytes)?;
    let (rest, (input, input_unknown_protocols, output, promiscuous)) =
        (one_direction, map(word, kept), one_direction, word).parse(rest)?;
    let counters = InterfaceCounters {
        if_index,
        if_type,
        speed,
        direction,
        status,
        input,
        input_unknown_protocols,
        output,
        promiscuous,
    };
    Ok((rest, counters))
}

fn one_direction(bytes: &[u8]) -> Parsed<'_, DirectionCounters> {
    let (rest, (octets, frames)) = (be_u64, words).parse(bytes)?;
    let [unicast, multicast, broadcast, discards, errors] = frames.map(kept);
    let counters = DirectionCounters {
        octets: (octets != u64::MAX).then_some(octets),
        unicast,
        multicast,
        broadcast,
        discards,
        errors,
    };
    Ok((rest, counters))
}

fn ethernet(bytes: &[u8]) -> Parsed<'_, EthernetCounters> {
    let (rest, counters) = words::<13>(bytes)?;
    let [
        alignment_errors,
        fcs_errors,
        single_collision_frames,
        multiple_collision_frames,
        sqe_test_errors,
        deferred_transmissions,
        late_collisions,
        excessive_collisions,
        internal_mac_transmit_errors,
        carrier_sense_errors,
        frame_too_longs,
        internal_mac_receive_errors,
        symbol_errors,
    ] = counters.map(kept);
    let counters = EthernetCounters {
        alignment_errors,
        fcs_errors,
        single_collision_frames,
        multiple_collision_frames,
        sqe_test_errors,
        deferred_transmissions,
        late_collisions,
        excessive_collisions,
        internal_mac_transmit_errors,
        carrier_sense_errors,
        frame_too_longs,
        internal_mac_receive_errors,
        symbol_errors,
    };
    Ok((rest, counters))
}

fn open_flow(bytes: &[u8]) -> Parsed<'_, OpenFlowPort> {
    (be_u64, word)
        .map(|(datapath_id, port_number)| OpenFlowPort {
            datapath_id,
            port_number,
        })
        .parse(bytes)
}

fn datapath(bytes: &[u8]) -> Parsed<'_, DatapathCounters> {
    words
        .map(
            |[hits, misses, lost, mask_hits, flows, masks]| DatapathCounters {
                hits,
                misses,
                lost,
                mask_hits,
                flows,
                masks,
            },
        )
        .parse(bytes)
}

/// All ones stand for a counter that the agent does not keep.
fn kept(counter: u32) -> Option<u32> {
    (counter != u32::MAX).then_some(counter)
}
