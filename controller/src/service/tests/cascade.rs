//! Tenants that go with all that is theirs: everything of it, nothing of others, at once or not at all.

use std::sync::Arc;

use api::backend::{Backend, QuotaBackend, TenantBackend};
use api::problem::Code;
use model::{HostId, Quantity, TenantId};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::refused::{World, caller, request, start};
use super::{Op, assert_sound, decide, ops};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Noun, Object};
use crate::service::{Service, cascade};
use crate::store::Store;
use crate::writer::Draft;

/// All hosts of the pool, within reach.
fn all_connected(intent: &Intent) -> Observed {
    let mut observed = Observed::default();
    for host in intent.hosts.keys() {
        observed.connected_from(*host, "192.0.2.7".parse().unwrap(), "0".to_owned());
    }
    observed
}

fn everything(intent: &Intent) -> Vec<Object> {
    let nouns = Noun::ALL.iter();
    nouns.flat_map(|(noun, _)| intent.all(*noun)).collect()
}

async fn perform(service: &Service, op: &Op) {
    let decide = |intent: &Intent| {
        let writes = decide(intent, op)?;
        Ok(Draft { writes, answer: () })
    };
    _ = service.writer.change(caller(), "test", decide).await;
}

/// Deletes the tenant with everything; whether that could be done.
async fn goes(service: &Service, tenant: TenantId) -> bool {
    let before = service.intent();
    let observed = all_connected(&before);
    let preview = cascade::preview(&before, tenant, &observed).unwrap();
    let delete = |intent: &Intent| cascade::delete(intent, tenant, &observed);
    let done = service.writer.change(caller(), "test", delete).await;
    let after = service.intent();
    assert_sound(&after);
    let Ok(gone) = done else {
        assert!(!preview.obstacles.is_empty(), "{done:?}");
        assert_eq!(*before, *after, "refused, and something is changed");
        return false;
    };
    assert_eq!(gone, preview);
    let mut named: Vec<_> = preview.objects.iter().flat_map(|it| &it.objects).collect();
    named.sort_by_key(|it| it.id);
    let left = everything(&after);
    assert!(
        left.iter().all(|it| it.tenant_id() != Some(tenant)),
        "something is left"
    );
    for object in everything(&before) {
        let is_named = named.iter().any(|it| it.id == object.key().uuid());
        let is_there = after.get(object.key()).is_some();
        assert_eq!(is_there, !is_named, "{object:?}");
        let is_kept = matches!(&object, Object::Reservation(it) if it.quarantine.is_some());
        let is_own = object.tenant_id() == Some(tenant);
        assert!(is_named == is_own || is_kept, "{object:?}");
    }
    true
}

#[tokio::test]
async fn whatever_a_pool_is_like_a_tenant_goes_whole_or_not_at_all_and_the_store_has_it_so() {
    let mut runner = TestRunner::deterministic();
    let (mut gone, mut stayed) = (0, 0);
    for _ in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let service = start(folder.path());
        for op in &ops(120).new_tree(&mut runner).unwrap().current() {
            perform(&service, op).await;
        }
        let tenants: Vec<TenantId> = service.intent().tenants.keys().copied().collect();
        for tenant in tenants {
            match goes(&service, tenant).await {
                true => gone += 1,
                false => stayed += 1,
            }
        }
        let store = Store::open(&folder.path().join("bulkhead.db")).unwrap();
        assert_eq!(store.load().unwrap(), *service.intent());
    }
    assert!(
        gone > 10,
        "{gone} went, {stayed} stayed: this showed nothing"
    );
}

async fn port(world: &World, which: usize, tenant: Option<TenantId>) {
    let network = world.networks[which].id;
    let asked = json!({"network_id": network, "host_id": world.host, "tenant_id": tenant});
    let made = world.service.port_create(caller(), request(asked));
    made.await.unwrap();
}

