//! Samples: of flows and of counters, compact and expanded.
//!
//! The compact forms pack the data source (8 bits type, 24 bits index) and each interface (2 bits
//! format, 30 bits value) into a word; the expanded forms give each its own.

use nom::Parser;

use crate::wire::{Parsed, Structures, decode, word, words};
use crate::{CounterRecords, DataFormat, DecodeError, FlowRecords};

/// One sample of a datagram.
#[derive(Clone, Debug)]
pub enum Sample<'a> {
    /// One sampled frame: `flow_sample` (0,1) or `flow_sample_expanded` (0,3).
    Flow(FlowSample<'a>),
    /// One reading of counters: `counters_sample` (0,2) or `counters_sample_expanded` (0,4).
    Counters(CounterSample<'a>),
    /// Anything else.
    Unknown {
        /// What it is.
        format: DataFormat,
        /// Its bytes.
        body: &'a [u8],
    },
}

/// One frame in `sampling_rate`, and what the switch did with it.
#[derive(Clone, Debug)]
pub struct FlowSample<'a> {
    /// Counts this source's flow samples. Wraps.
    pub sequence: u32,
    /// What took the sample.
    pub source: DataSource,
    /// One in so many frames is sampled.
    pub sampling_rate: u32,
    /// How many frames could have been sampled so far. Wraps. Open vSwitch only multiplies its
    /// samples by the rate.
    pub sample_pool: u32,
    /// How many samples were lost in the agent for want of resources. Always 0 in Open vSwitch.
    pub drops: u32,
    /// Where the frame came in.
    pub input: Interface,
    /// Where it went, as far as the agent knew. In Open vSwitch not to be relied on: frames that a
    /// conntrack pipeline delivers look dropped.
    pub output: Interface,
    records: Structures<'a>,
}

/// The counters of one source at one moment.
#[derive(Clone, Debug)]
pub struct CounterSample<'a> {
    /// Counts this source's counter samples. Wraps.
    pub sequence: u32,
    /// Whose counters.
    pub source: DataSource,
    records: Structures<'a>,
}

/// What a sample was taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DataSource {
    /// 0: an interface, by ifIndex; 1: a VLAN; 2: a physical entity, in Open vSwitch a bridge.
    pub kind: u32,
    /// Which one of that kind.
    pub index: u32,
}

/// Where a frame came in or went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// Not known; in Open vSwitch also what came from a tunnel.
    Unknown,
    /// The interface with this ifIndex.
    Index(u32),
    /// The switch itself.
    Internal,
    /// Nowhere: dropped, for this reason. Below 256 it is an ICMP unreachable code, 256 is unknown.
    Dropped(u32),
    /// Several interfaces: so many, or 0 when the number is not known.
    Multiple(u32),
    /// A format that version 5 does not define.
    Reserved {
        /// The format, from 3.
        format: u32,
        /// The value.
        value: u32,
    },
}

impl Interface {
    const INTERNAL: u32 = 0x3fff_ffff;

    const fn from_word(word: u32) -> Self {
        Self::new(word >> 30, word & 0x3fff_ffff)
    }

    const fn new(format: u32, value: u32) -> Self {
        match (format, value) {
            (0, 0) => Self::Unknown,
            (0, Self::INTERNAL) => Self::Internal,
            (0, index) => Self::Index(index),
            (1, reason) => Self::Dropped(reason),
            (2, number) => Self::Multiple(number),
            (format, value) => Self::Reserved { format, value },
        }
    }
}

impl DataSource {
    const fn from_word(word: u32) -> Self {
        Self {
            kind: word >> 24,
            index: word & 0x00ff_ffff,
        }
    }
}

impl<'a> Sample<'a> {
    pub(crate) fn decode(format: DataFormat, body: &'a [u8]) -> Result<Self, DecodeError> {
        if format.enterprise != 0 {
            return Ok(Self::Unknown { format, body });
        }
        let flow = |form| decode_flow(form, body).map(Self::Flow);
        let counters = |form| decode_counters(form, body).map(Self::Counters);
        match format.format {
            1 => flow(Form::Compact),
            2 => counters(Form::Compact),
            3 => flow(Form::Expanded),
            4 => counters(Form::Expanded),
            _ => Ok(Self::Unknown { format, body }),
        }
    }
}

impl<'a> FlowSample<'a> {
    /// What is known of the sampled frame, in wire order.
    #[must_use]
    pub fn records(&self) -> FlowRecords<'a> {
        FlowRecords(self.records.clone())
    }
}

impl<'a> CounterSample<'a> {
    /// The counters, in wire order.
    #[must_use]
    pub fn records(&self) -> CounterRecords<'a> {
        CounterRecords(self.records.clone())
    }
}

/// How sources and interfaces are written.
#[derive(Clone, Copy)]
enum Form {
    Compact,
    Expanded,
}

fn decode_flow(form: Form, body: &[u8]) -> Result<FlowSample<'_>, DecodeError> {
    let source = |bytes| source(form, bytes);
    let interface = |bytes| interface(form, bytes);
    let header = (word, source, words, interface, interface, word);
    let (rest, (sequence, source, sampling, input, output, count)) =
        decode("flow sample", body, header)?;
    let [sampling_rate, sample_pool, drops] = sampling;
    Ok(FlowSample {
        sequence,
        source,
        sampling_rate,
        sample_pool,
        drops,
        input,
        output,
        records: Structures::new("flow record", count, rest),
    })
}

fn decode_counters(form: Form, body: &[u8]) -> Result<CounterSample<'_>, DecodeError> {
    let source = |bytes| source(form, bytes);
    let (rest, (sequence, source, count)) = decode("counter sample", body, (word, source, word))?;
    Ok(CounterSample {
        sequence,
        source,
        records: Structures::new("counter record", count, rest),
    })
}

fn source(form: Form, bytes: &[u8]) -> Parsed<'_, DataSource> {
    match form {
        Form::Compact => word.map(DataSource::from_word).parse(bytes),
        Form::Expanded => words
            .map(|[kind, index]| DataSource { kind, index })
            .parse(bytes),
    }
}

fn interface(form: Form, bytes: &[u8]) -> Parsed<'_, Interface> {
    match form {
        Form::Compact => word.map(Interface::from_word).parse(bytes),
        Form::Expanded => words
            .map(|[format, value]| Interface::new(format, value))
            .parse(bytes),
    }
}
