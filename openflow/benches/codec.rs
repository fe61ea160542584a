//! Flows into bytes and back, and into text and back: `cargo bench -p openflow`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use divan::Bencher;
use divan::counter::ItemsCount;
use openflow::action::{Ct, Subfield};
use openflow::matching::CtState;
use openflow::message::{FlowMod, HEADER_LEN, ToSwitch};
use openflow::{Action, Field, Flow, Match, PortNo, Version};

/// How many flows are encoded or decoded at once.
const FLOWS: u32 = 1000;

fn main() {
    divan::main();
}

/// Flows such as a pipeline for tenants' networks consists of.
fn flows() -> Vec<Flow> {
    (0..FLOWS).map(flow).collect()
}

fn flow(n: u32) -> Flow {
    let [_, a, b, c] = n.to_be_bytes();
    let mac = [2, 0, 0, a, b, c];
    let network = Subfield::whole(Field::Reg6);
    match n % 4 {
        0 => Flow::new(0, 100, Match::new().in_port(n).untagged())
            .action(Action::set_bits(network, n))
            .action(Action::resubmit(1)),
        1 => {
            let own = Match::new().in_port(n).eth_src(mac).ipv4();
            let own = own.ipv4_src([10, a, b, c].into(), 32);
            Flow::new(1, 90, own).action(Ct::lookup(7, 3))
        }
        2 => {
            let known = Match::new().ipv4().tcp().exact(Field::TcpDst, 443u16);
            let known = known.ct_state(CtState::TRK | CtState::NEW, CtState::INV);
            Flow::new(3, 80, known).action(Ct::commit(7)).goto(4)
        }
        _ => Flow::new(4, 70, Match::new().exact(Field::Reg6, n).eth_dst(mac))
            .action(Action::set_field(Field::TunId, u64::from(n)))
            .action(Action::output(PortNo(n))),
    }
    .cookie(0x4248_0000_0000_0000 | u64::from(n))
}

fn encode(flows: &[Flow], version: Version, out: &mut Vec<u8>) {
    for flow in flows {
        let request = ToSwitch::FlowMod(FlowMod::add(flow.clone()));
        request.encode(version, 1, out).expect("short flows");
    }
}

fn messages(version: Version) -> Vec<Vec<u8>> {
    let encode_one = |flow| {
        let mut message = Vec::new();
        encode(&[flow], version, &mut message);
        message
    };
    flows().into_iter().map(encode_one).collect()
}

#[divan::bench(args = [Version::V1_4, Version::V1_5])]
fn encode_flows(bencher: Bencher, version: Version) {
    let flows = flows();
    let mut out = Vec::with_capacity(1 << 20);
    bencher
        .counter(ItemsCount::new(flows.len()))
        .bench_local(|| {
            out.clear();
            encode(&flows, version, &mut out);
            out.len()
        });
}

#[divan::bench(args = [Version::V1_4, Version::V1_5])]
fn decode_flows(bencher: Bencher, version: Version) {
    let messages = messages(version);
    bencher
        .counter(ItemsCount::new(messages.len()))
        .bench_local(|| {
            for message in &messages {
                let decoded = FlowMod::decode(version, &message[HEADER_LEN..]);
                divan::black_box(decoded.expect("what was encoded"));
            }
        });
}

#[divan::bench]
fn make_flows(bencher: Bencher) {
    bencher.counter(ItemsCount::new(FLOWS)).bench_local(flows);
}

#[divan::bench]
fn print_flows(bencher: Bencher) {
    let flows = flows();
    bencher
        .counter(ItemsCount::new(flows.len()))
        .bench_local(|| {
            flows
                .iter()
                .map(|flow| flow.to_string().len())
                .sum::<usize>()
        });
}

#[divan::bench]
fn parse_flows(bencher: Bencher) {
    let texts: Vec<String> = flows().iter().map(Flow::to_string).collect();
    bencher
        .counter(ItemsCount::new(texts.len()))
        .bench_local(|| {
            for text in &texts {
                divan::black_box(text.parse::<Flow>().expect("what was printed"));
            }
        });
}
