//! The command line. One row per command; what each takes is in its noun's file.

use std::fmt::Write;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    One, Owned, OwnedList, address_group, bill, cap, change, completion, event, fabric_check,
    floating_ip, group, history, host, ip, lab, meter, network, nic, physical_network,
    port_forward, quota, rate_plan, router, router_gateway, status, subnet, tenant, token,
    topology, trace, tunnel, uplink, usage, vif, vif_guest, vif_migrate, vif_trunk, vm, vm_define,
    vm_migrate, watch,
};
use crate::connection::Connection;
use crate::exit::EXITS;
use crate::print::Format;

/// The operator's command of Bulkhead, a network controller for multi-tenant isolation.
///
/// Arguments may be written as flags (--tenant acme) or as key=value (tenant=acme). Objects are
/// named by their name, their id, or the start of their id.
#[derive(Debug, Parser)]
#[command(name = "netctl", version, after_help = after_help(), max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten, next_help_heading = "Server")]
    pub(crate) connection: Connection,
    #[command(flatten, next_help_heading = "Result")]
    pub(crate) output: OutputArgs,
    #[command(flatten, next_help_heading = "Result")]
    pub(crate) waiting: change::Waiting,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How results are printed.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// What results look like
    #[arg(
        long = "output",
        short = 'o',
        value_enum,
        default_value_t,
        global = true
    )]
    format: Format,
    /// Only ids, one a line (the same as -o id)
    #[arg(long, global = true)]
    minimal: bool,
}

impl Cli {
    pub(crate) fn format(&self) -> Format {
        match self.output.minimal {
            true => Format::Id,
            false => self.output.format,
        }
    }
}

