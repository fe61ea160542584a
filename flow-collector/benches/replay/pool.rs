//! A pool of hosts that send what the capture holds: each its own address, sequence and uptime.

use std::fmt;
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};
use sflow::{Datagram, FlowRecord, Sample};

use crate::pcap::Captured;

/// With three VIFs on each: 10,000.
pub(crate) const HOSTS: u32 = 3334;

/// A datagram of the capture.
struct Template {
    bytes: Vec<u8>,
    /// Which host of the capture sent it: 0 or 1.
    kind: u32,
    /// Where its sequence number is; the uptime follows.
    sequence_at: usize,
    /// Where the last byte of the IPv4 destination of each sampled frame is.
    destinations_at: Vec<usize>,
    samples: u64,
}

pub(crate) struct Pool {
    templates: Vec<Template>,
    next_template: usize,
    /// By kind, how many were sent.
    turns: [u32; 2],
    sequences: Vec<u32>,
    socket: UdpSocket,
    begun: Instant,
    /// Makes numbers that look like chance (xorshift32, Marsaglia 2003).
    chance: u32,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) datagrams: u64,
    pub(crate) samples: u64,
    pub(crate) seconds: f64,
}

/// The address of a host of the pool.
pub(crate) fn address(host: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x7f01_0000 + host)
}

impl Pool {
    pub(crate) fn of(capture: &[Captured]) -> Self {
        let mut sources: Vec<_> = capture.iter().map(|it| it.source).collect();
        sources.sort_unstable();
        sources.dedup();
        assert_eq!(sources.len(), 2, "a capture of two hosts");
        let templates = capture.iter().map(|it| Template::of(it, sources[0]));
        Self {
            templates: templates.collect(),
            next_template: 0,
            turns: [0; 2],
            sequences: vec![0; HOSTS as usize],
            socket: UdpSocket::bind("0.0.0.0:0").unwrap(),
            begun: Instant::now(),
            chance: 1,
        }
    }

    /// Sends for so long, so many a second.
    pub(crate) fn send(&mut self, to: SocketAddrV4, rate: u32, time: Duration) -> Sent {
        let to = SockaddrIn::from(to);
        let start = Instant::now();
        let mut sent = Sent::default();
        while start.elapsed() < time {
            // Now and then, as hosts do, and not one by one.
            let due = start.elapsed().as_secs_f64() * f64::from(rate);
            while (sent.datagrams as f64) < due && start.elapsed() < time {
                sent.samples += self.send_one(&to);
                sent.datagrams += 1;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        sent.seconds = start.elapsed().as_secs_f64();
        sent
    }

    fn send_one(&mut self, to: &SockaddrIn) -> u64 {
        let uptime = u32::try_from(self.begun.elapsed().as_secs()).unwrap() * 1000 + 1_000_000;
        let count = self.templates.len();
        let template = &mut self.templates[self.next_template];
        self.next_template = (self.next_template + 1) % count;
        let turn = &mut self.turns[template.kind as usize];
        let host = (*turn % (HOSTS / 2)) * 2 + template.kind;
        *turn += 1;
        let sequence = &mut self.sequences[host as usize];
        *sequence += 1;
        let at = template.sequence_at;
        template.bytes[at..at + 4].copy_from_slice(&sequence.to_be_bytes());
        template.bytes[at + 4..at + 8].copy_from_slice(&uptime.to_be_bytes());
        for at in &template.destinations_at {
            template.bytes[*at] = one_of_many(&mut self.chance);
        }
        let from = in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: in_addr {
                s_addr: u32::from(address(host)).to_be(),
            },
            ipi_addr: in_addr { s_addr: 0 },
        };
        let from = [ControlMessage::Ipv4PacketInfo(&from)];
        let bytes = [IoSlice::new(&template.bytes)];
        sendmsg(
            self.socket.as_raw_fd(),
            &bytes,
            &from,
            MsgFlags::empty(),
            Some(to),
        )
        .unwrap();
        template.samples
    }
}

/// Whom a frame is for: one of 256, of whom each is as likely as twice as many of those after it.
fn one_of_many(chance: &mut u32) -> u8 {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 17;
    *chance ^= *chance << 5;
    let octave = (*chance >> 8).trailing_ones().min(7);
    let [.., within] = chance.to_be_bytes();
    within & u8::MAX.checked_shr(7 - octave).unwrap_or(u8::MAX)
}

/// Where the last byte of each sampled frame's IPv4 destination is in its datagram.
fn destinations(bytes: &[u8], datagram: &Datagram<'_>) -> Vec<usize> {
    let flows = datagram.samples().filter_map(|sample| match sample {
        Ok(Sample::Flow(flow)) => Some(flow),
        _ => None,
    });
    let headers = flows.filter_map(|flow| {
        flow.records().find_map(|record| match record {
            Ok(FlowRecord::Header(header)) => Some(header.header),
            _ => None,
        })
    });
    let places = headers.filter_map(|header| {
        let ip = match header.get(12..14)? {
            [0x08, 0x00] => 14,
            [0x81, 0x00] if header.get(16..18)? == [0x08, 0x00] => 18,
            _ => return None,
        };
        let begins = header.as_ptr().addr() - bytes.as_ptr().addr();
        (ip + 20 <= header.len()).then_some(begins + ip + 19)
    });
    places.collect()
}

impl Template {
    fn of(captured: &Captured, first: std::net::IpAddr) -> Self {
        let datagram = Datagram::decode(&captured.payload).unwrap();
        let flows = datagram.samples();
        let flows = flows.filter(|sample| matches!(sample, Ok(Sample::Flow(_))));
        Self {
            bytes: captured.payload.clone(),
            kind: u32::from(captured.source != first),
            // After version, address type, an IPv4 address and the sub-agent.
            sequence_at: 16,
            destinations_at: destinations(&captured.payload, &datagram),
            samples: flows.count() as u64,
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let samples: u64 = self.templates.iter().map(|it| it.samples).sum();
        write!(
            f,
            "{HOSTS} hosts, {} VIFs; {} datagrams with {samples} samples, again and again",
            HOSTS * 3,
            self.templates.len()
        )
    }
}
