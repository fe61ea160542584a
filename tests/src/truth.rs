//! What the switches themselves counted, read with `ovs-ofctl`: the truth that a bill is held against.

use std::collections::BTreeMap;

use crate::Pool;

/// Bytes and frames each way, as a port sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes it sent.
    pub sent_bytes: u64,
    /// Frames it sent.
    pub sent_packets: u64,
    /// Bytes it received.
    pub received_bytes: u64,
    /// Frames it received.
    pub received_packets: u64,
}

impl std::ops::Add for Moved {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sent_bytes: self.sent_bytes + other.sent_bytes,
            sent_packets: self.sent_packets + other.sent_packets,
            received_bytes: self.received_bytes + other.received_bytes,
            received_packets: self.received_packets + other.received_packets,
        }
    }
}

/// Amounts by port.
pub type ByPort = BTreeMap<String, Moved>;

impl Pool {
    /// What the counting flows of a host show at this moment, by port.
    #[must_use]
    pub fn counted_by_switch(&self, host: usize) -> ByPort {
        let text = self.dump_flows(host, &[]);
        let mut by_port = ByPort::new();
        for flow in text.lines() {
            if let Some((port, moved)) = counting_flow(flow) {
                let sum = by_port.entry(port).or_default();
                *sum = *sum + moved;
            }
        }
        by_port
    }

    /// What the ledger says of every port.
    #[must_use]
    pub fn billed(&self) -> ByPort {
        let rows = self.json("usage by=port last=1d");
        let rows = rows.as_array().cloned().unwrap_or_default();
        let rows = rows.iter().map(|row| {
            let number = |way: &str, of: &str| row[way][of].as_u64().unwrap_or(0);
            let moved = Moved {
                sent_bytes: number("sent", "bytes"),
                sent_packets: number("sent", "packets"),
                received_bytes: number("received", "bytes"),
                received_packets: number("received", "packets"),
            };
            (row["id"].as_str().unwrap_or_default().to_owned(), moved)
        });
        rows.collect()
    }
}

/// The port that a flow counts for, and what it shows, as one line of `ovs-ofctl dump-flows`.
fn counting_flow(line: &str) -> Option<(String, Moved)> {
    let note = line.split("note:b0.1d.").nth(1)?;
    let bytes: Vec<&str> = note.split([',', ' ']).next()?.split('.').collect();
    let hex = bytes.get(4..20)?.concat();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    let number = |name: &str| -> Option<u64> {
        let digits = line.split(name).nth(1)?;
        digits.split(',').next()?.trim().parse().ok()
    };
    let (bytes_moved, packets) = (number("n_bytes=")?, number("n_packets=")?);
    let moved = match bytes[0] {
        "01" => Moved {
            sent_bytes: bytes_moved,
            sent_packets: packets,
            ..Moved::default()
        },
        _ => Moved {
            received_bytes: bytes_moved,
            received_packets: packets,
            ..Moved::default()
        },
    };
    Some((parts.join("-"), moved))
}
