//! What the kernel says of this host's links, their addresses and routes: read whole.

use std::collections::BTreeMap;
use std::io;

use futures::{Stream, TryStreamExt};
use ipnet::IpNet;
use model::MacAddr;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope,
};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::packet_route::route::RouteMessage;
use rtnetlink::{Error, Handle, RouteMessageBuilder};
use serde::{Deserialize, Serialize};

use super::route::Route;

/// The links of this host's network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Every link by its name.
    pub links: BTreeMap<String, Link>,
}

/// A link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub index: u32,
    /// Its Ethernet address, if it has one.
    pub mac: Option<MacAddr>,
    /// The largest IP packet it sends, in bytes.
    pub mtu: u32,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether something is at its other end.
    pub carrier: bool,
    /// What kind of software it is, such as `veth`; absent for hardware.
    pub kind: Option<String>,
    /// The bridge or bond of the kernel that it is part of; Open vSwitch's datapath is none.
    pub master: Option<String>,
    /// Its group.
    pub group: u32,
    /// What it speaks by.
    pub presence: Presence,
}

/// What makes a link the host's own place in a network: addresses, and the routes that lead by it.
/// What the kernel makes up itself, such as link-local addresses, is not part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Its addresses with the lengths of their prefixes.
    pub addresses: Vec<IpNet>,
    /// Its routes.
    pub routes: Vec<Route>,
}

impl std::ops::Deref for Link {
    type Target = Presence;

    fn deref(&self) -> &Presence {
        &self.presence
    }
}

impl Presence {
    /// Whether there is nothing to it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.routes.is_empty()
    }

    /// Whether a default route is among the routes.
    #[must_use]
    pub fn has_default_route(&self) -> bool {
        self.routes.iter().any(Route::is_default)
    }
}

/// Reads all links with their addresses and routes.
///
/// # Errors
/// When the kernel does not answer.
pub async fn read() -> io::Result<Kernel> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    let connection = tokio::spawn(connection);
    let read = read_with(&handle).await;
    connection.abort();
    read.map_err(io::Error::other)
}

async fn read_with(handle: &Handle) -> Result<Kernel, Error> {
    let messages = all(handle.link().get().execute()).await?;
    let names: BTreeMap<u32, String> = messages
        .iter()
        .filter_map(|it| Some((it.header.index, name(it)?)))
        .collect();
    let links = messages
        .iter()
        .filter_map(|it| Some((name(it)?, link(it, &names))));
    let mut links: BTreeMap<String, Link> = links.collect();
    for message in all(handle.address().get().execute()).await? {
        let link = names.get(&message.header.index);
        let link = link.and_then(|name| links.get_mut(name));
        if let (Some(link), Some(address)) = (link, address(&message)) {
            link.presence.addresses.push(address);
        }
    }
    for version in [
        RouteMessageBuilder::<std::net::Ipv4Addr>::new().build(),
        RouteMessageBuilder::<std::net::Ipv6Addr>::new().build(),
    ] {
        for (index, route) in routes(handle, version).await? {
            let link = names.get(&index).and_then(|name| links.get_mut(name));
            if let Some(link) = link {
                link.presence.routes.push(route);
            }
        }
    }
    Ok(Kernel { links })
}

async fn routes(handle: &Handle, family: RouteMessage) -> Result<Vec<(u32, Route)>, Error> {
    let messages = all(handle.route().get(family).execute()).await?;
    Ok(messages.iter().filter_map(Route::read).collect())
}

async fn all<T>(stream: impl Stream<Item = Result<T, Error>>) -> Result<Vec<T>, Error> {
    stream.try_collect().await
}

fn name(message: &LinkMessage) -> Option<String> {
    message.attributes.iter().find_map(|it| match it {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })
}

fn link(message: &LinkMessage, names: &BTreeMap<u32, String>) -> Link {
    let mut link = Link {
        index: message.header.index,
        up: message.header.flags.contains(LinkFlags::Up),
        carrier: message.header.flags.contains(LinkFlags::LowerUp),
        ..Link::default()
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::Address(octets) => {
                let octets = <[u8; 6]>::try_from(octets.as_slice());
                link.mac = octets.ok().and_then(|it| it.try_into().ok());
            }
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::Group(group) => link.group = *group,
            LinkAttribute::Controller(index) => {
                let name = names.get(index).filter(|name| !name.starts_with("ovs-"));
                link.master = name.cloned();
            }
            LinkAttribute::LinkInfo(infos) => {
                link.kind = infos.iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind.to_string()),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    link
}

/// An address that somebody gave the link. What a router's advertisement gave, it will give again.
fn address(message: &AddressMessage) -> Option<IpNet> {
    let lasting = message.header.flags.contains(AddressHeaderFlags::Permanent);
    let (mut local, mut address) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            // On a link with a peer, `Address` is the peer's and `Local` ours.
            AddressAttribute::Local(it) => local = Some(*it),
            AddressAttribute::Address(it) => address = Some(*it),
            _ => {}
        }
    }
    let address = local.or(address)?;
    let given = address.is_ipv4() || lasting;
    let own = message.header.scope == AddressScope::Universe;
    match given && own {
        true => IpNet::new(address, message.header.prefix_len).ok(),
        false => None,
    }
}
