//! Veth pairs between the host and an instance, by rtnetlink.
//!
//! ```text
//!   host's namespace                       instance's namespace
//!   br-int --- vif0123456789a ============ eth0 (mac, mtu, addresses, default route)
//! ```

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;

use futures::TryStreamExt;
use model::plan::PlannedInterface;
use model::{MacAddr, PortId, Route};
use nix::errno::Errno;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags};
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::namespace;
use crate::SHIELDED_GROUP;

/// The name of the host's end of a port's veth pair: at most 15 characters, unique on the host.
pub(crate) fn host_end(port: PortId) -> String {
    format!("vif{}", random_part(port))
}

/// The name the instance's end has until it is inside and gets its own.
fn passing_name(port: PortId) -> String {
    format!("tmp{}", random_part(port))
}

/// The last 12 digits: in a UUID of version 7 the first ones are the time.
fn random_part(port: PortId) -> String {
    port.uuid().simple().to_string().split_off(20)
}

/// Makes sure that the pair exists, with its instance's end inside the namespace.
pub(crate) async fn ensure_pair(
    namespace: &Path,
    interface: &PlannedInterface,
    inside_name: &str,
) -> io::Result<()> {
    let (handle, _connection) = connect()?;
    let host_end = host_end(interface.port_id);
    let outside = index_of(&handle, &host_end).await?.is_some();
    if outside && has_link(namespace, inside_name).await? {
        return Ok(());
    }
    // What was half made by an agent that died.
    remove_pair(&host_end).await?;
    let target = std::fs::File::open(namespace)?;
    let mtu = u32::from(interface.mtu);
    // Made where it belongs: the kernel takes twenty times as long to move a link to another namespace.
    let inner = LinkMessageBuilder::<LinkUnspec>::new()
        .name(inside_name)
        .address(interface.mac.octets().to_vec())
        .mtu(mtu)
        .setns_by_fd(target.as_raw_fd());
    let pair = LinkVeth::new(&host_end, inside_name)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(inner.build())))
        .link_group(SHIELDED_GROUP)
        .mtu(mtu)
        .up();
    let added = handle.link().add(pair.build()).execute().await;
    added.map_err(io::Error::other)
}

/// Makes the pair of a port, both ends on the host: its own up, the instance's down. What was half made by
/// an agent that died goes.
pub(crate) async fn make_pair(port: PortId) -> io::Result<()> {
    let host_end = host_end(port);
    remove_pair(&host_end).await?;
    let (handle, _connection) = connect()?;
    let pair = LinkVeth::new(&host_end, &passing_name(port)).build();
    let added = handle.link().add(pair).execute().await;
    added.map_err(io::Error::other)?;
    let outer = index_of(&handle, &host_end).await?.ok_or_else(vanished)?;
    let shielded = LinkUnspec::new_with_index(outer).link_group(SHIELDED_GROUP);
    set(&handle, shielded.build()).await?;
    set(&handle, LinkUnspec::new_with_index(outer).up().build()).await
}

/// Moves the instance's end of a pair into the namespace.
pub(crate) async fn move_inside(
    namespace: &Path,
    interface: &PlannedInterface,
    inside_name: &str,
) -> io::Result<()> {
    let (handle, _connection) = connect()?;
    let (outer, inner) = (host_end(interface.port_id), passing_name(interface.port_id));
    let outer = index_of(&handle, &outer).await?.ok_or_else(vanished)?;
    let inner = index_of(&handle, &inner).await?.ok_or_else(vanished)?;
    let target = std::fs::File::open(namespace)?;
    let mtu = u32::from(interface.mtu);
    let moved = LinkUnspec::new_with_index(inner)
        .address(interface.mac.octets().to_vec())
        .name(inside_name)
        .setns_by_fd(target.as_raw_fd());
    set(&handle, moved.mtu(mtu).build()).await?;
    set(&handle, LinkUnspec::new_with_index(outer).mtu(mtu).build()).await
}

