//! The kernel's links: which one leads to the controller, NICs switched on, and what overlays need.

pub mod address;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use futures::TryStreamExt;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::{Handle, LinkUnspec};

/// The name of the interface whose address the kernel would send from to reach `destination`.
///
/// # Errors
/// When there is no route, or the address is no interface's.
pub fn interface_towards(destination: SocketAddr) -> io::Result<String> {
    let ours: IpAddr = match destination {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    // Connecting a UDP socket sends nothing; it only makes the kernel choose a route.
    let socket = UdpSocket::bind((ours, 0))?;
    socket.connect(destination)?;
    let source = socket.local_addr()?.ip();
    let mut interfaces = getifaddrs()?;
    let has_source = |address: &SockaddrStorage| ip(address) == Some(source);
    interfaces
        .find(|interface| interface.address.as_ref().is_some_and(has_source))
        .map(|interface| interface.interface_name)
        .ok_or_else(|| io::Error::other(format!("no interface has the address {source}")))
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
}

/// Switches a link on unless it is on already.
///
/// # Errors
/// When there is no such link, or it cannot be switched on.
pub async fn switch_on(name: &str) -> io::Result<()> {
    with_link(name, async |handle, link| {
        if link.header.flags.contains(LinkFlags::Up) {
            return Ok(());
        }
        let up = LinkUnspec::new_with_index(link.header.index).up().build();
        handle.link().set(up).execute().await
    })
    .await
}

/// Puts the link with this name and number into a group (`ip link set … group`) unless it is there.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when there is none, or under this number another; or the kernel
/// refuses.
pub async fn ensure_group(name: &str, number: u32, group: u32) -> io::Result<()> {
    let mut found = true;
    with_link(name, async |handle, link| {
        found = link.header.index == number;
        if !found || link.attributes.contains(&LinkAttribute::Group(group)) {
            return Ok(());
        }
        let grouped = LinkUnspec::new_with_index(number).link_group(group);
        handle.link().set(grouped.build()).execute().await
    })
    .await?;
    match found {
        true => Ok(()),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Finds a link by its name and does something to it, over a connection of its own.
async fn with_link(
    name: &str,
    act: impl AsyncFnOnce(Handle, LinkMessage) -> Result<(), rtnetlink::Error>,
) -> io::Result<()> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    let connection = tokio::spawn(connection);
    let outcome = async {
        let links = handle.link().get().match_name(name.to_owned()).execute();
        let mut links = std::pin::pin!(links);
        let link = links.try_next().await.map_err(io_error)?;
        let link = link.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        act(handle, link).await.map_err(io_error)
    };
    let outcome = outcome.await;
    connection.abort();
    outcome
}

/// The kernel's own answer where there is one: it alone says that there is no such link.
fn io_error(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(answer) => match answer.to_io() {
            error if error.raw_os_error() == Some(Errno::ENODEV as i32) => {
                io::Error::new(io::ErrorKind::NotFound, error)
            }
            error => error,
        },
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_ourselves_is_the_loopback_interface() {
        let name = interface_towards("127.0.0.1:9".parse().unwrap()).unwrap();
        assert_eq!(name, "lo");
    }

    #[tokio::test]
    async fn a_link_that_does_not_exist_cannot_be_switched_on() {
        let error = switch_on("no-such-link").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_link_that_could_not_be_looked_up_is_not_taken_for_one_that_is_not_there() {
        // No link has a name so long, and the kernel says so in place of looking.
        let error = switch_on(&"x".repeat(500)).await.unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_link_under_another_number_is_not_there() {
        let error = ensure_group("lo", 4_000_000, 0).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