#[tokio::test]
async fn a_preview_names_what_goes_and_the_hosts_and_changes_nothing() {
    let world = World::new().await;
    let tenant = world.networks[0].tenant_id;
    port(&world, 0, None).await;
    let before = world.service.intent();
    let contents = world.service.tenant_contents(tenant).unwrap();
    assert_eq!(*before, *world.service.intent());
    let count = |noun: &str| {
        let list = contents.objects.iter().find(|it| it.noun == noun);
        list.map_or(0, |it| it.count)
    };
    for noun in ["tenant", "network", "subnet", "port", "security_group"] {
        assert_eq!(count(noun), 1, "{noun}");
    }
    let hosts: Vec<HostId> = contents.hosts.iter().map(|it| it.id.into()).collect();
    assert_eq!(hosts, [world.host]);
    // The host has never been seen, and the VLAN would be another's.
    assert_eq!(contents.obstacles.len(), 1, "{contents:?}");
    assert!(contents.obstacles[0].contains("cannot be reached"));
    let refused = world.service.tenant_delete_whole(caller(), tenant).await;
    assert_eq!(refused.unwrap_err().code, Code::InUse);
    let refused = world.service.tenant_delete(caller(), tenant).await;
    assert_eq!(refused.unwrap_err().code, Code::InUse);
    assert_eq!(*before, *world.service.intent());
}

#[tokio::test]
async fn a_tenant_with_guests_on_its_network_stays() {
    let world = World::new().await;
    let [own, other] = [world.tenants[0], world.tenants[1]];
    let shared = json!({"tenant_id": own, "name": "all", "kind": "vlan", "shared": true});
    let shared = world.service.network_create(caller(), request(shared));
    let shared = shared.await.unwrap();
    let subnet = json!({"network_id": shared.id, "cidr": "10.9.0.0/24"});
    let subnet = world.service.subnet_create(caller(), request(subnet));
    subnet.await.unwrap();
    let guest = json!({"network_id": shared.id, "tenant_id": other});
    let guest = world.service.port_create(caller(), request(guest));
    let guest = guest.await.unwrap().port.id;
    let refused = world.service.tenant_delete_whole(caller(), own).await;
    let refused = refused.unwrap_err();
    assert!(refused.detail.contains(&guest.to_string()), "{refused:?}");
    // The guest's own tenant goes, and takes its port along.
    world
        .service
        .tenant_delete_whole(caller(), other)
        .await
        .unwrap();
    assert!(!world.service.intent().ports.contains_key(&guest));
    world
        .service
        .tenant_delete_whole(caller(), own)
        .await
        .unwrap();
    let intent = world.service.intent();
    assert!(intent.tenants.is_empty() && intent.networks.is_empty());
    assert_eq!(intent.count_of(own, Quantity::Networks), 0);
    assert!(world.service.quota(own).is_none());
    assert_sound(&intent);
}

#[tokio::test]
async fn an_address_on_a_network_of_others_stays_kept_when_its_tenant_is_gone() {
    let world = Arc::new(World::new().await);
    let [owner, guest] = [world.tenants[0], world.tenants[1]];
    let shared = json!({"tenant_id": owner, "name": "all", "kind": "vlan", "shared": true});
    let shared = world.service.network_create(caller(), request(shared));
    let shared = shared.await.unwrap();
    let subnet = json!({"network_id": shared.id, "cidr": "10.9.0.0/24"});
    let subnet = world.service.subnet_create(caller(), request(subnet));
    subnet.await.unwrap();
    let make = async || {
        let asked = json!({"network_id": shared.id, "tenant_id": guest, "host_id": world.host});
        let made = world.service.port_create(caller(), request(asked));
        made.await.unwrap().port
    };
    let (early, late) = (make().await, make().await);
    world.service.port_delete(caller(), early.id).await.unwrap();
    world
        .service
        .tenant_delete_whole(caller(), guest)
        .await
        .unwrap();
    let intent = world.service.intent();
    let kept: Vec<_> = intent.quarantines().collect();
    assert!(kept.iter().all(|it| it.tenant_id == owner), "{kept:?}");
    let mut addresses: Vec<_> = kept.iter().map(|it| it.addresses.first).collect();
    addresses.sort();
    let mut both = [early.addresses[0], late.addresses[0]];
    both.sort();
    assert_eq!(addresses, both);
    assert_sound(&intent);
}