fn vanished() -> io::Error {
    io::Error::other("a veth pair vanished while it was made")
}

/// Gives both ends of a pair that somebody else made what they are to have, wherever the other one is.
pub(crate) async fn dress(link: &str, namespace: &Path, mac: MacAddr, mtu: u16) -> io::Result<()> {
    let (handle, _connection) = connect()?;
    let mtu = u32::from(mtu);
    let outer = link_called(&handle, link).await?.ok_or_else(vanished)?;
    let shielded = LinkUnspec::new_with_index(outer.header.index).link_group(SHIELDED_GROUP);
    set(&handle, shielded.mtu(mtu).up().build()).await?;
    let mut attributes = outer.attributes.iter();
    let peer = attributes.find_map(|it| match it {
        LinkAttribute::Link(peer) => Some(*peer),
        _ => None,
    });
    let peer = peer.ok_or_else(|| io::Error::other("it is no pair"))?;
    within(namespace, move || async move {
        let (handle, _connection) = connect()?;
        let dressed = LinkUnspec::new_with_index(peer).address(mac.octets().to_vec());
        set(&handle, dressed.mtu(mtu).build()).await?;
        let mut links = Box::pin(handle.link().get().match_index(peer).execute());
        let link = links.try_next().await.map_err(io::Error::other)?;
        let link = link.ok_or_else(vanished)?;
        let name = link.attributes.into_iter().find_map(|it| match it {
            LinkAttribute::IfName(name) => Some(name),
            _ => None,
        });
        no_transmit_offload(&name.ok_or_else(vanished)?)
    })
    .await
}

/// Removes the pair of a host's end, if it is there.
pub(crate) async fn remove_pair(host_end: &str) -> io::Result<()> {
    let (handle, _connection) = connect()?;
    match index_of(&handle, host_end).await? {
        Some(index) => handle
            .link()
            .del(index)
            .execute()
            .await
            .map_err(io::Error::other),
        None => Ok(()),
    }
}

/// Gives the instance's end its addresses and routes and switches it on, from inside.
pub(crate) async fn configure(
    namespace: &Path,
    inside_name: &str,
    interface: &PlannedInterface,
    routes: &[Route],
) -> io::Result<()> {
    let (inside_name, interface) = (inside_name.to_owned(), interface.clone());
    let routes = routes.to_vec();
    within(namespace, move || async move {
        let (handle, _connection) = connect()?;
        for name in ["lo", &inside_name] {
            let up = LinkUnspec::new_with_name(name).up().build();
            set(&handle, up).await?;
        }
        let index = index_of(&handle, &inside_name)
            .await?
            .ok_or_else(|| io::Error::other("the instance's end is not inside"))?;
        for address in &interface.addresses {
            let request = handle.address();
            let mut add = request.add(index, address.addr(), address.prefix_len());
            // Nobody else can have it: whoever waited for an objection (RFC 4862) would lose a second of IPv6.
            add.message_mut().header.flags |= AddressHeaderFlags::Nodad;
            add.replace().execute().await.map_err(io::Error::other)?;
        }
        for gateway in &interface.gateways {
            default_route(&handle, *gateway).await?;
        }
        for route in &routes {
            let destination = route.destination;
            let message = RouteMessageBuilder::<Ipv4Addr>::new()
                .destination_prefix(destination.addr(), destination.prefix_len())
                .gateway(route.next_hop)
                .build();
            let add = handle.route().add(message).replace();
            add.execute().await.map_err(io::Error::other)?;
        }
        no_transmit_offload(&inside_name)
    })
    .await
}

async fn default_route(handle: &Handle, gateway: IpAddr) -> io::Result<()> {
    let route = match gateway {
        IpAddr::V4(gateway) => RouteMessageBuilder::<Ipv4Addr>::new()
            .gateway(gateway)
            .build(),
        IpAddr::V6(gateway) => RouteMessageBuilder::<std::net::Ipv6Addr>::new()
            .gateway(gateway)
            .build(),
    };
    let add = handle.route().add(route).replace();
    add.execute().await.map_err(io::Error::other)
}

