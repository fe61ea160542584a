//! What makes an item fit to be carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use model::plan::{
    PlanKey, PlannedNetwork, PlannedPhysicalNetwork, PlannedPort, PlannedRemotePort, PlannedSubnet,
};
use model::report::ItemFailure;
use model::{
    AddressPair, Carrier, MacAddr, NetworkId, NetworkNumber, PhysicalNetwork, Role, Segment, VlanId,
};

use super::{Wanted, WantedNetwork, WantedPhysicalNetwork, WantedPort, is_of_hosts};
use crate::pipeline::{Outsiders, Reach, RemotePort, link_local};
use crate::topology::uplink_bridge;

/// Why an item is not carried out.
pub(super) type Refused = String;

/// What items before this one hold, and no other may.
#[derive(Default)]
pub(super) struct Claims {
    numbers: BTreeMap<NetworkNumber, NetworkId>,
    segments: BTreeMap<Segment, NetworkId>,
    /// VLANs of NICs and bonds: two physical networks may stand on one.
    wires: BTreeMap<(Carrier, Option<VlanId>), NetworkId>,
    macs: BTreeSet<(NetworkId, MacAddr)>,
    addresses: BTreeSet<(NetworkId, IpAddr)>,
}

impl Claims {
    /// Takes an address of a network, unless somebody has it.
    pub(super) fn take(&mut self, network: NetworkId, address: IpAddr) -> Result<(), Refused> {
        match self.addresses.insert((network, address)) {
            true => Ok(()),
            false => Err(taken(address)),
        }
    }

    /// The gateways of a network's subnets. A prefix of one address has no other for its gateway
    /// than its port's.
    pub(super) fn unclaimed_gateways(
        &self,
        network: NetworkId,
        subnets: &[PlannedSubnet],
    ) -> Arc<[IpAddr]> {
        let gateways = subnets.iter().map(|subnet| subnet.gateway);
        let unclaimed = gateways.filter(|it| !self.addresses.contains(&(network, *it)));
        let unique: BTreeSet<IpAddr> = unclaimed.collect();
        unique.into_iter().collect()
    }
}

impl Wanted {
    pub(super) fn physical_network(
        &mut self,
        item: &PlannedPhysicalNetwork,
    ) -> Result<(), Refused> {
        let name = item.name.as_str();
        if !is_interface_name(name) {
            return Err(format!("br-{name} cannot be the name of a bridge"));
        }
        let mut others = self.physical_networks.values();
        if let Some(reason) = others.find_map(|other| in_the_way(item, other)) {
            return Err(reason);
        }
        let wanted = WantedPhysicalNetwork {
            name: name.to_owned(),
            role: item.role,
            uplink: item.uplink.clone(),
            mtu: item.mtu,
            endpoint: item.endpoint.filter(|_| item.role != Role::Management),
            address: item.address.clone(),
        };
        self.physical_networks.insert(item.id, wanted);
        Ok(())
    }

    pub(super) fn network(
        &mut self,
        item: &PlannedNetwork,
        claims: &mut Claims,
    ) -> Result<(), Refused> {
        self.carrier(&item.segment)?;
        if item.sharing.external && item.segment.tunnel().is_some() {
            return Err("it is an overlay, which no physical machine can be on".to_owned());
        }
        if let Some(other) = claims.numbers.get(&item.number) {
            return Err(format!(
                "its number {} is that of network {other}",
                item.number
            ));
        }
        let wire = self.wire(&item.segment);
        let on_wire = wire.as_ref().and_then(|it| claims.wires.get(it));
        if let Some(other) = claims.segments.get(&item.segment).or(on_wire) {
            let mark = match (item.segment.vlan(), item.segment.tunnel()) {
                (_, Some((_, vni))) => format!("VNI {vni}"),
                (Some(vlan), None) => format!("VLAN {vlan}"),
                (None, None) => "physical network without a tag".to_owned(),
            };
            return Err(format!("its {mark} is that of network {other}"));
        }
        claims.numbers.insert(item.number, item.id);
        claims.segments.insert(item.segment, item.id);
        claims.wires.extend(wire.map(|wire| (wire, item.id)));
        let network = WantedNetwork {
            number: item.number,
            segment: item.segment,
            remotes: Arc::default(),
            mtu: item.mtu,
            subnets: item.subnets.clone(),
            gateways: Arc::default(),
            resolvers: Arc::default(),
            names: Arc::default(),
            outsiders: outsiders(item),
            reach: reach(item),
            routing: None,
        };
        self.networks.insert(item.id, network);
        Ok(())
    }

