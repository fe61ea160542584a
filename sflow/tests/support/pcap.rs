//! Reads sFlow datagrams out of capture files: just enough of pcap, Ethernet, IP and UDP for tests.
#![allow(dead_code, reason = "no test or bench uses all of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a broken capture fails its test or bench"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A UDP datagram of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    /// When it was captured, in milliseconds since 1970.
    pub(crate) unix_milliseconds: i64,
    /// Where it came from.
    pub(crate) source: IpAddr,
    /// What it carried.
    pub(crate) payload: Vec<u8>,
}

/// All UDP datagrams of the capture file, which may be compressed with xz.
pub(crate) fn read(path: &Path) -> Vec<Captured> {
    let bytes = if path.extension().is_some_and(|extension| extension == "xz") {
        let xz = Command::new("xz").arg("-dc").arg(path).output();
        xz.expect("xz is installed").stdout
    } else {
        std::fs::read(path).expect("the capture is readable")
    };
    frames(&bytes)
        .filter_map(|(at, frame)| udp(at, frame))
        .collect()
}

/// The capture files of a folder, sorted; empty when there is no such folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "pcap")
    });
    files.sort();
    files
}

/// The folder of larger captures that lies beside the checkout on some machines.
pub(crate) fn sibling_captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures")
}

/// Little-endian pcap of Ethernet: what all our captures are.
fn frames(bytes: &[u8]) -> impl Iterator<Item = (i64, &[u8])> {
    assert_eq!(
        &bytes[..4],
        &[0xd4, 0xc3, 0xb2, 0xa1],
        "not a little-endian pcap"
    );
    let mut rest = &bytes[24..];
    std::iter::from_fn(move || {
        let (header, after) = rest.split_at_checked(16)?;
        let field = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let milliseconds = i64::from(field(0)) * 1000 + i64::from(field(4)) / 1000;
        let (frame, after) = after.split_at_checked(field(8) as usize)?;
        rest = after;
        Some((milliseconds, frame))
    })
}

fn udp(unix_milliseconds: i64, frame: &[u8]) -> Option<Captured> {
    let packet = &frame[14..];
    let (source, datagram): (IpAddr, &[u8]) = match frame[12..14] {
        [0x08, 0x00] if packet[9] == 17 => {
            let header = usize::from(packet[0] & 0xf) * 4;
            let source: [u8; 4] = packet[12..16].try_into().unwrap();
            (Ipv4Addr::from(source).into(), &packet[header..])
        }
        [0x86, 0xdd] if packet[6] == 17 => {
            let source: [u8; 16] = packet[8..24].try_into().unwrap();
            (Ipv6Addr::from(source).into(), &packet[40..])
        }
        _ => return None,
    };
    Some(Captured {
        unix_milliseconds,
        source,
        payload: datagram[8..].to_vec(),
    })
}
