//! Port forwardings: what may be forwarded where, and what keeps what from going.

use api::backend::Backend;
use api::problem::{Code, Problem};
use api::request::{FloatingIpUpdate, PortForwardingCreate, RouterCreate, Setting};
use model::{FloatingIp, Port, PortForwarding, PortForwardingId};
use serde_json::{Value, json};

use super::outside::{Scene, network, port};
use super::refused::{caller, request};

fn fitting(floating: &FloatingIp, port: &Port) -> Value {
    json!({"floating_ip_id": floating.id, "protocol": "tcp", "external_port": 443, "port_id": port.id})
}

async fn forward(scene: &Scene, asked: &Value) -> PortForwarding {
    let asked: PortForwardingCreate = request(asked.clone());
    let made = scene.world.service.port_forwarding_create(caller(), asked);
    made.await.unwrap()
}

fn in_use(outcome: Result<(), Problem>) {
    assert_eq!(outcome.unwrap_err().code, Code::InUse);
}

#[tokio::test]
async fn what_can_be_forwarded_nowhere_is_refused_with_all_faults() {
    let scene = Scene::set().await;
    let (world, web) = (&scene.world, &scene.web);
    scene.lead().await;
    let floating = scene.floating(&json!({})).await;
    let bound_port = port(world, web).await;
    let bound = scene.floating(&json!({"port_id": bound_port.id})).await;
    let taken = fitting(&floating, &scene.port);
    forward(&scene, &taken).await;
    let free = port(world, web).await;
    let apart = network(world, "apart", &json!({}), "10.9.0.0/24").await;
    let stranger = port(world, &apart).await;
    let six = network(world, "six", &json!({}), "fd00:9::/64").await;
    let without = port(world, &six).await;
    let asked = json!({"floating_ip_id": floating.id, "protocol": "tcp", "external_port": 80,
        "port_id": free.id});
    let udp = |external: u16, internal: u16| json!({"protocol": "udp", "external_port": external, "internal_port": internal});
    let cases = [
        (json!({"external_port": 443}), "external_port duplicate"),
        (
            json!({"floating_ip_id": bound.id}),
            "floating_ip_id inconsistent",
        ),
        (json!({"port_id": bound_port.id}), "port_id duplicate"),
        (
            json!({"port_id": scene.port.id, "internal_port": 443}),
            "internal_port duplicate",
        ),
        (
            json!({"port_address": "10.1.0.200"}),
            "port_address inconsistent",
        ),
        (
            json!({"port_id": stranger.id}),
            "port_id inconsistent, port_id inconsistent",
        ),
        (
            json!({"port_id": without.id}),
            "port_id inconsistent, port_id inconsistent",
        ),
        (udp(68, 5000), "external_port out_of_range"),
        (udp(5000, 67), "internal_port out_of_range"),
        (
            json!({"floating_ip_id": FloatingIp::id_of_nobody(), "port_id": Port::id_of_nobody()}),
            "floating_ip_id unknown_reference, port_id unknown_reference",
        ),
        (
            json!({"external_port": 443, "port_id": bound_port.id}),
            "external_port duplicate, port_id duplicate",
        ),
    ];
    let ask = |it| world.service.port_forwarding_create(caller(), it);
    world.refuses(ask, asked, &cases).await;
}

/// Ids that nothing has.
trait Nobody {
    fn id_of_nobody() -> uuid::Uuid {
        uuid::Uuid::nil()
    }
}
impl Nobody for FloatingIp {}
impl Nobody for Port {}

#[tokio::test]
async fn all_ports_of_an_address_are_behind_one_router_and_one_tenants() {
    let scene = Scene::set().await;
    let world = &scene.world;
    scene.lead().await;
    let floating = scene.floating(&json!({})).await;
    forward(&scene, &fitting(&floating, &scene.port)).await;
    let other = network(world, "other", &json!({}), "10.2.0.0/24").await;
    let router: RouterCreate =
        request(json!({"tenant_id": world.tenants[0], "name": "s", "network_ids": [other.id]}));
    let router = world.service.router_create(caller(), router).await.unwrap();
    let gateway = json!({"router_id": router.id, "network_id": scene.external.id});
    let gateway = world
        .service
        .gateway_create(caller(), request(gateway))
        .await;
    gateway.unwrap();
    let behind = port(world, &other).await;
    let asked = json!({"floating_ip_id": floating.id, "protocol": "tcp", "external_port": 80,
        "port_id": behind.id});
    let asked = request(asked);
    let refused = world.service.port_forwarding_create(caller(), asked).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.errors.len(), 1, "{refused:?}");
    assert!(refused.errors[0].message.contains("another router"));
}

#[tokio::test]
async fn what_is_forwarded_is_bound_to_nobody_and_nothing_under_it_goes() {
    let scene = Scene::set().await;
    let service = &scene.world.service;
    let gateway = scene.lead().await;
    let floating = scene.floating(&json!({})).await;
    let forwarding = forward(&scene, &fitting(&floating, &scene.port)).await;
    assert_eq!(forwarding.internal_port.get(), 443, "the same as outside");
    let free = port(&scene.world, &scene.web).await;
    let bind = |floating: &FloatingIp, port: &Port| {
        let asked = FloatingIpUpdate {
            port_id: Setting::To(port.id),
            port_address: None,
        };
        service.floating_ip_update(caller(), floating.id, asked)
    };
    let refused = bind(&floating, &free).await.unwrap_err();
    assert!(refused.errors[0].message.contains("forwarded"));
    let second = scene.floating(&json!({})).await;
    let refused = bind(&second, &scene.port).await.unwrap_err();
    assert!(refused.errors[0].message.contains("tcp 443"));
    in_use(service.floating_ip_delete(caller(), floating.id).await);
    in_use(service.gateway_delete(caller(), gateway.id).await);
    let delete = |id: PortForwardingId| service.port_forwarding_delete(caller(), id);
    delete(forwarding.id).await.unwrap();
    assert_eq!(
        delete(forwarding.id).await.unwrap_err().code,
        Code::NotFound
    );
    bind(&floating, &free).await.unwrap();
}

#[tokio::test]
async fn a_forwarding_goes_with_its_port() {
    let scene = Scene::set().await;
    let service = &scene.world.service;
    scene.lead().await;
    let floating = scene.floating(&json!({})).await;
    let forwarding = forward(&scene, &fitting(&floating, &scene.port)).await;
    service.port_delete(caller(), scene.port.id).await.unwrap();
    assert!(service.port_forwarding(forwarding.id).is_none());
    let kept = service.floating_ip_delete(caller(), floating.id).await;
    kept.unwrap();
}
