//! Caps of the tests.

use model::billing::Way;
use model::{
    Cap, CapAction, CapClass, CapId, CapPeriod, CapState, Id, PortId, TenantId, Timestamp,
};

use super::TestPool;
use crate::backend::{Caller, CapBackend, Outcome};
use crate::problem::Problem;
use crate::request::{CapCreate, CapUpdate};
use crate::resource::{CapStatus, CapView};

pub(crate) fn cap(port_id: Option<PortId>, action: CapAction) -> CapView {
    let begun = Timestamp::from_unix_seconds(1_700_000_000);
    CapView {
        cap: Cap {
            id: Id::generate(),
            tenant_id: TenantId::generate(),
            port_id,
            class: CapClass::Public,
            way: Way::Sent,
            period: CapPeriod::Day,
            bytes: 1_000.try_into().unwrap(),
            warn_at: vec![80.try_into().unwrap()],
            action,
            state: CapState {
                warned_at: Some(80.try_into().unwrap()),
                ..CapState::fresh(begun)
            },
            created_at: begun,
        },
        status: CapStatus::default(),
    }
}

impl CapBackend for TestPool {
    fn caps(&self) -> Vec<CapView> {
        self.caps.all()
    }

    fn cap(&self, id: CapId) -> Option<CapView> {
        self.caps.one(id.uuid())
    }

    async fn cap_create(&self, caller: Caller, request: CapCreate) -> Outcome<CapView> {
        self.note(caller);
        let mut made = cap(request.port_id, request.action);
        made.cap.bytes = request.bytes;
        Ok(self.caps.put(made))
    }

    async fn cap_update(&self, caller: Caller, id: CapId, request: CapUpdate) -> Outcome<CapView> {
        self.note(caller);
        let held = self.caps.one(id.uuid());
        let mut held = held.ok_or_else(|| Problem::not_found("cap", id))?;
        held.cap.bytes = request.bytes.unwrap_or(held.cap.bytes);
        Ok(self.caps.put(held))
    }

    async fn cap_delete(&self, caller: Caller, id: CapId) -> Outcome<()> {
        self.note(caller);
        self.caps.take(id.uuid())
    }
}