/// A userspace datapath takes packets before the kernel would have filled in their checksums;
/// without this TCP between instances fails while ping works.
fn no_transmit_offload(inside_name: &str) -> io::Result<()> {
    let output = Command::new("ethtool")
        .args(["-K", inside_name, "tx", "off"])
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("could not run ethtool: {error}")))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "ethtool could not switch off transmit checksums: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}

async fn has_link(namespace: &Path, name: &str) -> io::Result<bool> {
    let name = name.to_owned();
    within(namespace, move || async move {
        let (handle, _connection) = connect()?;
        Ok(index_of(&handle, &name).await?.is_some())
    })
    .await
}

/// Runs a future inside a namespace, on a thread and a runtime of its own.
async fn within<T, W, F>(namespace: &Path, work: W) -> io::Result<T>
where
    T: Send + 'static,
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = io::Result<T>>,
{
    let namespace = namespace.to_path_buf();
    let task = tokio::task::spawn_blocking(move || {
        namespace::inside(&namespace, || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build()?.block_on(work())
        })
    });
    task.await.map_err(io::Error::other)?
}

/// A netlink connection in the present namespace; it ends when its task is dropped.
fn connect() -> io::Result<(Handle, AbortOnDrop)> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    Ok((handle, AbortOnDrop(tokio::spawn(connection))))
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn set(handle: &Handle, message: LinkMessage) -> io::Result<()> {
    let request = handle.link().set(message);
    request.execute().await.map_err(io::Error::other)
}

/// The number of the link called `name`, if there is one.
async fn index_of(handle: &Handle, name: &str) -> io::Result<Option<u32>> {
    let link = link_called(handle, name).await?;
    Ok(link.map(|link| link.header.index))
}

async fn link_called(handle: &Handle, name: &str) -> io::Result<Option<LinkMessage>> {
    let mut links = Box::pin(handle.link().get().match_name(name.to_owned()).execute());
    match links.try_next().await {
        Ok(link) => Ok(link),
        Err(rtnetlink::Error::NetlinkError(refusal))
            if refusal.to_io().raw_os_error() == Some(Errno::ENODEV as i32) =>
        {
            Ok(None)
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

/// What an instance's end is like inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// The largest IP packet it sends, in bytes.
    pub mtu: Option<u32>,
    /// Whether it is switched on.
    pub is_up: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Looks at an instance's end; none, if it is not there.
pub(crate) async fn look(namespace: &Path, name: &str) -> io::Result<Option<Inside>> {
    let name = name.to_owned();
    within(namespace, move || async move {
        let (handle, _connection) = connect()?;
        let Some(link) = link_called(&handle, &name).await? else {
            return Ok(None);
        };
        let mut inside = Inside {
            is_up: link.header.flags.contains(LinkFlags::Up),
            ..Inside::default()
        };
        for attribute in link.attributes {
            match attribute {
                LinkAttribute::Address(bytes) => {
                    let octets = <[u8; 6]>::try_from(bytes).ok();
                    inside.mac = octets.and_then(|octets| MacAddr::try_from(octets).ok());
                }
                LinkAttribute::Mtu(mtu) => inside.mtu = Some(mtu),
                _ => {}
            }
        }
        let of_link = handle.address().get();
        let mut found = Box::pin(of_link.set_link_index_filter(link.header.index).execute());
        while let Some(address) = found.try_next().await.map_err(io::Error::other)? {
            let addresses = address.attributes.iter().filter_map(|it| match it {
                AddressAttribute::Address(address) => Some(*address),
                _ => None,
            });
            inside.addresses.extend(addresses);
        }
        Ok(Some(inside))
    })
    .await
}
