//! Tokens, and that what a tenant asks for touches the tenant's own objects alone.

use api::access::Sight;
use api::backend::{Backend, Caller, Idempotency, TokenBackend, UsageBackend};
use api::problem::Code;
use model::{AccessRole, TenantId};
use serde_json::json;

use super::refused::{World, caller, request};

fn held_to(tenant: TenantId) -> Caller {
    Caller {
        held_to: Some(tenant),
        ..caller()
    }
}

#[tokio::test]
async fn a_token_lets_in_until_it_is_revoked_and_its_secret_is_kept_nowhere() {
    let world = World::new().await;
    let service = &world.service;
    let tenant = world.tenants[0];
    let asked = json!({"name": "ci", "role": "tenant-member", "tenant_id": tenant});
    let made = service
        .token_create(caller(), request(asked))
        .await
        .unwrap();
    let secret = made.secret.clone().unwrap();
    assert!(secret.starts_with("bulkhead_"));
    let identity = service.authenticate(&secret).unwrap();
    assert_eq!(identity.role, AccessRole::TenantMember);
    assert_eq!(identity.tenant_id, Some(tenant));
    assert_eq!(identity.actor, format!("ci@{}", made.id));
    let kept = service.token(made.id).unwrap();
    assert_eq!(kept.secret, None);
    assert!(kept.last_used_at.is_some());
    let intent = format!("{:?}", service.intent().tokens);
    assert!(!intent.contains(&secret["bulkhead_".len()..]));
    for wrong in ["", "bulkhead_", &secret[1..], &secret[..secret.len() - 1]] {
        assert_eq!(service.authenticate(wrong), None, "{wrong}");
    }
    service.token_delete(caller(), made.id).await.unwrap();
    assert_eq!(service.authenticate(&secret), None);
}

#[tokio::test]
async fn a_tenants_admin_makes_no_token_but_for_the_own_tenant() {
    let world = World::new().await;
    let [own, other] = [world.tenants[0], world.tenants[1]];
    let tokens = [
        json!({"name": "a", "role": "operator"}),
        json!({"name": "b", "role": "auditor"}),
        json!({"name": "c", "role": "tenant-admin", "tenant_id": other}),
        json!({"name": "d", "role": "operator", "tenant_id": own}),
        json!({"name": "e", "role": "tenant-admin"}),
    ];
    for asked in tokens {
        let made = world
            .service
            .token_create(held_to(own), request(asked.clone()));
        assert!(made.await.is_err(), "{asked}");
    }
    assert!(world.service.tokens().is_empty());
    let asked = json!({"name": "f", "role": "tenant-admin", "tenant_id": own});
    let made = world.service.token_create(held_to(own), request(asked));
    made.await.unwrap();
}

#[tokio::test]
async fn a_token_is_never_made_under_a_name_that_keeps_its_answer() {
    let world = World::new().await;
    let keyed = Caller {
        idempotency: Some(Idempotency {
            key: "once".into(),
            fingerprint: [7; 32],
        }),
        ..caller()
    };
    let asked = json!({"name": "ops", "role": "operator"});
    let refused = world.service.token_create(keyed, request(asked)).await;
    assert_eq!(refused.unwrap_err().code, Code::InvalidParameter);
}

#[tokio::test]
async fn what_is_decided_for_one_tenant_is_not_written_to_another() {
    let world = World::new().await;
    let [own, other] = [world.tenants[0], world.tenants[1]];
    let theirs = world
        .networks
        .iter()
        .find(|it| it.tenant_id == other)
        .unwrap();
    let service = &world.service;
    let port = request(json!({"network_id": theirs.id}));
    let refused = service.port_create(held_to(own), port).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    for outcome in [
        service.network_delete(held_to(own), theirs.id).await,
        service.tenant_delete(held_to(own), other).await,
        service.tenant_delete(held_to(own), own).await,
    ] {
        assert!(outcome.is_err());
    }
    let intent = service.intent();
    assert!(intent.networks.contains_key(&theirs.id));
    assert_eq!(intent.sight(own, theirs.id.uuid()), Sight::Hidden);
    assert_eq!(intent.sight(other, theirs.id.uuid()), Sight::Visible);
    assert_eq!(intent.sight(own, world.host.uuid()), Sight::Hidden);
    assert_eq!(intent.sight(own, world.private.uuid()), Sight::Hidden);
}

#[tokio::test]
async fn a_tenant_chooses_neither_what_carries_a_network_nor_whom_it_is_open_to() {
    let world = World::new().await;
    let own = world.tenants[0];
    for chosen in [
        json!({"vlan": 105}),
        json!({"shared": true}),
        json!({"external": true}),
        json!({"physical_network_id": world.private}),
        json!({"kind": "flat"}),
    ] {
        let plain = json!({"tenant_id": own, "name": "mine", "kind": "vlan"});
        let asked = super::refused::with(&plain, &chosen);
        let refused = world.service.network_create(held_to(own), request(asked));
        assert_eq!(
            refused.await.unwrap_err().code,
            Code::InvalidFields,
            "{chosen}"
        );
    }
    let plain = json!({"tenant_id": own, "name": "mine", "kind": "vlan"});
    let made = world
        .service
        .network_create(held_to(own), request(plain))
        .await;
    assert_eq!(made.unwrap().tenant_id, own);
}

#[tokio::test]
async fn a_tenant_takes_no_more_than_its_share_of_a_host_and_boots_no_image_of_another() {
    let world = World::new().await;
    let own = world.tenants[0];
    let service = &world.service;
    let network = world
        .networks
        .iter()
        .find(|it| it.tenant_id == own)
        .unwrap();
    for (greed, is_refused) in [
        (json!({"floods_out": "1001"}), true),
        (json!({"connections": 100_001}), true),
        (json!({"floods_out": "1000", "connections": 100_000}), false),
    ] {
        let asked = super::refused::with(&json!({"network_id": network.id}), &greed);
        let made = service.port_create(held_to(own), request(asked)).await;
        assert_eq!(made.is_err(), is_refused, "{greed}: {made:?}");
    }
    // What an operator gave stays when the tenant changes something else.
    let generous = request(json!({"network_id": network.id, "floods_out": "2000"}));
    let port = service
        .port_create(caller(), generous)
        .await
        .unwrap()
        .port
        .id;
    let fewer = request(json!({"packets_out": "500"}));
    service
        .port_update(held_to(own), port, fewer)
        .await
        .unwrap();
    let more = request(json!({"floods_out": "3000"}));
    assert!(service.port_update(held_to(own), port, more).await.is_err());
    let booting = json!({"tenant_id": own, "name": "vm",
        "boot": {"disk": "theirs.img", "memory_mib": 512, "processors": 1}});
    let refused = service.instance_create(held_to(own), request(booting));
    assert_eq!(refused.await.unwrap_err().errors[0].field, "boot");
}
