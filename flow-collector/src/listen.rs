//! Datagrams from the socket into a bounded queue.
//!
//! The socket is emptied as fast as it fills; when the worker falls behind, the newest datagrams are
//! dropped and counted. So are those that the kernel dropped because the socket was full.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use model::Timestamp;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tracing::warn;

use crate::statistics::Counts;

/// So many datagrams may wait for the worker.
pub(crate) const QUEUE: usize = 8192;
/// What the socket may hold, in bytes; the kernel grants at most its `net.core.rmem_max`.
const SOCKET_BUFFER: usize = 16 << 20;
/// No datagram is longer, in bytes: they do not exceed an Ethernet jumbo frame.
const LONGEST: usize = 9216;

/// A datagram as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The address it came from.
    pub(crate) source: IpAddr,
    /// When, in milliseconds since 1970.
    pub(crate) arrived: i64,
    pub(crate) bytes: Box<[u8]>,
}

/// A socket at this address; `[::]` hears IPv4, too.
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM.nonblocking(),
        Some(Protocol::UDP),
    )?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Listens until the queue is closed.
pub(crate) async fn listen(
    socket: Arc<UdpSocket>,
    queue: mpsc::Sender<Received>,
    counts: Arc<Counts>,
) {
    let mut buffer = vec![0; LONGEST];
    while !queue.is_closed() {
        let (length, source) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                warn!(%error, "could not receive sFlow; trying again");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        counts.datagrams.fetch_add(1, Relaxed);
        let received = Received {
            source: source.ip(),
            arrived: Timestamp::now().unix_milliseconds(),
            bytes: buffer[..length].into(),
        };
        if queue.try_send(received).is_err() {
            counts.dropped_by_queue.fetch_add(1, Relaxed);
        }
    }
}

/// How many datagrams the kernel dropped because this socket was full.
pub(crate) fn dropped_by_kernel(socket: &UdpSocket) -> io::Result<u64> {
    let inode = inode(socket.as_raw_fd())?;
    for table in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
        // Without IPv6 there is no such table.
        let table = std::fs::read_to_string(table).unwrap_or_default();
        if let Some(drops) = drops_of(&table, &inode) {
            return Ok(drops);
        }
    }
    Err(io::ErrorKind::NotFound.into())
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
mod tests {
    use super::*;

    #[test]
    fn drops_are_read_from_the_kernels_table() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            10: 00000000:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0\n\
            11: 00000000:18C8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 29\n";
        assert_eq!(drops_of(table, "4712"), Some(29));
        assert_eq!(drops_of(table, "4713"), None);
    }

    #[tokio::test]
    async fn a_socket_of_ours_is_found_in_the_kernels_table() {
        for address in ["127.0.0.1:0", "[::]:0"] {
            let socket = bind(address.parse().unwrap()).unwrap();
            assert_eq!(dropped_by_kernel(&socket).unwrap(), 0);
        }
    }
}
