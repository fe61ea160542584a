//! The shared nouns of Bulkhead: what a tenant, a network, a port, a host and a plan *are*.
//!
//! Values are checked when they are made: whoever holds a [`VlanId`] or a [`Name`] need not check
//! it again. Nothing here does I/O, waits, or knows a wire format beyond its own JSON form.
//!
//! [`billing`] is what a tenant is charged for.
//!
//! Where to go next: [`plan`] is what the controller tells a host, [`report`] what the host answers;
//! the crate `api` carries both, and the REST contract.

mod access;
mod accounting;
mod address_group;
mod address_pair;
mod address_range;
pub mod billing;
mod cap;
mod encapsulation;
mod event;
mod fabric;
mod floating_ip;
mod gateway;
mod guest;
mod handout;
mod history;
mod host;
mod id;
mod instance;
mod inventory;
mod limits;
mod mac;
mod metering;
mod migration;
mod name;
mod network;
mod nic;
mod physical_network;
pub mod plan;
mod plugging;
mod port;
mod port_forwarding;
mod probe;
mod quota;
mod reason;
pub mod report;
mod reservation;
mod router;
mod rule;
mod samples;
mod security_group;
mod sharing;
mod subnet;
mod suspended;
mod tenant;
mod timestamp;
mod trace;
mod tunnel;
mod uplink;
mod usage;
mod usage_split;
mod vlan;
mod vni;

pub use access::{AccessRole, AccessToken, AccessTokenId, AccessVerb};
pub use accounting::{BothWays, TrafficClass, UsageBatch, UsageRecord, UsageTaken};
pub use address_group::{AddressGroup, AddressGroupId};
pub use address_pair::AddressPair;
pub use address_range::AddressRange;
pub use cap::{
    Cap, CapAction, CapBytes, CapClass, CapId, CapPeriod, CapSpan, CapStanding, CapState, Share,
};
pub use encapsulation::Encapsulation;
pub use event::{Event, EventKind};
pub use fabric::{
    FabricCheck, FabricCheckId, FabricScope, FabricState, Finding, FindingKind, Loss, PathResult,
    VlanChoice,
};
pub use floating_ip::{BoundTo, FloatingIp, FloatingIpId};
pub use gateway::{Gateway, GatewayId, Snat, SnatAddress};
pub use guest::{DriverFound, Guest, GuestState};
pub use handout::{DomainName, Handout, Route};
pub use history::{
    FieldChange, HistoryChange, HistoryFault, HistoryKind, HistoryMark, HistoryRecord,
    HistoryVerification,
};
pub use host::{Host, HostId, HostStatus};
pub use id::Id;
pub use instance::{
    Acceleration, Boot, CommandLine, Departure, Driver, ImageName, Instance, InstanceId,
    InstanceMigration, InstanceStatus, Motion, Power,
};
pub use inventory::{Inventory, InventoryHost, InventoryNetwork, InventoryPort, InventoryVif};
pub use limits::{BitRate, Burst, Connections, Limits, PacketRate};
pub use mac::MacAddr;
pub use metering::{CollectorStatistics, FindingCause, MeterFinding};
pub use migration::{Migration, MigrationStage, PortMigration};
pub use name::Name;
pub use network::{Network, NetworkId, NetworkNumber, Segment};
pub use nic::{Nic, NicUse};
pub use physical_network::{NicName, PhysicalNetwork, PhysicalNetworkId, Role};
pub use plugging::{GuestName, PlugChange, PlugOutcome, PlugReply, PlugRequest};
pub use port::{OnTrunk, Port, PortId, PortState, PortStatus, SpoofGuard};
pub use port_forwarding::{ForwardedProtocol, PortForwarding, PortForwardingId};
pub use probe::{
    Probe, ProbeArrival, ProbeLane, ProbeNic, ProbeObstacle, ProbeOrder, ProbeOutcome, ProbePath,
    ProbeReply, ProbeRequest, SMALL_PROBE_BYTES,
};
pub use quota::{Quantity, Quota, QuotaLimit};
pub use reason::Reason;
pub use reservation::{Quarantine, Reservation, ReservationId};
pub use router::{Router, RouterId, StaticRoute};
pub use rule::{
    Allowance, Direction, Family, PortRange, Protocol, ProtocolName, Remote, Rule, RuleFault,
    RuleForm, RuleId,
};
pub use samples::{RelayedDatagram, RelayedSamples, SampleWay};
pub use security_group::{SecurityGroup, SecurityGroupId, SecurityGroupNumber, Tracking};
pub use sharing::Sharing;
pub use subnet::{Subnet, SubnetId};
pub use suspended::{Classes, Suspended};
pub use tenant::{Standing, Tenant, TenantId, TenantState};
pub use timestamp::Timestamp;
pub use trace::{
    HostTrace, HostTraceOutcome, HostTraceReply, HostTraceRequest, SwitchWord, Trace, TraceEnd,
    TraceEntry, TraceHop, TraceStep, TracedAsk, TracedEnds, TracedFrame, TracedHost,
    TracedProtocol, TracedRule, TracedState, Verdict,
};
pub use tunnel::{Tunnel, TunnelState};
pub use uplink::{BondMode, Carrier, HostAddress, HostUplink, Uplink};
pub use usage::{ClassUsage, Traffic, Usage, UsageOf, UsageSort, UsageStep};
pub use usage_split::{PartKind, SplitBy, UsagePart};
pub use vlan::{VlanId, VlanRange, VlanRanges};
pub use vni::Vni;

/// Why a text or number is not a value of the type it was meant for.
///
/// The message says what is allowed; who reports it names the field and shows the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{allowed}")]
pub struct Invalid {
    /// What would have been accepted, as a phrase: `a VLAN id from 1 to 4094`.
    pub allowed: &'static str,
}

impl Invalid {
    pub(crate) const fn new(allowed: &'static str) -> Self {
        Self { allowed }
    }
}