    /// What a network's own frames have on the cable: a VLAN's tag, or none.
    fn wire(&self, segment: &Segment) -> Option<(Carrier, Option<VlanId>)> {
        let network = self.physical_networks.get(&segment.physical_network_id())?;
        let vlan = match segment {
            Segment::Flat { .. } => network.uplink.vlan(),
            _ => Some(segment.vlan()?),
        };
        Some((network.uplink.carrier().clone(), vlan))
    }

    /// Whether a segment can be carried here at all.
    fn carrier(&self, segment: &Segment) -> Result<(), Refused> {
        let id = segment.physical_network_id();
        // Management must not be reachable from any VIF.
        let carrier = self.physical_networks.get(&id);
        let carrier = carrier
            .filter(|it| it.role != Role::Management)
            .ok_or_else(|| format!("the physical network {id} carries no tenant networks here"))?;
        if segment.tunnel().is_some() && carrier.endpoint.is_none() {
            return Err(format!(
                "this host has no endpoint of overlays on {}",
                carrier.name
            ));
        }
        let flat = matches!(segment, Segment::Flat { .. });
        if flat && carrier.endpoint.is_some() {
            return Err(format!(
                "what {} carries without a tag is the endpoints of overlays",
                carrier.name
            ));
        }
        let on_wire = self.wire(segment).map(|(_, vlan)| vlan);
        let beside = |it: &&WantedPhysicalNetwork| {
            let hosts_speak = it.is_of_hosts() || it.endpoint.is_some();
            it.name != carrier.name
                && it.uplink.carrier() == carrier.uplink.carrier()
                && Some(it.uplink.vlan()) == on_wire
                && (hosts_speak || it.uplink.vlan().is_some())
        };
        let own = segment.vlan().is_some() && carrier.uplink.vlan() == segment.vlan();
        let mut others = self.physical_networks.values();
        match others.find(beside).or(Some(carrier).filter(|_| own)) {
            Some(other) => Err(format!(
                "its VLAN is that of the physical network {} on {}",
                other.name, other.uplink
            )),
            None => Ok(()),
        }
    }

    pub(super) fn port(&mut self, item: &PlannedPort, claims: &mut Claims) -> Result<(), Refused> {
        if item.standby.is_none() {
            self.claim(item.network_id, item.mac, &item.addresses, claims)?;
        } else if !self.networks.contains_key(&item.network_id) {
            // Its addresses are those of the port where it is lit.
            return Err(not_here(item.network_id));
        }
        let port = WantedPort {
            network: item.network_id,
            mac: item.mac,
            addresses: item.addresses.clone().into(),
            allowed: item.allowed.clone().into(),
            spoof_guard: item.spoof_guard,
            limits: item.limits,
            hostname: item.hostname.clone(),
            security_group_ids: item.security_group_ids.clone(),
            on_trunk: item.on_trunk,
            standby: item.standby,
        };
        self.ports.insert(item.id, port);
        Ok(())
    }

    pub(super) fn remote_port(
        &self,
        item: &PlannedRemotePort,
        claims: &mut Claims,
    ) -> Result<RemotePort, Refused> {
        let endpoint = self.endpoint(item)?;
        self.claim(item.network_id, item.mac, &item.addresses, claims)?;
        Ok(RemotePort {
            mac: item.mac,
            addresses: item.addresses.clone().into(),
            virtual_macs: item.virtual_macs.clone().into(),
            spoof_guard: item.spoof_guard,
            endpoint,
        })
    }

    /// Where the host of a port is reached, if its network is an overlay: from here, and not here.
    fn endpoint(&self, item: &PlannedRemotePort) -> Result<Option<IpAddr>, Refused> {
        let network = self.networks.get(&item.network_id);
        let Some(network) = network.filter(|it| it.segment.tunnel().is_some()) else {
            return Ok(None);
        };
        let carrier = network.segment.physical_network_id();
        let carrier = self.physical_networks.get(&carrier);
        let own = carrier
            .and_then(|carrier| carrier.endpoint)
            .map(|it| it.addr());
        let usable =
            |it: &IpAddr| own.is_some_and(|own| own != *it && own.is_ipv4() == it.is_ipv4());
        match item.endpoint.filter(usable) {
            Some(endpoint) => Ok(Some(endpoint)),
            None => Err("its host has no endpoint of overlays that this host could reach".into()),
        }
    }

