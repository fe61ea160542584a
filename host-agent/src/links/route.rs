//! Routes that lead by a link: read, set and removed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
    RouteType,
};
use serde::{Deserialize, Serialize};

use super::with_link;

/// A route with one way out, without the link that it leads by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Where to.
    pub destination: IpNet,
    /// By which router, if not directly.
    pub gateway: Option<IpAddr>,
    /// The address that is sent from, if it says.
    pub source: Option<IpAddr>,
    /// Smaller goes first.
    pub metric: Option<u32>,
    /// Its table (rt_tables(5)); 254 is the main one.
    pub table: u32,
    /// Who made it (`rtm_protocol` in rtnetlink(7)).
    pub protocol: u8,
    /// How far away the destination is (`rtm_scope` in rtnetlink(7)).
    pub scope: u8,
    /// Whether the router counts as a neighbour though no prefix says so.
    pub on_link: bool,
}

impl Route {
    /// The default route by a router, of the main table.
    #[must_use]
    pub fn default_by(gateway: IpAddr) -> Self {
        Self {
            destination: match gateway {
                IpAddr::V4(_) => ipnet::Ipv4Net::default().into(),
                IpAddr::V6(_) => ipnet::Ipv6Net::default().into(),
            },
            gateway: Some(gateway),
            source: None,
            metric: None,
            table: RouteHeader::RT_TABLE_MAIN.into(),
            protocol: RouteProtocol::Static.into(),
            scope: RouteScope::Universe.into(),
            on_link: false,
        }
    }

    /// Whether it leads everywhere.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.destination.prefix_len() == 0
    }

    /// A unicast route that somebody made, and the link it leads by. What the kernel keeps itself,
    /// for addresses or by what routers say, is nobody's to move.
    pub(super) fn read(message: &RouteMessage) -> Option<(u32, Self)> {
        let header = &message.header;
        let unspecified: IpAddr = match header.address_family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        let kernels = matches!(header.protocol, RouteProtocol::Kernel | RouteProtocol::Ra);
        if header.kind != RouteType::Unicast || kernels {
            return None;
        }
        let mut link = None;
        let mut destination = unspecified;
        let mut route = Self {
            destination: IpNet::from(unspecified),
            gateway: None,
            source: None,
            metric: None,
            table: header.table.into(),
            protocol: header.protocol.into(),
            scope: header.scope.into(),
            on_link: header.flags.contains(RouteFlags::Onlink),
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Oif(index) => link = Some(*index),
                RouteAttribute::Destination(to) => destination = ip(to)?,
                RouteAttribute::Gateway(by) => route.gateway = ip(by),
                RouteAttribute::PrefSource(from) => route.source = ip(from),
                RouteAttribute::Priority(metric) => route.metric = Some(*metric),
                RouteAttribute::Table(table) => route.table = *table,
                RouteAttribute::MultiPath(_) | RouteAttribute::Via(_) => return None,
                _ => {}
            }
        }
        route.destination = IpNet::new(destination, header.destination_prefix_length).ok()?;
        Some((link?, route))
    }

    fn message(&self, link: u32) -> Result<RouteMessage, rtnetlink::Error> {
        let mut builder = RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(self.destination.addr(), self.destination.prefix_len())
            .map_err(refused)?
            .output_interface(link)
            .table_id(self.table)
            .protocol(self.protocol.into())
            .scope(self.scope.into());
        if let Some(gateway) = self.gateway {
            builder = builder.gateway(gateway).map_err(refused)?;
        }
        if let Some(source) = self.source {
            builder = builder.pref_source(source).map_err(refused)?;
        }
        if let Some(metric) = self.metric {
            builder = builder.priority(metric);
        }
        if self.on_link {
            builder = builder.onlink();
        }
        Ok(builder.build())
    }
}

fn refused(error: impl std::fmt::Display) -> rtnetlink::Error {
    rtnetlink::Error::InvalidNla(error.to_string())
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

/// Makes a route lead by a link, in place of the same route by another.
///
/// # Errors
/// When there is no such link, or the kernel refuses.
pub async fn ensure(link: &str, route: &Route) -> io::Result<()> {
    with_link(link, async |handle, link| {
        let message = route.message(link.header.index)?;
        handle.route().add(message).replace().execute().await
    })
    .await
}

/// Removes a route by a link. Where there is none, all is well.
///
/// # Errors
/// When the kernel refuses.
pub async fn remove(link: &str, route: &Route) -> io::Result<()> {
    let removed = with_link(link, async |handle, link| {
        let message = route.message(link.header.index)?;
        match handle.route().del(message).execute().await {
            Err(rtnetlink::Error::NetlinkError(error)) if is_absent(&error) => Ok(()),
            outcome => outcome,
        }
    });
    match removed.await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// `ESRCH`: no such route.
fn is_absent(error: &rtnetlink::packet_core::ErrorMessage) -> bool {
    error.to_io().raw_os_error() == Some(nix::errno::Errno::ESRCH as i32)
}
