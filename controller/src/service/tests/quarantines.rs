//! Addresses of ports that are gone: kept while they may be in use, and no longer.

use std::net::IpAddr;

use api::backend::Backend;
use api::problem::{Code, Problem};
use api::request::PortCreate;
use model::plan::Generation;
use model::report::{HostReport, Vif};
use model::{HostId, PortId, PortState};
use serde_json::{Value, json};

use super::refused::{World, caller, request};
use crate::fleet::Observed;
use crate::service::quarantine::over;

fn told(observed: &mut Observed, host: HostId, report: HostReport) {
    observed.connected_from(host, "192.0.2.7".parse().unwrap(), "0".to_owned());
    observed.absorb(host, report);
}

fn realized(generation: u64) -> HostReport {
    HostReport {
        realized: Generation(generation),
        ..HostReport::default()
    }
}

/// A world with a port on its host, and that port's address, after the port was deleted.
async fn with_one_gone() -> (World, PortId, IpAddr) {
    let world = World::new().await;
    let body = json!({"network_id": world.networks[0].id, "host_id": world.host});
    let made: PortCreate = request(body);
    let port = world.service.port_create(caller(), made).await.unwrap();
    let (id, address) = (port.port.id, port.port.addresses[0]);
    world.service.port_delete(caller(), id).await.unwrap();
    (world, id, address)
}

async fn take(world: &World, address: IpAddr) -> Result<(), Problem> {
    let body: Value = json!({"network_id": world.networks[0].id, "addresses": [address]});
    let made = world.service.port_create(caller(), request(body)).await;
    made.map(drop)
}

#[tokio::test]
async fn an_address_is_kept_until_the_host_has_carried_out_that_its_port_is_gone() {
    let (world, id, address) = with_one_gone().await;
    let problem = take(&world, address).await.unwrap_err();
    assert!(
        problem.errors[0].message.contains("has not said yet"),
        "{problem:?}"
    );
    let body = json!({"network_id": world.networks[0].id});
    let other = world.service.port_create(caller(), request(body)).await;
    assert_ne!(other.unwrap().port.addresses[0], address);

    let intent = world.service.intent();
    let kept = intent.quarantines().next().unwrap().clone();
    assert_eq!(kept.quarantine.unwrap().port_id, id);
    let after = kept.quarantine.unwrap().after.0;
    let mut observed = Observed::default();
    assert!(
        over(&intent, &observed).is_empty(),
        "the host is out of reach"
    );
    told(&mut observed, world.host, realized(after));
    assert!(
        over(&intent, &observed).is_empty(),
        "the host has the port still"
    );
    let vif = Vif {
        interface: "tap0".to_owned(),
        iface_id: id.to_string(),
        port_id: Some(id),
        ifindex: Some(7),
        state: PortState::Down,
        reason: None,
        generation: None,
        spoke: None,
        guest: None,
    };
    let seen = HostReport {
        vifs: vec![vif],
        ..realized(after + 1)
    };
    told(&mut observed, world.host, seen);
    assert!(
        over(&intent, &observed).is_empty(),
        "its interface is there still"
    );
    let gone = HostReport {
        vifs_gone: vec!["tap0".to_owned()],
        ..realized(after + 1)
    };
    told(&mut observed, world.host, gone);
    assert_eq!(over(&intent, &observed), [kept.id]);
}

#[tokio::test]
async fn an_operator_who_knows_better_gives_an_address_back() {
    let (world, _, address) = with_one_gone().await;
    let network = world.networks[0].id;
    let subnet = world.subnets[0].id;
    // Its VLAN would be another's while the host may still be on it.
    let refused = world.service.network_delete(caller(), network).await;
    assert_eq!(refused.unwrap_err().code, Code::InUse);
    let refused = world.service.subnet_delete(caller(), subnet).await;
    assert_eq!(refused.unwrap_err().code, Code::InUse);
    let kept = world.service.reservations()[0].id;
    world
        .service
        .reservation_delete(caller(), kept)
        .await
        .unwrap();
    take(&world, address).await.unwrap();
}

#[tokio::test]
async fn a_port_that_gives_an_address_up_may_have_it_again_and_no_other() {
    let world = World::new().await;
    let body = json!({"network_id": world.networks[0].id, "host_id": world.host});
    let made: PortCreate = request(body);
    let port = world.service.port_create(caller(), made).await.unwrap();
    let (id, address) = (port.port.id, port.port.addresses[0]);
    let none = request(json!({"addresses": []}));
    world.service.port_update(caller(), id, none).await.unwrap();
    assert!(take(&world, address).await.is_err());
    let again = request(json!({"addresses": [address]}));
    world
        .service
        .port_update(caller(), id, again)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_address_of_a_port_that_was_nowhere_is_free_at_once() {
    let world = World::new().await;
    let body = json!({"network_id": world.networks[0].id});
    let made: PortCreate = request(body);
    let port = world.service.port_create(caller(), made).await.unwrap();
    world
        .service
        .port_delete(caller(), port.port.id)
        .await
        .unwrap();
    take(&world, port.port.addresses[0]).await.unwrap();
}
