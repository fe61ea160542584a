//! Any text, as what `ofproto/trace` says of a packet: alone, and after a good beginning.
#![no_main]

use host_agent::tracer::text::sections;
use libfuzzer_sys::fuzz_target;

const BEGINNING: &str = "\
Flow: udp,in_port=1,nw_src=10.0.0.1
 0. in_port=1, priority 100, cookie 0xb01d000000000001
     -> A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table 30.
====
recirc(0x1)
====
Flow: ct_state=new|trk,reg0=0x1
";

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().count();
    let read = sections(&text);
    let looks: usize = read.iter().map(|it| it.looks.len()).sum();
    let resumed: usize = read.iter().map(|it| it.resumed.len()).sum();
    // A line says one thing at the most.
    assert!(looks + resumed <= lines && read.len() <= lines + 1);
    for section in &read {
        assert!(section.has(&[]) && section.registers() <= section.flow.len());
    }
    let whole = format!("{BEGINNING}{text}");
    let read = sections(&whole);
    assert_eq!(read[0].looks, [(0, Some(100))]);
    assert_eq!(read[0].resumed, [30]);
});