/// What an operator can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a tenant
    TenantCreate(tenant::Create),
    /// List tenants
    TenantList(tenant::List),
    /// Show a tenant
    TenantShow(One),
    /// Change how much each VIF of a tenant may take
    TenantSet(tenant::Set),
    /// Suspend a tenant: all of its VIFs go dark, its tokens only read, and nothing is deleted
    TenantSuspend(tenant::Suspend),
    /// Let a suspended tenant use the pool again
    TenantResume(tenant::Resume),
    /// Delete a tenant that owns nothing; or list what it owns, or delete it with all of that
    TenantDelete(tenant::Delete),
    /// Show how much of the pool a tenant may have, and has
    QuotaShow(quota::Show),
    /// Say how much of the pool a tenant may have
    QuotaSet(quota::Set),
    /// Make a token: who may do what, and until when; its secret is printed this once
    TokenCreate(token::Create),
    /// List tokens and when they were last used
    TokenList(token::List),
    /// Revoke a token: its next request is refused
    TokenRevoke(token::Revoke),
    /// Show who the token makes you, and what you may do
    Whoami,
    /// Say what carries the pool's management, private, public and storage networks
    PoolSetup(topology::Setup),
    /// Show what carries the pool's networks, and how it stands on every host
    PoolShow(topology::Show),
    /// List the hosts' NICs and what has them
    NicList(nic::List),
    /// Let another NIC carry a physical network on one host
    NicAssign(uplink::Assign),
    /// Let a bond of NICs carry a physical network on one host
    BondCreate(uplink::BondCreate),
    /// Let a NIC carry a physical network on one host again, not a bond
    BondDelete(uplink::BondDelete),
    /// Move the way by which the controller reaches a host, or all; taken back if it leads nowhere
    ManagementMove(uplink::Move),
    /// Make a physical network: what carries tenant networks between hosts
    PhysicalNetworkCreate(physical_network::Create),
    /// List physical networks
    PhysicalNetworkList(physical_network::List),
    /// Show a physical network
    PhysicalNetworkShow(One),
    /// Delete a physical network that carries no network
    PhysicalNetworkDelete(One),
    /// Make a flat network, which is what a physical network carries without a tag
    FlatCreate(network::Create<network::Untagged>),
    /// List flat networks
    FlatList(network::List<network::Untagged>),
    /// Show a flat network
    FlatShow(Owned),
    /// Change how much each VIF of a flat network may take that does not say otherwise itself
    FlatSet(network::Set),
    /// Delete a flat network that has no VIF, and its subnets
    FlatDelete(Owned),
    /// Make a VLAN network of a tenant, and its subnet if one is given
    VlanCreate(network::Create<network::Tagged>),
    /// List VLAN networks
    VlanList(network::List<network::Tagged>),
    /// Show a VLAN network
    VlanShow(Owned),
    /// Change how much each VIF of a VLAN network may take that does not say otherwise itself
    VlanSet(network::Set),
    /// Delete a VLAN network that has no VIF, and its subnets
    VlanDelete(Owned),
    /// Make a VXLAN network of a tenant, and its subnet if one is given
    VxlanCreate(network::Create<network::Tunnelled>),
    /// List VXLAN networks
    VxlanList(network::List<network::Tunnelled>),
    /// Show a VXLAN network
    VxlanShow(Owned),
    /// Change how much each VIF of a VXLAN network may take that does not say otherwise itself
    VxlanSet(network::Set),
    /// Delete a VXLAN network that has no VIF, and its subnets
    VxlanDelete(Owned),
    /// Make a Geneve network of a tenant, and its subnet if one is given
    GeneveCreate(network::Create<network::Tunnelled>),
    /// List Geneve networks
    GeneveList(network::List<network::Tunnelled>),
    /// Show a Geneve network
    GeneveShow(Owned),
    /// Change how much each VIF of a Geneve network may take that does not say otherwise itself
    GeneveSet(network::Set),
    /// Delete a Geneve network that has no VIF, and its subnets
    GeneveDelete(Owned),
    /// Make a subnet of a network: where its VIFs take addresses from
    SubnetCreate(subnet::Create),
    /// List subnets
    SubnetList(subnet::List),
    /// Show a subnet
    SubnetShow(Owned),
    /// Change a subnet: what its VIFs are told, its pools, its gateway
    SubnetSet(subnet::Set),
    /// Delete a subnet that no VIF has an address of
    SubnetDelete(Owned),
    /// Keep addresses of a network from being allocated; a VIF may still ask for one of them
    IpReserve(ip::Reserve),
    /// List reserved addresses
    IpList(ip::List),
    /// Let reserved addresses be allocated again, by the reservation's name or id
    IpRelease(Owned),
    /// Make a security group: who may speak with the VIFs in it
    GroupCreate(group::Create),
    /// List security groups
    GroupList(OwnedList),
    /// Show a security group
    GroupShow(Owned),
    /// Delete a security group that no VIF is in and no rule names
    GroupDelete(Owned),
    /// List the rules of a security group
    GroupRuleList(group::Rules),
    /// Let something through to the VIFs of a security group, or from them
    #[command(visible_alias = "group-allow")]
    GroupRuleAdd(group::Allow),
    /// Take rules of a security group away
    GroupRuleRemove(group::Forbid),
    /// Make an address group: prefixes that rules name together
    AddressGroupCreate(address_group::Create),
    /// List address groups
    AddressGroupList(OwnedList),
    /// Show an address group
    AddressGroupShow(Owned),
    /// Add prefixes to an address group and take others away
    AddressGroupSet(address_group::Set),
    /// Delete an address group that no rule names
    AddressGroupDelete(Owned),
    /// Make a router between networks of a tenant
    RouterCreate(router::Create),
    /// List routers
    RouterList(OwnedList),
    /// Show a router
    RouterShow(Owned),
    /// Let a router join another network, as its gateway
    RouterInterfaceAdd(router::Interface),
    /// Let a router leave a network; the network stays
    RouterInterfaceRemove(router::Interface),
    /// Send packets for a prefix to a machine on a network of a router
    RouterRouteAdd(router::RouteAdd),
    /// Remove the route to a prefix from a router
    RouterRouteRemove(router::RouteRemove),
    /// List the routes of a router
    RouterRouteList(router::RouteList),
    /// Delete a router; its networks stay
    RouterDelete(Owned),
    /// Lead a router to an external network, for its VIFs to speak with the outside
    RouterGatewaySet(router_gateway::Set),
    /// Take a router's way to the outside away
    RouterGatewayClear(router_gateway::Clear),
    /// List routers that lead to an external network, and as whom their VIFs speak there
    RouterGatewayList(router_gateway::List),
    /// Take an address of an external network, to stand for a VIF wherever that is
    FloatingIpCreate(floating_ip::Create),
    /// List floating IPs and what they stand for
    FloatingIpList(floating_ip::List),
    /// Show a floating IP
    FloatingIpShow(floating_ip::Floating),
    /// Let a floating IP stand for a VIF
    FloatingIpBind(floating_ip::Bind),
    /// Let a floating IP stand for nothing, and keep it
    FloatingIpUnbind(floating_ip::Floating),
    /// Give a floating IP back
    FloatingIpDelete(floating_ip::Floating),
    /// Forward a port of a floating IP to a port of a VIF; others of it may go to other VIFs
    PortForwardCreate(port_forward::Create),
    /// List ports of floating IPs and where they are forwarded
    PortForwardList(port_forward::List),
    /// Show where a port of a floating IP is forwarded
    PortForwardShow(port_forward::Forwarding),
    /// Forward a port of a floating IP no more
    PortForwardDelete(port_forward::Forwarding),
    /// Make a VIF: a port of a network, for an instance that a hypervisor starts
    VifCreate(vif::Create),
    /// List VIFs and whether their frames flow
    VifList(vif::List),
    /// Show a VIF
    VifShow(Owned),
    /// Change a VIF while it is in use: its addresses, its address pairs, its guard, its limits
    VifSet(vif::Set),
    /// Delete a VIF that no instance uses
    VifDelete(Owned),
    /// Plug a VIF into a guest that runs, for good, and wait until its frames flow
    VifAttach(vif_guest::Attach),
    /// Plug a VIF out of the guest that has it, for good
    VifDetach(vif_guest::Detach),
    /// Let a VIF carry another of its tenant, under a VLAN id of the instance's own
    VifTrunkAdd(vif_trunk::Add),
    /// Take a VIF off the one that carries it
    VifTrunkRemove(vif_trunk::Remove),
    /// List VIFs that others carry, and their tags
    VifTrunkList(vif_trunk::List),
    /// Prepare a VIF on another host: it follows its instance there, and is lit on one of them at most
    VifMigrate(vif_migrate::Begin),
    /// Call the migration of a VIF off: it is where it was
    VifMigrateCancel(vif_migrate::CallOff),
    /// List VIFs that are on their way to another host, and how far they are
    VifMigrateList(vif_migrate::List),
    /// Define an instance that libvirt runs, with its VIFs: what it boots, and where
    VmDefine(vm_define::Define),
    /// Start an instance that is defined, or make one of a namespace, and wait until its frames flow
    VmStart(vm::Start),
    /// Move an instance to another host, while it runs if it runs, and wait until it is there
    VmMigrate(vm_migrate::Migrate),
    /// Stop an instance: one that is defined stays so, another is deleted with the VIFs made for it
    VmStop(Owned),
    /// Stop an instance that is defined, and delete it with the VIFs made for it
    VmUndefine(Owned),
    /// List instances and whether they run
    VmList(vm::List),
    /// Show an instance
    VmShow(Owned),
    /// List hosts and how they are
    HostList(host::List),
    /// Show a host
    HostShow(One),
    /// List tunnels between hosts and whether their ends hear each other
    TunnelList(tunnel::List),
    /// Check what switches and cables carry between hosts: every VLAN, tunnel and size
    FabricCheck(fabric_check::Run),
    /// List the newest checks of the fabric
    FabricCheckList(fabric_check::List),
    /// Show a check of the fabric and what it found
    FabricCheckShow(fabric_check::Show),
    /// Show the way a packet would take, table by table and host by host; nothing is sent
    Trace(trace::Packet),
    /// Say who would get a packet, or what would drop it and what would let it pass
    Why(trace::Packet),
    /// List the newest events
    EventList(event::List),
    /// Print events as they happen, one a line, until it is stopped
    Watch(watch::Watch),
    /// Show which hosts have carried out a change, and which have not
    ChangeShow(change::Show),
    /// Wait until every host that a change touches has carried it out
    ChangeWait(change::Wait),
    /// List who changed what, when, from where, and how it was before
    History(history::List),
    /// Recompute the chain of history, and name the first record that does not fit
    HistoryVerify(history::Verify),
    /// What tenants, networks or VIFs moved
    Usage(usage::Usage),
    /// Show what a tenant owes for a month
    Bill(bill::Make),
    /// List what each tenant owes for a month
    BillList(bill::List),
    /// Show the ledger's records that a bill rests on, with the meters as they were read
    BillExplain(bill::Explain),
    /// Cap what a tenant or a VIF may move in a period, or change that
    CapSet(cap::Set),
    /// List caps and what was moved of them
    CapList(cap::List),
    /// Show a cap and what was moved of it
    CapShow(cap::One),
    /// Lift a cap that is reached, for the rest of its period
    CapLift(cap::One),
    /// Take a cap away
    CapRemove(cap::One),
    /// List where the meters of usage disagreed, and why, the newest first
    MeterList(meter::List),
    /// Show what the collector of sFlow heard and what it could not use
    CollectorShow,
    /// Seal a month of a tenant that is over: its records do not change any more
    LedgerSeal(bill::SealPeriod),
    /// List the months that are sealed
    SealList,
    /// Recompute everything that is sealed, and name the first record that does not fit
    LedgerVerify,
    /// Make a rate plan: a price list
    RatePlanCreate(rate_plan::Create),
    /// List rate plans
    RatePlanList,
    /// Delete a rate plan that was never a tenant's
    RatePlanDelete(rate_plan::Delete),
    /// Make a rate plan a tenant's from a month on
    RatePlanAssign(rate_plan::Assign),
    /// List whose rate plan is which, from when on
    RatePlanAssignments,
    /// Whether the server answers, its version, and whether the pool is well
    Status(status::Status),
    /// Build a data centre on this machine, for trying Bulkhead out
    LabUp(lab::Up),
    /// Remove a lab and all that runs in it
    LabDown(lab::Down),
    /// Show a lab
    LabStatus(lab::Status),
    /// Print a completion script for a shell
    Completion(completion::Completion),
}

fn after_help() -> String {
    let mut text = String::from(
        "Examples:\n  \
         netctl tenant-create acme\n  \
         netctl vlan-create web tenant=acme vlan=101 subnet=10.0.0.0/24\n  \
         netctl vm-start web1 tenant=acme network=web host=h1\n  \
         netctl usage by=tenant last=1h -o csv\n\n\
         Exit codes:\n",
    );
    for (exit, meaning) in EXITS {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "  {}  {meaning}", exit.code());
    }
    text
}
