//! Datagrams from the sockets to the meters: in batches, on several cores.
//!
//! Several sockets share the address (`SO_REUSEPORT`): the kernel gives all that comes from one sender
//! to the same one, so that its order stays. Each has a thread that takes what waits in one call, and
//! attributes and tallies it where it lies: nothing is queued and nothing copied. A thread that has
//! emptied its socket rests for a moment, for a batch costs hardly more than a datagram.
//!
//! When a thread falls behind, the kernel drops the newest datagrams, and counts them.

mod inbox;

use std::io;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

use crate::meters::Meters;
use inbox::{Fill, Inbox};

/// No more cores than that: one takes in what 10,000 hosts send.
const MOST_SOCKETS: usize = 4;
/// What a socket may hold, in bytes.
const SOCKET_BUFFER: usize = 16 << 20;
/// A socket must not overflow in a rest while so much comes, in bytes a second as the kernel counts
/// them: about twice those on the wire.
const BURST: u64 = 400_000_000;
/// No rest is longer.
const LONGEST_REST: Duration = Duration::from_millis(10);
/// How long a thread waits for a datagram before it looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(100);
/// So many batches are taken after the order to stop, if there are so many.
const LAST_BATCHES: usize = 1024;

/// The sockets of one address.
#[derive(Debug)]
pub(crate) struct Sockets {
    address: SocketAddr,
    all: Vec<UdpSocket>,
}

impl Sockets {
    /// Sockets at this address, one for each core; `[::]` hears IPv4, too.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        // Only sockets that share it on purpose: another collector is not to have half of it.
        drop(open(address, Sharing::Refused)?);
        let first = open(address, Sharing::Wanted)?;
        let address = first.local_addr()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut all = vec![first];
        for _ in 1..cores.min(MOST_SOCKETS) {
            all.push(open(address, Sharing::Wanted)?);
        }
        Ok(Self { address, all })
    }

    /// Where they listen.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many datagrams the kernel dropped because these sockets were full.
    pub(crate) fn dropped_by_kernel(&self) -> io::Result<u64> {
        let inodes = self.all.iter().map(|socket| inode(socket.as_raw_fd()));
        let inodes: Vec<String> = inodes.collect::<io::Result<_>>()?;
        // Without IPv6 there is no such table.
        let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"]
            .map(|table| std::fs::read_to_string(table).unwrap_or_default());
        let drops = |inode: &String| tables.iter().find_map(|table| drops_of(table, inode));
        let drops: Option<Vec<u64>> = inodes.iter().map(drops).collect();
        drops
            .map(|drops| drops.iter().sum())
            .ok_or(io::ErrorKind::NotFound.into())
    }
}

/// Whether an address may have several sockets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Refused,
    Wanted,
}

fn open(address: SocketAddr, sharing: Sharing) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_port(sharing == Sharing::Wanted)?;
    if setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BUFFER).is_err() {
        // Who may not force gets at most `net.core.rmem_max`.
        socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    }
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The threads that receive. When this is dropped they stop by themselves.
#[derive(Debug)]
pub(crate) struct Receivers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Receivers {
    /// A thread for each socket.
    pub(crate) fn start(sockets: &Arc<Sockets>, meters: &Arc<Meters>) -> io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let mut receivers = Self {
            stop: stop.clone(),
            threads: Vec::new(),
        };
        for number in 0..sockets.all.len() {
            let (sockets, meters, stop) = (sockets.clone(), meters.clone(), stop.clone());
            let thread = std::thread::Builder::new().name(format!("sflow-{number}"));
            let thread = thread.spawn(move || receive(&sockets.all[number], &meters, &stop))?;
            receivers.threads.push(thread);
        }
        Ok(receivers)
    }

    /// Takes what has come, and ends. Blocks.
    pub(crate) fn stop(mut self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            // What a thread that panicked had taken is in the meters.
            let _panic = thread.join();
        }
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

fn receive(socket: &UdpSocket, meters: &Meters, stop: &AtomicBool) {
    let mut inbox = Inbox::new();
    let rest = rest(socket);
    while !stop.load(Relaxed) {
        match inbox.fill(socket) {
            Ok(filled) => {
                meters.take(inbox.datagrams());
                if filled == Fill::Part {
                    std::thread::sleep(rest);
                }
            }
            Err(error) if is_silence(&error) => {}
            Err(error) => {
                warn!(%error, "could not receive sFlow; trying again");
                std::thread::sleep(PATIENCE);
            }
        }
    }
    for _ in 0..LAST_BATCHES {
        if socket.set_nonblocking(true).is_err() || inbox.fill(socket).is_err() {
            return;
        }
        meters.take(inbox.datagrams());
    }
}

/// How long a socket may be left alone without dropping anything of a burst.
fn rest(socket: &UdpSocket) -> Duration {
    let granted = socket2::SockRef::from(socket).recv_buffer_size();
    let granted = granted.ok().and_then(|bytes| u64::try_from(bytes).ok());
    let rest = granted.unwrap_or(0).saturating_mul(1_000_000) / BURST;
    Duration::from_micros(rest).min(LONGEST_REST)
}

fn is_silence(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
    kinds.contains(&error.kind())
}

/// The socket's number, as in the kernel's table of sockets.
fn inode(descriptor: RawFd) -> io::Result<String> {
    let target = std::fs::read_link(format!("/proc/self/fd/{descriptor}"))?;
    let target = target.to_string_lossy();
    let inode = target
        .strip_prefix("socket:[")
        .and_then(|rest| rest.strip_suffix(']'));
    inode
        .map(str::to_owned)
        .ok_or(io::ErrorKind::InvalidData.into())
}

/// The last column of the row whose tenth is `inode`.
fn drops_of(table: &str, inode: &str) -> Option<u64> {
    let mut rows = table.lines().skip(1).map(str::split_ascii_whitespace);
    let row = rows.find(|row| row.clone().nth(9) == Some(inode))?;
    row.last()?.parse().ok()
}

#[cfg(test)]
mod tests;
