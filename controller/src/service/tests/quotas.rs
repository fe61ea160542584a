//! Quotas: nobody gets past one, however many ask at once, and it costs nothing to know what there is.

use std::sync::Arc;

use api::backend::{Backend, Caller, Outcome, QuotaBackend, TokenBackend};
use api::problem::Code;
use api::request::QuotaUpdate;
use model::{Quantity, QuotaLimit, TenantId};
use serde_json::{Value, json};

use super::assert_sound;
use super::refused::{World, caller, request};
use crate::service::{Service, Settings};
use crate::store::Store;
use api::token::TokenDigest;

async fn set(world: &World, tenant: TenantId, quantity: Quantity, limit: Option<QuotaLimit>) {
    let said = QuotaUpdate([(quantity, limit)].into());
    let set = world.service.quota_update(caller(), tenant, said).await;
    let set = set.unwrap().quantities[&quantity];
    assert_eq!(set.is_default, limit.is_none());
}

fn used(world: &World, tenant: TenantId, quantity: Quantity) -> u64 {
    let quota = world.service.quota(tenant).unwrap();
    quota.quantities[&quantity].used.unwrap()
}

/// Makes something of the tenant's.
async fn make(world: &World, tenant: TenantId, quantity: Quantity, name: &str) -> Outcome<()> {
    let service = &world.service;
    let owned = |with: Value| {
        let own = json!({"tenant_id": tenant, "name": name});
        super::refused::with(&own, &with)
    };
    let networks = &world.networks;
    let network = networks
        .iter()
        .find(|it| it.tenant_id == tenant)
        .unwrap()
        .id;
    let asked = caller();
    match quantity {
        Quantity::Networks => {
            let asked_for = request(owned(json!({"kind": "vlan"})));
            service.network_create(asked, asked_for).await.map(drop)
        }
        Quantity::Ports => {
            let asked_for = request(json!({"network_id": network, "name": name}));
            service.port_create(asked, asked_for).await.map(drop)
        }
        Quantity::SecurityGroups => {
            let asked_for = request(owned(json!({"rules": []})));
            let made = service.security_group_create(asked, asked_for);
            made.await.map(drop)
        }
        Quantity::Tokens => {
            let asked_for = request(owned(json!({"role": "tenant-member"})));
            service.token_create(asked, asked_for).await.map(drop)
        }
        other => panic!("not of this test: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_clients_at_once_never_exceed_a_quota_and_reach_it() {
    let world = Arc::new(World::new().await);
    let [tenant, other] = [world.tenants[0], world.tenants[1]];
    let quantities = [Quantity::Ports, Quantity::SecurityGroups, Quantity::Tokens];
    for quantity in quantities {
        set(&world, tenant, quantity, Some(QuotaLimit::AtMost(40))).await;
        let before = used(&world, tenant, quantity);
        let clients = (0..32).map(|client| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let mut made = 0;
                for number in 0..4 {
                    let name = format!("c{client}-{number}");
                    match make(&world, tenant, quantity, &name).await {
                        Ok(()) => made += 1,
                        Err(problem) => assert_eq!(problem.code, Code::QuotaExceeded),
                    }
                    assert!(used(&world, tenant, quantity) <= 40, "{quantity:?}");
                }
                made
            })
        });
        let made = futures::future::join_all(clients).await;
        let made: u64 = made.into_iter().map(Result::unwrap).sum();
        assert_eq!(before + made, 40, "{quantity:?}");
        assert_eq!(used(&world, tenant, quantity), 40);
        make(&world, other, quantity, "others").await.unwrap();
    }
    assert_sound(&world.service.intent());
}

#[tokio::test]
async fn a_refusal_names_what_is_used_up_and_what_to_do_and_changes_nothing() {
    let world = World::new().await;
    let tenant = world.tenants[0];
    set(
        &world,
        tenant,
        Quantity::Networks,
        Some(QuotaLimit::AtMost(1)),
    )
    .await;
    let before = world.service.intent();
    let refused = make(&world, tenant, Quantity::Networks, "second").await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.status, refused.code), (403, Code::QuotaExceeded));
    let [fault] = &refused.errors[..] else {
        panic!("{refused:?}");
    };
    assert_eq!(fault.field, "networks");
    for said in ["1 of 1", "1 more", "delete", "netctl quota-set a networks="] {
        assert!(fault.message.contains(said), "{}", fault.message);
    }
    assert_eq!(*before, *world.service.intent());
    // A tenant that has more than it may keeps it, changes it, and gets no more.
    set(
        &world,
        tenant,
        Quantity::Networks,
        Some(QuotaLimit::AtMost(0)),
    )
    .await;
    let own = world.networks.iter().find(|it| it.tenant_id == tenant);
    let update = request(json!({"rate_out": "1M"}));
    let changed = world
        .service
        .network_update(caller(), own.unwrap().id, update);
    changed.await.unwrap();
    set(&world, tenant, Quantity::Networks, None).await;
    make(&world, tenant, Quantity::Networks, "second")
        .await
        .unwrap();
}

