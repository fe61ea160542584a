//! Any bytes from the network, as an sFlow datagram: everything in it is walked to its end, and
//! the frames in it are read. The same bytes as a sampled frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sflow::{Datagram, FlowRecord, Frame, Sample};

fuzz_target!(|bytes: &[u8]| {
    let Ok(datagram) = Datagram::decode(bytes) else {
        return;
    };
    for sample in datagram.samples() {
        match sample {
            Ok(Sample::Flow(flow)) => flow.records().for_each(|record| {
                if let Ok(FlowRecord::Header(it)) = record {
                    let _ = Frame::read(it.header);
                }
            }),
            Ok(Sample::Counters(counters)) => counters.records().for_each(drop),
            Ok(_) | Err(_) => {}
        }
    }
});
