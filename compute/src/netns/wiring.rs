//! Veth pairs between the host and an instance, by rtnetlink.
//!
//! ```text
//!   host's namespace                       instance's namespace
//!   br-int --- vif0123456789a ============ eth0 (mac, mtu, addresses, default route)
//! ```

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::process::Command;

use futures::TryStreamExt;
use model::PortId;
use model::plan::PlannedInterface;
use nix::errno::Errno;
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::{Handle, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::namespace;
use crate::SHIELDED_GROUP;

/// The name of the host's end of a port's veth pair: at most 15 characters, unique on the host.
pub(super) fn host_end(port: PortId) -> String {
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
pub(super) async fn ensure_pair(
    namespace_name: &str,
    interface: &PlannedInterface,
    inside_name: &str,
) -> io::Result<()> {
    let (handle, _connection) = connect()?;
    let host_end = host_end(interface.port_id);
    let inside = has_link(namespace_name, inside_name).await?;
    if let Some(index) = index_of(&handle, &host_end).await? {
        if inside {
            return Ok(());
        }
        // Half made, by an agent that died in between.
        handle
            .link()
            .del(index)
            .execute()
            .await
            .map_err(io::Error::other)?;
    }
    let passing = passing_name(interface.port_id);
    let pair = LinkVeth::new(&host_end, &passing).build();
    handle
        .link()
        .add(pair)
        .execute()
        .await
        .map_err(io::Error::other)?;
    let (Some(outer), Some(inner)) = (
        index_of(&handle, &host_end).await?,
        index_of(&handle, &passing).await?,
    ) else {
        return Err(io::Error::other("a veth pair vanished while it was made"));
    };
    let target = std::fs::File::open(namespace::path(namespace_name))?;
    let mtu = u32::from(interface.mtu);
    let moved = LinkUnspec::new_with_index(inner)
        .address(interface.mac.octets().to_vec())
        .name(inside_name)
        .setns_by_fd(target.as_raw_fd());
    let shielded = LinkUnspec::new_with_index(outer).link_group(SHIELDED_GROUP);
    set(&handle, shielded.build()).await?;
    set(&handle, moved.mtu(mtu).build()).await?;
    set(
        &handle,
        LinkUnspec::new_with_index(outer).mtu(mtu).up().build(),
    )
    .await
}

/// Removes the pair of a host's end, if it is there.
pub(super) async fn remove_pair(host_end: &str) -> io::Result<()> {
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
pub(super) async fn configure(
    namespace_name: &str,
    inside_name: &str,
    interface: &PlannedInterface,
) -> io::Result<()> {
    let (inside_name, interface) = (inside_name.to_owned(), interface.clone());
    within(namespace_name, move || async move {
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
            let add = request.add(index, address.addr(), address.prefix_len());
            add.replace().execute().await.map_err(io::Error::other)?;
        }
        for gateway in &interface.gateways {
            default_route(&handle, *gateway).await?;
        }
        no_transmit_offload(&inside_name)
    })
    .await
}

async fn default_route(handle: &Handle, gateway: IpAddr) -> io::Result<()> {
    let route = match gateway {
        IpAddr::V4(gateway) => RouteMessageBuilder::<std::net::Ipv4Addr>::new()
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

async fn has_link(namespace_name: &str, name: &str) -> io::Result<bool> {
    let name = name.to_owned();
    within(namespace_name, move || async move {
        let (handle, _connection) = connect()?;
        Ok(index_of(&handle, &name).await?.is_some())
    })
    .await
}

/// Runs a future inside a namespace, on a thread and a runtime of its own.
async fn within<T, W, F>(namespace_name: &str, work: W) -> io::Result<T>
where
    T: Send + 'static,
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = io::Result<T>>,
{
    let name = namespace_name.to_owned();
    let task = tokio::task::spawn_blocking(move || {
        namespace::inside(&name, || {
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
    let mut links = Box::pin(handle.link().get().match_name(name.to_owned()).execute());
    match links.try_next().await {
        Ok(link) => Ok(link.map(|link| link.header.index)),
        Err(rtnetlink::Error::NetlinkError(refusal))
            if refusal.to_io().raw_os_error() == Some(Errno::ENODEV as i32) =>
        {
            Ok(None)
        }
        Err(error) => Err(io::Error::other(error)),
    }
}
