//! Suspended tenants: what hosts are told of their ports, and what they may not do.

use api::backend::{Backend, Caller};
use api::problem::Code;
use api::request::TenantUpdate;
use model::plan::{PlanItem, PlanKey};
use model::{EventKind, PortId, Suspended, TenantId, TenantState};
use serde_json::json;

use super::refused::{World, caller, request};
use crate::compile;
use crate::object::Key;

async fn stand(world: &World, tenant: TenantId, state: TenantState) {
    let update = TenantUpdate {
        state: Some(state),
        ..TenantUpdate::default()
    };
    let changed = world.service.tenant_update(caller(), tenant, update).await;
    assert_eq!(changed.unwrap().standing.state(), state);
}

/// What the host is told that a port may not move at all.
fn suspended(world: &World, port: PortId) -> Suspended {
    let intent = world.service.intent();
    match compile::item(&intent, world.host, PlanKey::Port(port)) {
        Some(PlanItem::Port(port)) => port.limits.suspended,
        other => panic!("{other:?}"),
    }
}

async fn port(world: &World, which: usize) -> PortId {
    let network = world.networks[which].id;
    let asked = request(json!({"network_id": network, "host_id": world.host}));
    world
        .service
        .port_create(caller(), asked)
        .await
        .unwrap()
        .port
        .id
}

#[tokio::test]
async fn all_ports_of_a_suspended_tenant_are_dark_and_no_others() {
    let world = World::new().await;
    let (own, other) = (port(&world, 0).await, port(&world, 1).await);
    let tenant = world.networks[0].tenant_id;
    let before = world.service.intent();
    stand(&world, tenant, TenantState::Suspended).await;
    let after = world.service.intent();
    let touched = compile::touched(&before, &after, &[Key::Tenant(tenant)]);
    assert_eq!(
        touched.into_iter().collect::<Vec<_>>(),
        [(world.host, PlanKey::Port(own))]
    );
    assert_eq!(suspended(&world, own), Suspended::everything());
    assert_eq!(suspended(&world, other), Suspended::default());
    let late = port(&world, 0).await;
    assert_eq!(suspended(&world, late), Suspended::everything());
    stand(&world, tenant, TenantState::Active).await;
    assert_eq!(suspended(&world, own), Suspended::default());
    assert_eq!(suspended(&world, late), Suspended::default());
}

#[tokio::test]
async fn a_suspended_tenant_changes_nothing_and_operators_are_told() {
    let world = World::new().await;
    let tenant = world.tenants[0];
    let held = || Caller {
        held_to: Some(tenant),
        ..caller()
    };
    let asked = || request(json!({"tenant_id": tenant, "name": "mine", "kind": "vlan"}));
    stand(&world, tenant, TenantState::Suspended).await;
    stand(&world, tenant, TenantState::Suspended).await;
    let refused = world.service.network_create(held(), asked()).await;
    assert_eq!(refused.unwrap_err().code, Code::TenantSuspended);
    let made = world
        .service
        .network_create(caller(), asked())
        .await
        .unwrap();
    let kept = world.service.network_delete(held(), made.id).await;
    assert_eq!(kept.unwrap_err().code, Code::TenantSuspended);
    stand(&world, tenant, TenantState::Active).await;
    world.service.network_delete(held(), made.id).await.unwrap();
    world.service.settled();
    let told = world.service.events();
    let kinds = told.iter().map(|event| event.kind);
    let kinds: Vec<EventKind> = kinds
        .filter(|it| matches!(it, EventKind::TenantSuspended | EventKind::TenantResumed))
        .collect();
    assert_eq!(
        kinds,
        [EventKind::TenantSuspended, EventKind::TenantResumed],
        "each once"
    );
}
