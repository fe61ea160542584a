//! What one call of `recvmmsg` takes out of a socket, and where it lies.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};

/// So many datagrams are taken at once.
const BATCH: usize = 64;
/// No datagram is longer, in bytes: they do not exceed an Ethernet jumbo frame.
const LONGEST: usize = 9216;

/// Room for a batch.
pub(super) struct Inbox {
    buffer: Vec<u8>,
    headers: MultiHeaders<SockaddrStorage>,
    taken: Vec<Taken>,
}

/// What is known of a datagram beside its bytes.
#[derive(Clone, Copy)]
struct Taken {
    source: IpAddr,
    /// In bytes; none when it was longer than there was room.
    length: Option<usize>,
}

/// How much of the room was needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// There may be more.
    All,
    /// The socket was emptied.
    Part,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; BATCH * LONGEST],
            headers: MultiHeaders::preallocate(BATCH, None),
            taken: Vec::with_capacity(BATCH),
        }
    }

    /// Waits for a datagram, and takes it and those that wait behind it.
    pub(super) fn fill(&mut self, socket: &UdpSocket) -> io::Result<Fill> {
        self.taken.clear();
        let rooms = self.buffer.chunks_exact_mut(LONGEST);
        let mut rooms: Vec<_> = rooms.map(|room| [IoSliceMut::new(room)]).collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        let descriptor = socket.as_raw_fd();
        let received = recvmmsg(descriptor, &mut self.headers, rooms.iter_mut(), flags, None)?;
        self.taken.extend(received.map(|message| Taken {
            source: message.address.as_ref().and_then(address).unwrap_or(NOBODY),
            length: (!message.flags.contains(MsgFlags::MSG_TRUNC)).then_some(message.bytes),
        }));
        match self.taken.len() {
            BATCH => Ok(Fill::All),
            _ => Ok(Fill::Part),
        }
    }

    /// The batch, in the order it came: whose each is, and its bytes unless it was cut.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = (IpAddr, Option<&[u8]>)> {
        let rooms = self.buffer.chunks_exact(LONGEST);
        self.taken.iter().zip(rooms).map(|(taken, room)| {
            let bytes = taken.length.and_then(|length| room.get(..length));
            (taken.source, bytes)
        })
    }
}

/// No host has this address.
const NOBODY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

fn address(storage: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = storage.as_sockaddr_in().map(|it| it.ip().into());
    v4.or_else(|| storage.as_sockaddr_in6().map(|it| it.ip().into()))
}
