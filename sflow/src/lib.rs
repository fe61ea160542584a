//! sFlow version 5 datagrams, decoded without copying.
//!
//! An sFlow agent sends two things: *flow samples*, the first bytes of one frame in N, and *counter
//! samples*, the counters of an interface every so many seconds. Both travel in one UDP datagram:
//!
//! ```text
//! datagram   version, agent address, sub-agent, sequence, uptime, number of samples
//!   sample     format, length, { flow sample | expanded | counter sample | expanded | unknown }
//!     record     format, length, { raw header | switch | tunnel | interface counters | ... | unknown }
//! ```
//!
//! [`Datagram::decode`] reads the header; the iterators [`Datagram::samples`],
//! [`FlowSample::records`] and [`CounterSample::records`] walk the rest. Everything borrows from the
//! buffer and nothing is allocated, whatever a datagram claims. What is not known is kept as
//! `Unknown`, skipped by its length. A datagram that lies about a length gives an error and ends its
//! iterator.
//!
//! ```
//! # fn frames_seen(buffer: &[u8]) -> Result<u64, sflow::DecodeError> {
//! let mut frames = 0;
//! for sample in sflow::Datagram::decode(buffer)?.samples() {
//!     if let sflow::Sample::Flow(flow) = sample? {
//!         frames += u64::from(flow.sampling_rate);
//!     }
//! }
//! # Ok(frames)
//! # }
//! # assert!(frames_seen(b"not sFlow").is_err());
//! ```
//!
//! Numbers in parentheses in the documentation are (enterprise, format), as the sFlow structure
//! registry has them. References: [sFlow version 5](https://sflow.org/sflow_version_5.txt),
//! [tunnel structures](https://sflow.org/sflow_tunnels.txt),
//! [Open vSwitch structures](https://sflow.org/sflow_openflow.txt).
//!
//! Not here: sockets, clocks, and what a sample *means*: that is `flow-collector`.

mod counters;
mod datagram;
mod error;
mod flow;
mod frame;
mod sample;
mod wire;

pub use counters::{
    CounterRecord, CounterRecords, DatapathCounters, DirectionCounters, EthernetCounters,
    InterfaceCounters, OpenFlowPort,
};
pub use datagram::{Agent, Datagram, Samples};
pub use error::DecodeError;
pub use flow::{ExtendedSwitch, FlowRecord, FlowRecords, Ipv4Tunnel, SampledHeader};
pub use frame::{Frame, InSeries, Packet};
pub use sample::{CounterSample, DataSource, FlowSample, Interface, Sample};
pub use wire::DataFormat;
