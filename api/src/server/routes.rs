//! The one list of routes. The router is made from it, and documentation is checked against it.
//!
//! Who may use a route is part of its row. A row that does not say so is the provider's alone, so
//! that what is forgotten is closed.

mod row;

pub(super) use row::Noun;
pub use row::{Method, Route};
use row::{delete, get, patch, post, put};

use crate::access::Access;

use {Access as A, Noun as N};

/// Every route of `/v1`.
pub const ROUTES: &[Route] = &[
    get("/v1/health", N::Health, "whether the pool is well").who(A::Anyone),
    get("/v1/version", N::Version, "the versions of program and API").who(A::Anyone),
    get("/v1/whoami", N::Whoami, "who the token's bearer is").who(A::Bearer),
    get(
        "/v1/tokens",
        N::AccessToken,
        "list tokens and when they were last used",
    )
    .who(A::Manage),
    post(
        "/v1/tokens",
        N::AccessToken,
        "make a token; its secret is shown this once",
    )
    .who(A::Manage),
    get(
        "/v1/tokens/{id}",
        N::AccessToken,
        "show a token, without its secret",
    )
    .who(A::Manage),
    delete(
        "/v1/tokens/{id}",
        N::AccessToken,
        "revoke a token: its next request is refused",
    )
    .who(A::Manage),
    get("/v1/tenants", N::Tenant, "list tenants").who(A::Read),
    post("/v1/tenants", N::Tenant, "make a tenant"),
    get("/v1/tenants/{id}", N::Tenant, "show a tenant").who(A::Read),
    patch(
        "/v1/tenants/{id}",
        N::Tenant,
        "change how much each port of a tenant may take; suspend the tenant, or let it go on",
    ),
    get(
        "/v1/tenants/{id}/quota",
        N::Quota,
        "show how much of the pool a tenant may have, and has",
    )
    .who(A::Read),
    patch(
        "/v1/tenants/{id}/quota",
        N::Quota,
        "say how much of the pool a tenant may have",
    ),
    delete(
        "/v1/tenants/{id}",
        N::Tenant,
        "delete a tenant that owns nothing; preview=true lists what it owns, cascade=true deletes all of it",
    ),
    get(
        "/v1/physical-networks",
        N::PhysicalNetwork,
        "list physical networks",
    ),
    post(
        "/v1/physical-networks",
        N::PhysicalNetwork,
        "make a physical network",
    ),
    get(
        "/v1/physical-networks/{id}",
        N::PhysicalNetwork,
        "show a physical network",
    ),
    delete(
        "/v1/physical-networks/{id}",
        N::PhysicalNetwork,
        "delete a physical network that carries no network",
    ),
    get(
        "/v1/topology",
        N::Topology,
        "what carries the physical networks, and how it stands on every host",
    ),
    patch(
        "/v1/topology",
        N::Topology,
        "change what carries the physical networks of the pool's roles",
    ),
    put(
        "/v1/hosts/{id}/uplink",
        N::HostUplink,
        "say how a host differs from the pool on one physical network",
    ),
    get("/v1/networks", N::Network, "list networks").who(A::Read),
    post(
        "/v1/networks",
        N::Network,
        "make a network, with a VLAN id given or allocated",
    )
    .who(A::Manage),
    get("/v1/networks/{id}", N::Network, "show a network").who(A::Read),
    patch(
        "/v1/networks/{id}",
        N::Network,
        "change how much each port of a network may take that does not say otherwise",
    )
    .who(A::Manage),
    delete(
        "/v1/networks/{id}",
        N::Network,
        "delete a network that has no port, and its subnets",
    )
    .who(A::Manage),
    get("/v1/subnets", N::Subnet, "list subnets").who(A::Read),
    post("/v1/subnets", N::Subnet, "make a subnet of a network").who(A::Manage),
    get("/v1/subnets/{id}", N::Subnet, "show a subnet").who(A::Read),
    patch(
        "/v1/subnets/{id}",
        N::Subnet,
        "change a subnet: its pools, its gateway, what its ports are told",
    )
    .who(A::Manage),
    delete(
        "/v1/subnets/{id}",
        N::Subnet,
        "delete a subnet that no port has an address of",
    )
    .who(A::Manage),
    get("/v1/reservations", N::Reservation, "list reservations").who(A::Read),
    post(
        "/v1/reservations",
        N::Reservation,
        "keep addresses of a network from being allocated",
    )
    .who(A::Manage),
    get(
        "/v1/reservations/{id}",
        N::Reservation,
        "show a reservation",
    )
    .who(A::Read),
    delete(
        "/v1/reservations/{id}",
        N::Reservation,
        "let reserved addresses be allocated again",
    )
    .who(A::Manage),
    get("/v1/routers", N::Router, "list routers").who(A::Read),
    post(
        "/v1/routers",
        N::Router,
        "make a router between networks of a tenant",
    )
    .who(A::Manage),
    get("/v1/routers/{id}", N::Router, "show a router").who(A::Read),
    patch(
        "/v1/routers/{id}",
        N::Router,
        "change which networks a router joins, and its static routes",
    )
    .who(A::Manage),
    delete(
        "/v1/routers/{id}",
        N::Router,
        "delete a router; its networks stay",
    )
    .who(A::Manage),
    get(
        "/v1/router-gateways",
        N::Gateway,
        "list the routers that lead to an external network",
    )
    .who(A::Read),
    post(
        "/v1/router-gateways",
        N::Gateway,
        "lead a router to an external network",
    )
    .who(A::Manage),
    get(
        "/v1/router-gateways/{id}",
        N::Gateway,
        "show how a router leads to an external network",
    )
    .who(A::Read),
    delete(
        "/v1/router-gateways/{id}",
        N::Gateway,
        "take away a router's way to the outside",
    )
    .who(A::Manage),
    get("/v1/floating-ips", N::FloatingIp, "list floating IPs").who(A::Read),
    post(
        "/v1/floating-ips",
        N::FloatingIp,
        "take an address of an external network for a tenant, given or allocated",
    )
    .who(A::Use),
    get("/v1/floating-ips/{id}", N::FloatingIp, "show a floating IP").who(A::Read),
    patch(
        "/v1/floating-ips/{id}",
        N::FloatingIp,
        "bind a floating IP to a port, or unbind it",
    )
    .who(A::Use),
    delete(
        "/v1/floating-ips/{id}",
        N::FloatingIp,
        "give a floating IP back",
    )
    .who(A::Use),
    get("/v1/caps", N::Cap, "list caps and what was moved of them").who(A::Read),
    post(
        "/v1/caps",
        N::Cap,
        "say how much a tenant or a port may move in a period",
    ),
    get(
        "/v1/caps/{id}",
        N::Cap,
        "show a cap and what was moved of it",
    )
    .who(A::Read),
    patch(
        "/v1/caps/{id}",
        N::Cap,
        "change a cap, or lift it for the rest of its period",
    ),
    delete("/v1/caps/{id}", N::Cap, "take a cap away"),
    get(
        "/v1/port-forwardings",
        N::PortForwarding,
        "list ports of floating IPs and what they stand for",
    )
    .who(A::Read),
    post(
        "/v1/port-forwardings",
        N::PortForwarding,
        "let one port of a floating IP stand for a port of a VIF",
    )
    .who(A::Use),
    get(
        "/v1/port-forwardings/{id}",
        N::PortForwarding,
        "show what a port of a floating IP stands for",
    )
    .who(A::Read),
    delete(
        "/v1/port-forwardings/{id}",
        N::PortForwarding,
        "let a port of a floating IP stand for nothing",
    )
    .who(A::Use),
    get(
        "/v1/security-groups",
        N::SecurityGroup,
        "list security groups with their rules",
    )
    .who(A::Read),
    post(
        "/v1/security-groups",
        N::SecurityGroup,
        "make a security group, with rules",
    )
    .who(A::Use),
    get(
        "/v1/security-groups/{id}",
        N::SecurityGroup,
        "show a security group",
    )
    .who(A::Read),
    patch(
        "/v1/security-groups/{id}",
        N::SecurityGroup,
        "add rules to a security group and take others away, at one instant",
    )
    .who(A::Use),
    delete(
        "/v1/security-groups/{id}",
        N::SecurityGroup,
        "delete a security group that no port is in and no rule names",
    )
    .who(A::Use),
    get("/v1/address-groups", N::AddressGroup, "list address groups").who(A::Read),
    post(
        "/v1/address-groups",
        N::AddressGroup,
        "make an address group",
    )
    .who(A::Use),
    get(
        "/v1/address-groups/{id}",
        N::AddressGroup,
        "show an address group",
    )
    .who(A::Read),
    patch(
        "/v1/address-groups/{id}",
        N::AddressGroup,
        "add prefixes to an address group and take others away",
    )
    .who(A::Use),
    delete(
        "/v1/address-groups/{id}",
        N::AddressGroup,
        "delete an address group that no rule names",
    )
    .who(A::Use),
    get(
        "/v1/ports",
        N::Port,
        "list ports and whether their frames flow",
    )
    .who(A::Read),
    post(
        "/v1/ports",
        N::Port,
        "make a port, with addresses given or allocated",
    )
    .who(A::Use),
    get("/v1/ports/{id}", N::Port, "show a port").who(A::Read),
    patch(
        "/v1/ports/{id}",
        N::Port,
        "change a port while it is in use: its addresses, pairs, spoof guard",
    )
    .who(A::Use),
    delete(
        "/v1/ports/{id}",
        N::Port,
        "delete a port that no instance uses and that has no sub-ports",
    )
    .who(A::Use),
    put(
        "/v1/ports/{id}/guest",
        N::PortGuest,
        "plug a port's VIF into a guest that runs",
    ),
    delete(
        "/v1/ports/{id}/guest",
        N::PortGuest,
        "plug a port's VIF out of the guest that has it",
    ),
    get(
        "/v1/sub-ports",
        N::SubPort,
        "list the ports that trunks carry, and their tags",
    )
    .who(A::Read),
    post(
        "/v1/sub-ports",
        N::SubPort,
        "put a port on a trunk, under a tag of the instance's own",
    )
    .who(A::Use),
    get("/v1/sub-ports/{id}", N::SubPort, "show a sub-port").who(A::Read),
    delete(
        "/v1/sub-ports/{id}",
        N::SubPort,
        "take a port off its trunk",
    )
    .who(A::Use),
    get(
        "/v1/migrations",
        N::Migration,
        "list the ports that are on their way to another host",
    ),
    post(
        "/v1/migrations",
        N::Migration,
        "prepare a port on another host, to which it follows its instance",
    ),
    get(
        "/v1/migrations/{id}",
        N::Migration,
        "show how far the migration of a port is",
    ),
    delete(
        "/v1/migrations/{id}",
        N::Migration,
        "call the migration of a port off: it is where it was",
    ),
    get(
        "/v1/instances",
        N::Instance,
        "list instances and whether they run",
    )
    .who(A::Read),
    post(
        "/v1/instances",
        N::Instance,
        "make an instance with its ports; its host starts it",
    )
    .who(A::Use),
    get("/v1/instances/{id}", N::Instance, "show an instance").who(A::Read),
    patch(
        "/v1/instances/{id}",
        N::Instance,
        "start an instance, or stop it and keep it",
    )
    .who(A::Use),
    delete(
        "/v1/instances/{id}",
        N::Instance,
        "stop an instance, and delete it with the ports made for it",
    )
    .who(A::Use),
    get("/v1/hosts", N::Host, "list hosts and how they are"),
    get("/v1/hosts/{id}", N::Host, "show a host"),
    get(
        "/v1/rule-hits",
        N::RuleHits,
        "list what logged rules of security groups let through",
    ),
    get(
        "/v1/tunnels",
        N::Tunnel,
        "list tunnels between hosts and whether their ends hear each other",
    ),
    get(
        "/v1/fabric-checks",
        N::FabricCheck,
        "list the newest checks of the fabric",
    ),
    post(
        "/v1/fabric-checks",
        N::FabricCheck,
        "check what switches and cables carry between hosts",
    ),
    get(
        "/v1/fabric-checks/{id}",
        N::FabricCheck,
        "show a check of the fabric and what it found",
    ),
    delete(
        "/v1/fabric-checks/{id}",
        N::FabricCheck,
        "forget a check of the fabric, and end it if it is under way",
    ),
    post(
        "/v1/trace",
        N::Trace,
        "what would become of a packet, table by table and host by host",
    ),
    get("/v1/events", N::Event, "list the newest events"),
    get(
        "/v1/changes/{id}",
        N::Change,
        "on which hosts a change is realized, and on which not yet",
    )
    .who(A::Read),
    get(
        "/v1/history",
        N::History,
        "who changed what, when, from where, and how it was before",
    )
    .who(A::Read),
    get(
        "/v1/history-verification",
        N::HistoryVerification,
        "recompute the chain of history",
    ),
    get(
        "/v1/usage",
        N::Usage,
        "what was moved, by tenant, network or port",
    )
    .who(A::Usage),
    get(
        "/v1/usage-splits",
        N::UsageSplit,
        "what was sent, by peer, protocol or address, as estimated from samples",
    ),
    get(
        "/v1/usage-records",
        N::UsageRecord,
        "the records that a tenant's bill for a period rests on",
    )
    .who(A::Usage),
    get("/v1/bills", N::Bill, "what a tenant owes for a period").who(A::Usage),
    get(
        "/v1/bill-summaries",
        N::BillSummary,
        "what each tenant owes for a period",
    )
    .who(A::Books),
    get("/v1/rate-plans", N::RatePlan, "list rate plans").who(A::Books),
    post("/v1/rate-plans", N::RatePlan, "make a rate plan"),
    delete(
        "/v1/rate-plans/{id}",
        N::RatePlan,
        "delete a rate plan that was never a tenant's",
    ),
    get(
        "/v1/rate-plan-assignments",
        N::RatePlanAssignment,
        "whose rate plan is which, from when on",
    )
    .who(A::Books),
    post(
        "/v1/rate-plan-assignments",
        N::RatePlanAssignment,
        "make a rate plan a tenant's from a period on",
    ),
    get("/v1/seals", N::Seal, "list the periods that are sealed").who(A::Books),
    post(
        "/v1/seals",
        N::Seal,
        "seal a period of a tenant that is over",
    ),
    get(
        "/v1/verification",
        N::Verification,
        "recompute everything that is sealed",
    )
    .who(A::Books),
    get(
        "/v1/meter-findings",
        N::MeterFinding,
        "where the meters disagreed, the newest first",
    ),
    get(
        "/v1/collector",
        N::Collector,
        "what the collector of sFlow heard and what it could not use",
    ),
    get(
        "/v1/inventory",
        N::Inventory,
        "which port is behind which interface of which host",
    ),
];
