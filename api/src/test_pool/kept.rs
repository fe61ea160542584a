//! What the pool of the tests keeps in mind.

use std::collections::BTreeMap;
use std::sync::Mutex;

use model::*;
use tokio::sync::watch;

use super::shelf::Shelf;
use crate::access::Identity;
use crate::backend::Caller;
use crate::request::*;
use crate::resource::*;

#[derive(Default)]
pub(crate) struct TestPool {
    pub(crate) tenants: Shelf<Tenant>,
    pub(crate) physical_networks: Shelf<PhysicalNetwork>,
    pub(crate) networks: Shelf<Network>,
    pub(crate) subnets: Shelf<Subnet>,
    pub(crate) reservations: Shelf<Reservation>,
    pub(crate) address_groups: Shelf<AddressGroup>,
    pub(crate) security_groups: Shelf<SecurityGroup>,
    pub(crate) routers: Shelf<Router>,
    pub(crate) gateways: Shelf<Gateway>,
    pub(crate) floating_ips: Shelf<FloatingIp>,
    pub(crate) port_forwardings: Shelf<PortForwarding>,
    pub(crate) caps: Shelf<CapView>,
    pub(crate) ports: Shelf<PortView>,
    pub(crate) sub_ports: Shelf<SubPort>,
    pub(crate) migrations: Shelf<PortMigration>,
    pub(crate) instances: Shelf<InstanceView>,
    pub(crate) hosts: Shelf<HostView>,
    pub(crate) fabric_checks: Shelf<FabricCheck>,
    /// Newest first.
    pub(crate) history: Mutex<Vec<HistoryRecord>>,
    pub(crate) history_queries: Mutex<Vec<HistoryQuery>>,
    pub(crate) tunnels: Mutex<Vec<TunnelView>>,
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) newest_event: watch::Sender<u64>,
    /// Events through this number are gone.
    pub(crate) events_gone: Mutex<u64>,
    /// Whether no token is valid any more.
    pub(crate) revoked: Mutex<bool>,
    /// Who asked for changes, in order.
    pub(crate) callers: Mutex<Vec<Caller>>,
    /// Who bears which token, besides the operator.
    pub(crate) bearers: Mutex<BTreeMap<String, Identity>>,
    pub(crate) tokens: Shelf<TokenView>,
    pub(crate) usage: Mutex<Vec<Usage>>,
    pub(crate) usage_queries: Mutex<Vec<UsageQuery>>,
    pub(crate) bill: Mutex<Option<billing::Bill>>,
    pub(crate) bills: Mutex<Vec<billing::BillSummary>>,
    pub(crate) topology_changes: Mutex<Vec<TopologyChange>>,
    pub(crate) traces: Mutex<Vec<TraceRequest>>,
    pub(crate) uplinks_set: Mutex<Vec<(HostId, HostUplinkSet)>>,
}

impl TestPool {
    pub(crate) fn is_empty(&self) -> bool {
        self.tenants.all().is_empty()
            && self.physical_networks.all().is_empty()
            && self.networks.all().is_empty()
            && self.subnets.all().is_empty()
            && self.reservations.all().is_empty()
            && self.address_groups.all().is_empty()
            && self.security_groups.all().is_empty()
            && self.ports.all().is_empty()
            && self.sub_ports.all().is_empty()
            && self.instances.all().is_empty()
    }

    pub(super) fn note(&self, caller: Caller) {
        caller.revised.set(super::CHANGE);
        self.callers.lock().unwrap().push(caller);
    }
}