    /// Takes the addresses of a port, unless another port of its network has one of them.
    fn claim(
        &self,
        network: NetworkId,
        mac: MacAddr,
        addresses: &[IpAddr],
        claims: &mut Claims,
    ) -> Result<(), Refused> {
        if !self.networks.contains_key(&network) {
            return Err(not_here(network));
        }
        if claims.macs.contains(&(network, mac)) {
            return Err(taken(mac));
        }
        let mut others = addresses.iter();
        if let Some(address) = others.find(|it| claims.addresses.contains(&(network, **it))) {
            return Err(taken(address));
        }
        claims.macs.insert((network, mac));
        let addresses = addresses.iter().map(|address| (network, *address));
        claims.addresses.extend(addresses);
        Ok(())
    }
}

/// What ports may send from besides their own addresses.
impl Wanted {
    /// The controller gives no port a pair that would let it speak as another or as the gateway.
    /// Should a plan hold one all the same, the port goes without it, and that is reported.
    pub(super) fn drop_foreign_pairs(&mut self, claims: &Claims) {
        for (id, port) in &mut self.ports {
            let Some(network) = self.networks.get(&port.network) else {
                continue;
            };
            let foreign = |pair: &&AddressPair| claims.is_foreign(pair, port, network);
            let Some(first) = port.allowed.iter().find(foreign) else {
                continue;
            };
            self.failures.push(ItemFailure {
                key: PlanKey::Port(*id),
                reason: format!("it may not send from {first}, which is another's"),
            });
            let kept = port.allowed.iter().filter(|pair| !foreign(pair)).copied();
            port.allowed = kept.collect();
        }
    }
}

impl Claims {
    fn is_foreign(&self, pair: &AddressPair, port: &WantedPort, network: &WantedNetwork) -> bool {
        let id = port.network;
        let foreign_mac = |mac: &MacAddr| {
            *mac == MacAddr::gateway(network.number)
                || *mac != port.mac && self.macs.contains(&(id, *mac))
        };
        let (first, last) = (pair.prefix.network(), pair.prefix.broadcast());
        let mut claimed = self.addresses.range((id, first)..=(id, last));
        let link_local = |mac| IpAddr::V6(link_local(mac));
        let gateways = network.subnets.iter().map(|subnet| subnet.gateway);
        let mut gateways = gateways.chain([link_local(MacAddr::gateway(network.number))]);
        pair.mac.as_ref().is_some_and(foreign_mac)
            || claimed.any(|(_, address)| !port.addresses.contains(address))
            || gateways.any(|it| pair.prefix.contains(&it) && !port.addresses.contains(&it))
    }
}

/// Why two physical networks cannot both be on one host.
fn in_the_way(item: &PlannedPhysicalNetwork, other: &WantedPhysicalNetwork) -> Option<String> {
    let (mine, theirs) = (&item.uplink, &other.uplink);
    let shared = mine.nics().iter().find(|nic| other.stands_on(nic.as_str()));
    // Where one of them speaks by the VLANs of tenants alone, untagged frames are the other's.
    let item_speaks = is_of_hosts(item.role) || item.endpoint.is_some();
    let untagged = item_speaks && (other.is_of_hosts() || other.endpoint.is_some());
    let reason = if other.name == item.name.as_str() {
        "its name is already".to_owned()
    } else if let (Some(nic), true) = (shared, mine.carrier() != theirs.carrier()) {
        format!("its NIC {nic} is, in another bond or alone,")
    } else if shared.is_some()
        && mine.vlan() == theirs.vlan()
        && (mine.vlan().is_some() || untagged)
    {
        format!("its uplink {mine} is already")
    } else if shared.is_none() && uplink_bridge(mine) == uplink_bridge(theirs) {
        format!("its bridge {} is already", uplink_bridge(mine))
    } else {
        return None;
    };
    Some(format!(
        "{reason} that of the physical network {}",
        other.name
    ))
}

fn outsiders(item: &PlannedNetwork) -> Outsiders {
    let mut v4 = item.subnets.iter().filter(|it| it.cidr.addr().is_ipv4());
    let ours = v4.clone().any(|subnet| subnet.handout.dhcp);
    match item.sharing.external {
        false => Outsiders::None,
        true if !ours && v4.next().is_some() => Outsiders::DhcpServer,
        true => Outsiders::Machines,
    }
}

fn reach(item: &PlannedNetwork) -> Reach {
    match item.sharing.isolated {
        false => Reach::Everybody,
        true => Reach::Gateway(item.sharing.gateway_macs.clone().into()),
    }
}

fn not_here(network: NetworkId) -> Refused {
    format!("its network {network} is not carried out here")
}

fn taken(address: impl std::fmt::Display) -> Refused {
    format!("its address {address} is that of another port of its network")
}

/// Whether a bridge `br-<name>` and its patch ports can be named after this.
fn is_interface_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    name.len() <= PhysicalNetwork::NAME_MAX_CHARS && name.bytes().all(allowed) && name != "int"
}
