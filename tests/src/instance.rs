//! A running instance, seen from inside.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use pnet::datalink::Channel;

use crate::frame::Mac;
use crate::sniffer::{self, Sniffer};
use crate::{eventually, namespace};

/// How long one step of a transfer may take: to connect, to send a piece, to receive one.
const PATIENCE: Duration = Duration::from_secs(60);

/// An instance with one VIF.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// The name of its tenant.
    pub tenant: String,
    /// The name of the host it runs on.
    pub host: String,
    /// Its namespace.
    pub namespace: String,
    /// Its VIF's Ethernet address.
    pub mac: Mac,
    /// Its VIF's IPv4 address.
    pub address: Ipv4Addr,
    /// The id of its port.
    pub port_id: String,
}

/// What went through an instance's interface, by its own kernel's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Bytes it received, Ethernet header included.
    pub received_bytes: u64,
    /// Bytes it sent, Ethernet header included.
    pub sent_bytes: u64,
    /// Frames it received.
    pub received_packets: u64,
}

impl Instance {
    /// Pings once a `interval`, `count` times; gives the number of answers.
    #[must_use]
    pub fn ping(&self, to: Ipv4Addr, count: u32, interval: Duration) -> u32 {
        let patience = if count > 1 { "5" } else { "2" };
        let output = self
            .command("ping")
            .args(["-n", "-q", "-W", patience, "-c", &count.to_string()])
            .args(["-i", &interval.as_secs_f64().to_string(), &to.to_string()])
            .output()
            .unwrap_or_else(|e| panic!("could not run ping: {e}"));
        let text = String::from_utf8_lossy(&output.stdout);
        let before = text.split(" received").next().unwrap_or_default();
        let number = before.rsplit(' ').next().unwrap_or_default();
        number.parse().unwrap_or(0)
    }

    /// Whether a packet of `bytes` bytes, IP header included, that may not be divided is answered.
    #[must_use]
    pub fn fits(&self, to: Ipv4Addr, bytes: u32) -> bool {
        const HEADERS: u32 = 20 + 8;
        let payload = (bytes - HEADERS).to_string();
        let status = self
            .command("ping")
            .args(["-n", "-q", "-W", "2", "-c", "3", "-i", "0.1", "-M", "do"])
            .args(["-s", &payload, &to.to_string()])
            .output();
        status.is_ok_and(|output| output.status.success())
    }

    /// Whether one of a few pings is answered.
    #[must_use]
    pub fn reaches(&self, to: &Self) -> bool {
        (0..5).any(|_| self.ping(to.address, 1, Duration::from_secs(1)) == 1)
    }

    /// Sends `bytes` bytes over one TCP connection to `to`; gives how many arrived there.
    #[must_use]
    pub fn tcp_send(&self, to: &Self, bytes: u64) -> u64 {
        self.tcp_send_as(to, to.address.into(), bytes)
    }

    /// The same to `to` as it is known by this address.
    #[must_use]
    pub fn tcp_send_as(&self, to: &Self, address: IpAddr, bytes: u64) -> u64 {
        const PORT: u16 = 7001;
        let target = SocketAddr::from((address, PORT));
        // It may be known by an address that is not its own.
        let any = match address {
            IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)),
            IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)),
        };
        let listener = namespace::inside(&to.namespace, || listen(any));
        std::thread::scope(|scope| {
            let receiver = scope.spawn(|| drain(&mut accept(&listener)));
            namespace::inside(&self.namespace, || {
                let stream = TcpStream::connect_timeout(&target, PATIENCE);
                let mut stream = stream.unwrap_or_else(|e| panic!("connect to {target}: {e}"));
                stream.set_write_timeout(Some(PATIENCE)).unwrap_or_default();
                pour(&mut stream, bytes);
            });
            receiver.join().unwrap_or(0)
        })
    }

    /// Puts frames on the wire exactly as they are.
    pub fn send_frames(&self, frames: &[Vec<u8>]) {
        self.send_frames_by("eth0", frames);
    }

    /// The same by another link of its namespace.
    pub fn send_frames_by(&self, link: &str, frames: &[Vec<u8>]) {
        let lost = self.put(link, frames);
        assert_eq!(lost, 0, "frames were not sent");
    }

    /// Puts frames on the wire as fast as it can; what finds no room is lost.
    pub fn flood(&self, frames: &[Vec<u8>]) {
        let _lost = self.put("eth0", frames);
    }

    /// Gives how many frames the kernel did not take.
    fn put(&self, link: &str, frames: &[Vec<u8>]) -> usize {
        namespace::inside(&self.namespace, || {
            let Channel::Ethernet(mut sender, _) = sniffer::channel(link) else {
                panic!("no Ethernet channel");
            };
            let mut is_lost = |frame: &&Vec<u8>| {
                let sent = sender.send_to(frame, None);
                sent.is_none_or(|sent| sent.is_err())
            };
            frames.iter().filter(|frame| is_lost(frame)).count()
        })
    }

    /// Starts to catch every frame that reaches it.
    #[must_use]
    pub fn sniff(&self) -> Sniffer {
        Sniffer::start(&self.namespace, "eth0")
    }

    /// Its interface's counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let text = namespace::inside(&self.namespace, || {
            std::fs::read_to_string("/proc/thread-self/net/dev")
        });
        let text = text.unwrap_or_else(|e| panic!("could not read counters: {e}"));
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("eth0:"));
        let numbers: Vec<u64> = line
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
        assert!(numbers.len() >= 16, "unexpected counters: {text}");
        Counters {
            received_bytes: numbers[0],
            sent_bytes: numbers[8],
            received_packets: numbers[1],
        }
    }

    /// A program to be run inside it.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.namespace));
        command.args(["--", program]);
        command
    }
}

/// A program that is being started by another thread has all our sockets for a moment, also the one of
/// the transfer before.
pub(crate) fn listen(at: SocketAddr) -> TcpListener {
    let mut listener = None;
    eventually("the port is free", PATIENCE, || {
        listener = TcpListener::bind(at).ok();
        listener.is_some()
    });
    listener.unwrap_or_else(|| panic!("{at:?} is taken"))
}

/// Takes one connection. A listener by itself would wait for ever for who cannot connect.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    listener
        .set_nonblocking(true)
        .unwrap_or_else(|e| panic!("{e}"));
    let mut accepted = None;
    eventually("somebody connects", PATIENCE + PATIENCE / 2, || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let Some((stream, _)) = accepted else {
        panic!("nobody connected");
    };
    let bounded = stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_read_timeout(Some(PATIENCE)));
    bounded.unwrap_or_else(|e| panic!("{e}"));
    stream
}

fn drain(stream: &mut TcpStream) -> u64 {
    let mut buffer = [0; 1 << 16];
    let mut total = 0;
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        total += count as u64;
    }
    total
}

fn pour(stream: &mut TcpStream, bytes: u64) {
    let chunk = [0x5a; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        let sent = stream.write_all(&chunk[..count]);
        sent.unwrap_or_else(|e| panic!("sending: {e}"));
        left -= count as u64;
    }
}
