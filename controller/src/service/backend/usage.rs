//! What is asked of whoever keeps the usage.

use api::access::{Identity, Sight};
use api::backend::{Outcome, UsageBackend};
use api::problem::{Code, Problem};
use api::resource::Health;
use flow_collector::Collector;
use model::{HostId, NetworkId, PortId, QuotaLimit, TenantId};
use uuid::Uuid;

use crate::service::{Service, quota};

/// Who bears the first operator's token.
const ADMIN: &str = "admin";

impl UsageBackend for Service {
    type Ledger = Collector;

    fn authenticate(&self, token: &str) -> Option<Identity> {
        match self.token.matches(token) {
            true => Some(Identity::operator(ADMIN)),
            false => self.bearer(token),
        }
    }

    fn sight(&self, tenant: TenantId, id: Uuid) -> Sight {
        self.writer.intent().sight(tenant, id)
    }

    fn requests_per_second(&self, tenant: TenantId) -> QuotaLimit {
        quota::requests_per_second(&self.writer.intent(), tenant)
    }

    fn health(&self) -> Health {
        let status = match self.writer.is_failing() {
            false => "ok",
            true => "the last change could not be made durable; see the controller's log",
        };
        Health {
            status: status.to_owned(),
            hosts_connected: self.fleet.observed().connected().len(),
            hosts: self.writer.intent().hosts.len(),
        }
    }

    fn name_of(&self, id: Uuid) -> Option<String> {
        let intent = self.writer.intent();
        let tenant = || Some(intent.tenants.get(&TenantId::from(id))?.name.to_string());
        let network = || Some(intent.networks.get(&NetworkId::from(id))?.name.to_string());
        let host = || Some(intent.hosts.get(&HostId::from(id))?.name.to_string());
        let port = || {
            Some(
                intent
                    .ports
                    .get(&PortId::from(id))?
                    .name
                    .as_ref()?
                    .to_string(),
            )
        };
        tenant().or_else(network).or_else(port).or_else(host)
    }

    fn ledger(&self) -> Outcome<&Collector> {
        let collector = self.collector.as_deref();
        collector.ok_or_else(|| {
            let detail = "the collector runs on its own and keeps the usage; ask it";
            Problem::new(Code::StoreUnavailable, detail)
        })
    }
}