#[tokio::test]
async fn the_rules_of_all_groups_count_together_and_what_is_taken_away_is_room_again() {
    let world = World::new().await;
    let (tenant, service) = (world.tenants[0], &world.service);
    let held = used(&world, tenant, Quantity::SecurityGroupRules);
    let most = u32::try_from(held).unwrap() + 3;
    let limit = Some(QuotaLimit::AtMost(most));
    set(&world, tenant, Quantity::SecurityGroupRules, limit).await;
    let group = async |name: &str, rules: usize| {
        let rules = (1..=rules).map(
            |port| json!({"direction": "ingress", "protocol": "tcp", "ports": port.to_string()}),
        );
        let rules: Vec<Value> = rules.collect();
        let asked = json!({"tenant_id": tenant, "name": name, "rules": rules});
        service
            .security_group_create(caller(), request(asked))
            .await
    };
    let two = group("two", 2).await.unwrap();
    let refused = group("more", 2).await.unwrap_err();
    assert_eq!(refused.errors[0].field, "security_group_rules");
    group("one", 1).await.unwrap();
    assert_eq!(
        used(&world, tenant, Quantity::SecurityGroupRules),
        u64::from(most)
    );
    service
        .security_group_delete(caller(), two.id)
        .await
        .unwrap();
    group("again", 2).await.unwrap();
    assert_sound(&service.intent());
}

#[tokio::test]
async fn quotas_and_counts_survive_a_restart_and_defaults_are_the_pools() {
    let folder = tempfile::tempdir().unwrap();
    let start = |quota: &[(Quantity, QuotaLimit)]| {
        let settings = Settings {
            quota: quota.iter().copied().collect(),
            ..Settings::default()
        };
        let store = Store::open(&folder.path().join("bulkhead.db")).unwrap();
        let token = TokenDigest::of("token");
        Service::start(store, settings, Arc::default(), token).unwrap()
    };
    let service = start(&[(Quantity::Tokens, QuotaLimit::AtMost(1))]);
    let tenant = service.tenant_create(caller(), request(json!({"name": "a"})));
    let tenant = tenant.await.unwrap().id;
    let token = |name: &str| request(json!({"name": name, "role": "auditor", "tenant_id": tenant}));
    service.token_create(caller(), token("one")).await.unwrap();
    let refused = service.token_create(caller(), token("two")).await;
    assert_eq!(refused.unwrap_err().code, Code::QuotaExceeded);
    let ports = QuotaUpdate([(Quantity::Ports, Some(QuotaLimit::Unlimited))].into());
    service.quota_update(caller(), tenant, ports).await.unwrap();
    drop(service);

    let service = start(&[(Quantity::Tokens, QuotaLimit::AtMost(2))]);
    let quota = service.quota(tenant).unwrap().quantities;
    assert_eq!(quota[&Quantity::Ports].limit, QuotaLimit::Unlimited);
    let tokens = quota[&Quantity::Tokens];
    assert_eq!(
        (tokens.limit, tokens.used),
        (QuotaLimit::AtMost(2), Some(1))
    );
    service.token_create(caller(), token("two")).await.unwrap();
    let refused = service.token_create(caller(), token("three")).await;
    assert_eq!(refused.unwrap_err().code, Code::QuotaExceeded);
}

#[tokio::test]
async fn a_tenant_sees_its_quota_and_sets_none() {
    let world = World::new().await;
    let tenant = world.tenants[0];
    let held = Caller {
        held_to: Some(tenant),
        ..caller()
    };
    let more = QuotaUpdate([(Quantity::Ports, Some(QuotaLimit::Unlimited))].into());
    // The route is closed to it; so is the writer, were the route ever open.
    let set = world.service.quota_update(held, tenant, more).await;
    assert_eq!(set.unwrap_err().code, Code::Forbidden);
    assert!(world.service.quota(tenant).unwrap().quantities[&Quantity::Ports].is_default);
}
