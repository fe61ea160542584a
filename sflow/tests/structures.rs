//! Each structure as the specification draws it, written down word by word.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use sflow::{
    CounterRecord, DataFormat, DataSource, Datagram, DecodeError, FlowRecord, Interface, Sample,
};

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Format, length, body.
fn structure(format: u32, body: &[u32]) -> Vec<u32> {
    [&[format, body.len() as u32 * 4], body].concat()
}

fn datagram(samples: &[Vec<u32>]) -> Vec<u8> {
    let header = [5, 1, 0xc000_0201, 7, 42, 9000, samples.len() as u32];
    bytes(&[&header[..], &samples.concat()].concat())
}

fn only_sample<T>(sample: Vec<u32>, look: impl FnOnce(Sample<'_>) -> T) -> T {
    let bytes = datagram(&[sample]);
    let mut samples = Datagram::decode(&bytes).unwrap().samples();
    let sample = samples.next().unwrap().unwrap();
    assert!(samples.next().is_none());
    look(sample)
}

fn flow_with(record: &[u32]) -> Vec<u32> {
    let fields = [1, 0x0200_03e8, 64, 640, 0, 3, 4, 1];
    structure(1, &[&fields[..], record].concat())
}

fn only_flow_record(record: &[u32], look: impl FnOnce(FlowRecord<'_>)) {
    only_sample(flow_with(record), |sample| match sample {
        Sample::Flow(flow) => look(flow.records().next().unwrap().unwrap()),
        other => panic!("{other:?}"),
    });
}

fn only_counter_record(record: &[u32], look: impl FnOnce(CounterRecord<'_>)) {
    let sample = structure(2, &[&[1, 3, 1], record].concat());
    only_sample(sample, |sample| match sample {
        Sample::Counters(counters) => look(counters.records().next().unwrap().unwrap()),
        other => panic!("{other:?}"),
    });
}

#[test]
fn a_header_tells_who_sent_it_and_when() {
    let bytes = datagram(&[]);
    let datagram = Datagram::decode(&bytes).unwrap();
    assert_eq!(datagram.agent.address, Some("192.0.2.1".parse().unwrap()));
    assert_eq!(datagram.agent.sub_agent, 7);
    assert_eq!(datagram.sequence, 42);
    assert_eq!(datagram.uptime_milliseconds, 9000);
    assert_eq!(datagram.samples().count(), 0);
}

#[test]
fn an_agent_may_have_an_ipv6_address_or_none() {
    let ipv6 = bytes(&[5, 2, 0x2001_0db8, 0, 0, 1, 7, 42, 9000, 0]);
    let address = Datagram::decode(&ipv6).unwrap().agent.address;
    assert_eq!(address, Some("2001:db8::1".parse().unwrap()));
    let none = bytes(&[5, 0, 7, 42, 9000, 0]);
    assert_eq!(Datagram::decode(&none).unwrap().agent.address, None);
}

#[test]
fn other_versions_and_address_types_are_refused_by_name() {
    let version = Datagram::decode(&bytes(&[4, 1, 0, 0, 0, 0, 0])).unwrap_err();
    assert_eq!(version, DecodeError::Version(4));
    let address = Datagram::decode(&bytes(&[5, 3, 0, 0, 0, 0, 0])).unwrap_err();
    assert_eq!(address, DecodeError::AddressType(3));
}

#[test]
fn compact_and_expanded_flow_samples_say_the_same() {
    let compact = structure(1, &[9, 0x0200_03e8, 64, 640, 2, 3, 0x4000_0100, 0]);
    let expanded = structure(3, &[9, 2, 1000, 64, 640, 2, 0, 3, 1, 256, 0]);
    for sample in [compact, expanded] {
        only_sample(sample, |sample| {
            let Sample::Flow(flow) = sample else {
                panic!("{sample:?}");
            };
            let source = DataSource {
                kind: 2,
                index: 1000,
            };
            assert_eq!((flow.sequence, flow.source), (9, source));
            assert_eq!(
                (flow.sampling_rate, flow.sample_pool, flow.drops),
                (64, 640, 2)
            );
            assert_eq!(flow.input, Interface::Index(3));
            assert_eq!(flow.output, Interface::Dropped(256));
            assert_eq!(flow.records().count(), 0);
        });
    }
}

#[test]
fn compact_and_expanded_counter_samples_say_the_same() {
    let compact = structure(2, &[9, 0x0000_0003, 0]);
    let expanded = structure(4, &[9, 0, 3, 0]);
    for sample in [compact, expanded] {
        only_sample(sample, |sample| {
            let Sample::Counters(counters) = sample else {
                panic!("{sample:?}");
            };
            let source = DataSource { kind: 0, index: 3 };
            assert_eq!((counters.sequence, counters.source), (9, source));
        });
    }
}

#[test]
fn an_interface_says_what_its_two_top_bits_say() {
    let expected = [
        (0, Interface::Unknown),
        (17, Interface::Index(17)),
        (0x3fff_ffff, Interface::Internal),
        (0x4000_0002, Interface::Dropped(2)),
        (0x8000_0000, Interface::Multiple(0)),
        (0x8000_0003, Interface::Multiple(3)),
        (
            0xc000_0001,
            Interface::Reserved {
                format: 3,
                value: 1,
            },
        ),
    ];
    for (word, interface) in expected {
        let sample = structure(1, &[1, 0, 1, 1, 0, word, word, 0]);
        only_sample(sample, |sample| match sample {
            Sample::Flow(flow) => assert_eq!((flow.input, flow.output), (interface, interface)),
            other => panic!("{other:?}"),
        });
    }
}

#[test]
fn a_sampled_header_ends_where_its_length_says() {
    // Six bytes of frame, padded to eight.
    let record = structure(1, &[1, 68, 4, 6, 0x0102_0304, 0x0506_0000]);
    only_flow_record(&record, |record| {
        let FlowRecord::Header(header) = record else {
            panic!("{record:?}");
        };
        assert_eq!(
            (header.protocol, header.frame_length, header.stripped),
            (1, 68, 4)
        );
        assert_eq!(header.header, [1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn tunnel_records_know_their_direction() {
    let body = [0, 17, 0x0a00_0001, 0x0a00_0002, 1, 4789, 0, 0];
    only_flow_record(&structure(1023, &body), |record| match record {
        FlowRecord::TunnelEgress(tunnel) => {
            assert_eq!(tunnel.destination.to_string(), "10.0.0.2");
            assert_eq!((tunnel.protocol, tunnel.destination_port), (17, 4789));
        }
        other => panic!("{other:?}"),
    });
    only_flow_record(&structure(1024, &body), |record| {
        assert!(matches!(record, FlowRecord::TunnelIngress(_)));
    });
    only_flow_record(&structure(1029, &[77]), |record| {
        assert_eq!(record, FlowRecord::VniEgress(77));
    });
    only_flow_record(&structure(1030, &[78]), |record| {
        assert_eq!(record, FlowRecord::VniIngress(78));
    });
}

#[test]
fn interface_counters_keep_input_and_output_apart_and_know_what_is_not_counted() {
    let none = u32::MAX;
    let body = [
        3,
        6,
        2,
        0x540b_e400,
        1,
        3, // speed 10 Gb/s
        1,
        0,
        11,
        12,
        none,
        14,
        15,
        none, // in: 2^32 octets
        none,
        none,
        21,
        22,
        23,
        24,
        25,
        2, // out: octets are not counted
    ];
    only_counter_record(&structure(1, &body), |record| {
        let CounterRecord::Interface(counters) = record else {
            panic!("{record:?}");
        };
        assert_eq!((counters.if_index, counters.speed), (3, 10_000_000_000));
        assert_eq!(counters.input.octets, Some(1 << 32));
        assert_eq!(counters.input.unicast, Some(11));
        assert_eq!(counters.input.broadcast, None);
        assert_eq!(counters.input.errors, Some(15));
        assert_eq!(counters.input_unknown_protocols, None);
        assert_eq!(counters.output.octets, None);
        assert_eq!(counters.output.unicast, Some(21));
        assert_eq!(counters.promiscuous, 2);
    });
}

#[test]
fn port_names_and_numbers_are_read() {
    let name = [4, u32::from_be_bytes(*b"vif1")];
    only_counter_record(&structure(1005, &name), |record| {
        assert_eq!(record, CounterRecord::PortName(b"vif1"));
    });
    only_counter_record(&structure(1004, &[0, 0x2a, 5]), |record| match record {
        CounterRecord::OpenFlowPort(port) => {
            assert_eq!((port.datapath_id, port.port_number), (0x2a, 5));
        }
        other => panic!("{other:?}"),
    });
}

#[test]
fn what_is_not_known_is_kept_and_skipped() {
    let format = DataFormat {
        enterprise: 8800,
        format: 1,
    };
    let foreign = structure(8800 << 12 | 1, &[1, 2, 3]);
    only_flow_record(&foreign, |record| match record {
        FlowRecord::Unknown {
            format: found,
            body,
        } => {
            assert_eq!((found, body.len()), (format, 12));
        }
        other => panic!("{other:?}"),
    });
    let bytes = datagram(&[foreign, structure(2, &[1, 3, 0])]);
    let samples: Vec<_> = Datagram::decode(&bytes).unwrap().samples().collect();
    assert!(matches!(samples[0], Ok(Sample::Unknown { .. })));
    assert!(matches!(samples[1], Ok(Sample::Counters(_))));
}

#[test]
fn a_record_longer_than_known_is_read_and_one_shorter_is_an_error() {
    only_flow_record(&structure(1029, &[77, 0]), |record| {
        assert_eq!(record, FlowRecord::VniEgress(77));
    });
    only_sample(
        flow_with(&structure(1001, &[1, 2, 3])),
        |sample| match sample {
            Sample::Flow(flow) => {
                let record = flow.records().next().unwrap();
                assert_eq!(record, Err(DecodeError::Truncated("switch record")));
            }
            other => panic!("{other:?}"),
        },
    );
}

#[test]
fn a_broken_sample_does_not_hide_the_next_but_a_broken_length_does() {
    let broken = structure(1, &[1, 2]);
    let good = structure(2, &[1, 3, 0]);
    let bytes = datagram(&[broken, good.clone()]);
    let samples: Vec<_> = Datagram::decode(&bytes).unwrap().samples().collect();
    assert!(samples[0].is_err() && samples[1].is_ok());

    let lying = vec![1, 4000, 0];
    let bytes = datagram(&[lying, good]);
    let samples: Vec<_> = Datagram::decode(&bytes).unwrap().samples().collect();
    assert_eq!(samples.len(), 1);
    assert!(samples[0].is_err());
}
