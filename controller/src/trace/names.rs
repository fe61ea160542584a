//! What things are called, for whoever asks: a tenant is told of nothing that is another's. Pure.

use model::{
    HostId, Network, NetworkNumber, PortId, Router, SecurityGroupNumber, TenantId, TraceHop,
};

use crate::intent::Intent;

/// What things are called, for whoever asks.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) intent: &'a Intent,
    /// A tenant, who is told of nothing that is another's.
    pub(super) viewer: Option<TenantId>,
}

impl Names<'_> {
    pub(super) fn may_know(&self, owner: TenantId) -> bool {
        self.viewer.is_none_or(|viewer| viewer == owner)
    }

    pub(super) fn host(&self, id: HostId) -> String {
        let host = self.intent.hosts.get(&id);
        host.map_or_else(|| id.to_string(), |host| host.name.to_string())
    }

    /// A VIF, by its own name, its instance's, or its id.
    pub(super) fn port(&self, id: PortId) -> String {
        let Some(port) = self.intent.ports.get(&id) else {
            return format!("VIF {id}");
        };
        if !self.may_know(port.tenant_id) {
            return "a VIF of another tenant".to_owned();
        }
        let instance = self.intent.instance_with(id);
        let name = port.name.as_ref().map(|name| format!("VIF {name}"));
        let name = name.or_else(|| Some(format!("VIF of {}", instance?.instance.name)));
        let name = name.unwrap_or_else(|| format!("VIF {id}"));
        match port.addresses.first() {
            Some(address) => format!("{name} ({address})"),
            None => name,
        }
    }

    pub(super) fn network(&self, network: &Network) -> String {
        match network.sharing.shared || self.may_know(network.tenant_id) {
            true => format!("network {}", network.name),
            false => "a network of another tenant".to_owned(),
        }
    }

    pub(super) fn numbered(&self, number: NetworkNumber) -> Option<&Network> {
        let mut networks = self.intent.networks.values();
        networks.find(|it| it.number == number).map(|it| &**it)
    }

    pub(super) fn router(&self, network: &Network) -> Option<&Router> {
        self.intent.router_of(network.id).map(|it| &**it)
    }

    /// The security groups of a VIF.
    pub(super) fn groups(&self, id: PortId) -> String {
        let port = self.intent.ports.get(&id);
        let known = port.filter(|port| self.may_know(port.tenant_id));
        let ids = known.map(|port| &port.security_group_ids);
        let ids = ids.into_iter().flatten();
        let groups = ids.filter_map(|id| self.intent.security_groups.get(id));
        let names: Vec<&str> = groups.map(|group| group.name.as_str()).collect();
        let port = self.port(id);
        match (known, names.as_slice()) {
            (None, _) => format!("the security groups of {port}"),
            (_, []) => format!("{port}, which is in no security group"),
            (_, [one]) => format!("the security group {one} of {port}"),
            (_, several) => format!("the security groups {} of {port}", several.join(", ")),
        }
    }

    /// By whose wish a rule is there.
    pub(super) fn by(&self, hop: &TraceHop) -> String {
        let network = hop.network.and_then(|number| self.numbered(number));
        let of_network = || network.map(|it| self.network(it));
        let of_port = || hop.port_id.map(|id| self.port(id));
        let found = match hop.table.as_str() {
            "route" | "fits" | "next_hop" | "undeliverable" => {
                let router = network.and_then(|it| self.router(it));
                let router = router.filter(|it| self.may_know(it.tenant_id));
                let router = router.map(|it| format!("router {}", it.name));
                router.or_else(of_network)
            }
            "egress" | "ingress" => hop.port_id.map(|id| self.groups(id)),
            "rules" => hop.security_group.map(|number| self.group(number)),
            "fabric_guard" | "fabric_senders" | "respond" | "advertise" | "forward" => of_network(),
            _ => of_port(),
        };
        found
            .or_else(of_network)
            .unwrap_or_else(|| "every network".to_owned())
    }

    fn group(&self, number: SecurityGroupNumber) -> String {
        let mut groups = self.intent.security_groups.values();
        let group = groups.find(|group| group.number == number);
        let group = group.filter(|group| self.may_know(group.tenant_id));
        let name = group.map(|group| format!("security group {}", group.name));
        name.unwrap_or_else(|| "a security group".to_owned())
    }
}
