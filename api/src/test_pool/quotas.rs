//! Quotas of the tests.

use super::*;
use crate::backend::{QuotaBackend, TenantBackend};

impl TenantBackend for TestPool {
    fn tenant_contents(&self, id: TenantId) -> Outcome<TenantContents> {
        let gone = || Problem::not_found("tenant", id);
        let tenant = self.tenants.one(id.uuid()).ok_or_else(gone)?;
        let own = self.networks.all().into_iter();
        let own = own.filter(|it| it.tenant_id == id);
        let objects: Vec<ListedObject> = own
            .map(|it| ListedObject {
                id: it.id.uuid(),
                name: Some(it.name),
            })
            .collect();
        Ok(TenantContents {
            tenant_id: id,
            name: tenant.name,
            objects: vec![Listed {
                noun: "network".to_owned(),
                count: objects.len(),
                objects,
            }],
            hosts: Vec::new(),
            obstacles: Vec::new(),
        })
    }

    async fn tenant_delete_whole(&self, caller: Caller, id: TenantId) -> Outcome<TenantContents> {
        self.note(caller);
        let contents = self.tenant_contents(id)?;
        for network in contents.objects.iter().flat_map(|it| &it.objects) {
            self.networks.take(network.id)?;
        }
        self.tenants.take(id.uuid())?;
        Ok(contents)
    }
}

impl QuotaBackend for TestPool {
    fn quota(&self, tenant: TenantId) -> Option<QuotaView> {
        let tenant = self.tenants.one(tenant.uuid())?;
        let lines = Quantity::ALL.iter().map(|(quantity, ..)| {
            let line = QuotaLine {
                limit: tenant.quota.limit(&Quota::default(), *quantity),
                used: quantity.is_counted().then_some(0),
                is_default: tenant.quota.said(*quantity).is_none(),
            };
            (*quantity, line)
        });
        Some(QuotaView {
            tenant_id: tenant.id,
            state: tenant.standing.state(),
            quantities: lines.collect(),
        })
    }

    async fn quota_update(
        &self,
        caller: Caller,
        id: TenantId,
        request: QuotaUpdate,
    ) -> Outcome<QuotaView> {
        self.note(caller);
        let gone = || Problem::not_found("tenant", id);
        let mut tenant = self.tenants.one(id.uuid()).ok_or_else(gone)?;
        for (quantity, limit) in request.0 {
            tenant.quota.say(quantity, limit);
        }
        self.tenants.put(tenant);
        self.quota(id).ok_or_else(gone)
    }
}
