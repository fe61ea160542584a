//! Ways to external networks: what may lead where, and what keeps what from going.

use api::backend::Backend;
use api::problem::Code;
use api::request::{
    FloatingIpUpdate, NetworkCreate, PortCreate, RouterCreate, Setting, SubnetCreate,
};
use model::{FloatingIp, Gateway, Network, Port, Router};
use serde_json::{Value, json};

use super::refused::{World, caller, request, with};

const GATEWAY: &str = "00:00:5e:00:01:07";

/// A network of the first tenant with its subnet.
pub(super) async fn network(world: &World, name: &str, members: &Value, cidr: &str) -> Network {
    let network = json!({"tenant_id": world.tenants[0], "name": name, "kind": "vlan"});
    let network: NetworkCreate = request(with(&network, members));
    let network = world.service.network_create(caller(), network).await;
    let network = network.unwrap();
    let dhcp = !cidr.contains(':');
    let subnet: SubnetCreate =
        request(json!({"network_id": network.id, "cidr": cidr, "dhcp": dhcp}));
    world.service.subnet_create(caller(), subnet).await.unwrap();
    network
}

/// A router of the first tenant with a network, a port there, and an external network that fits.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) external: Network,
    pub(super) web: Network,
    router: Router,
    pub(super) port: Port,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let world = World::new().await;
        let members = json!({"external": true, "shared": true, "gateway_macs": [GATEWAY]});
        let external = network(&world, "internet", &members, "203.0.113.0/28").await;
        let web = network(&world, "web", &json!({}), "10.1.0.0/24").await;
        let router: RouterCreate =
            request(json!({"tenant_id": world.tenants[0], "name": "r", "network_ids": [web.id]}));
        let router = world.service.router_create(caller(), router).await;
        let port = port(&world, &web).await;
        Self {
            external,
            web,
            router: router.unwrap(),
            port,
            world,
        }
    }

    fn fitting(&self) -> Value {
        json!({"router_id": self.router.id, "network_id": self.external.id})
    }

    pub(super) async fn lead(&self) -> Gateway {
        let asked = request(self.fitting());
        let made = self.world.service.gateway_create(caller(), asked).await;
        made.unwrap()
    }

    pub(super) async fn floating(&self, members: &Value) -> FloatingIp {
        let asked = json!({"tenant_id": self.world.tenants[0], "network_id": self.external.id});
        let asked = request(with(&asked, members));
        let made = self.world.service.floating_ip_create(caller(), asked).await;
        made.unwrap()
    }
}

pub(super) async fn port(world: &World, network: &Network) -> Port {
    let port: PortCreate = request(json!({"network_id": network.id}));
    let port = world.service.port_create(caller(), port).await;
    port.unwrap().port
}

#[tokio::test]
async fn routers_lead_only_to_networks_that_are_fit_for_it() {
    let scene = Scene::set().await;
    let world = &scene.world;
    let bare = json!({"external": true, "shared": true});
    let silent = network(world, "silent", &bare, "198.51.100.0/28").await;
    let members = json!({"external": true, "isolated": true, "gateway_macs": [GATEWAY]});
    let isolated = network(world, "isolated", &members, "198.51.101.0/28").await;
    let members = json!({"external": true, "gateway_macs": [GATEWAY]});
    let overlapping = network(world, "overlapping", &members, "10.1.0.0/28").await;
    let six = network(world, "six", &members, "2001:db8::/64").await;
    let ask = |it| world.service.gateway_create(caller(), it);
    let to = |network: &Network| json!({"network_id": network.id});
    let cases = [
        (
            to(&scene.web),
            "network_id inconsistent, network_id inconsistent",
        ),
        (to(&silent), "network_id inconsistent"),
        (to(&isolated), "network_id inconsistent"),
        (to(&overlapping), "network_id inconsistent"),
        (to(&six), "network_id inconsistent"),
    ];
    world.refuses(ask, scene.fitting(), &cases).await;
    scene.lead().await;
    let again = ask(request(scene.fitting())).await;
    let again = again.unwrap_err();
    assert_eq!(again.code, Code::InvalidFields);
    assert_eq!(again.errors[0].field, "router_id");
}

#[tokio::test]
async fn gateway_hosts_that_cannot_be_are_refused_with_all_faults() {
    let scene = Scene::set().await;
    let world = &scene.world;
    let ask = |it| world.service.gateway_create(caller(), it);
    // It has no endpoint.
    let first = world.host;
    let absent = model::HostId::generate();
    let cases = [
        (
            json!({"host_ids": [absent]}),
            "host_ids[0] unknown_reference",
        ),
        (
            json!({"host_ids": [first, first]}),
            "host_ids[0] inconsistent, host_ids[1] duplicate",
        ),
        (
            json!({"host_ids": [first, absent, first], "snat": "off", "network_id": scene.web.id}),
            "network_id inconsistent, network_id inconsistent, host_ids inconsistent, \
             host_ids[0] inconsistent, host_ids[1] unknown_reference, host_ids[2] duplicate",
        ),
        (json!({"host_ids": [first]}), "host_ids[0] inconsistent"),
    ];
    world.refuses(ask, scene.fitting(), &cases).await;
}

#[tokio::test]
async fn floating_ips_that_nobody_can_have_are_refused_with_all_faults() {
    let scene = Scene::set().await;
    let world = &scene.world;
    scene.lead().await;
    let taken = scene.floating(&json!({"port_id": scene.port.id})).await;
    let free = port(world, &scene.web).await;
    let apart = network(world, "apart", &json!({}), "10.9.0.0/24").await;
    let stranger = port(world, &apart).await;
    let ask = |it| world.service.floating_ip_create(caller(), it);
    let fitting = json!({
        "tenant_id": world.tenants[0], "network_id": scene.external.id, "address": "203.0.113.9",
        "port_id": free.id,
    });
    let cases = [
        (json!({"address": taken.address}), "address duplicate"),
        (json!({"address": "203.0.113.1"}), "address inconsistent"),
        (json!({"address": "192.0.2.1"}), "address inconsistent"),
        (
            json!({"network_id": scene.web.id, "address": null, "port_id": null}),
            "network_id inconsistent",
        ),
        (json!({"port_id": stranger.id}), "port_id inconsistent"),
        (json!({"port_id": scene.port.id}), "port_id duplicate"),
        (
            json!({"port_address": "10.1.0.200"}),
            "port_address inconsistent",
        ),
        (
            json!({"port_id": null, "port_address": "10.1.0.3"}),
            "port_address inconsistent",
        ),
        (
            json!({"tenant_id": world.tenants[1]}),
            "port_id inconsistent",
        ),
        (
            json!({"address": "203.0.113.1", "port_id": stranger.id, "port_address": "10.1.0.3"}),
            "address inconsistent, port_id inconsistent, port_address inconsistent",
        ),
    ];
    world.refuses(ask, fitting, &cases).await;
}

#[tokio::test]
async fn what_is_lent_is_nobody_elses_and_nothing_under_it_goes() {
    let scene = Scene::set().await;
    let world = &scene.world;
    let service = &world.service;
    let gateway = scene.lead().await;
    let floating = scene.floating(&json!({"port_id": scene.port.id})).await;
    let address = floating.address;
    let port = |members: Value| {
        let base = json!({"network_id": scene.external.id});
        service.port_create(caller(), request(with(&base, &members)))
    };
    let refused = port(json!({"addresses": [address]})).await.unwrap_err();
    assert_eq!(refused.errors[0].field, "addresses[0]");
    let pair = format!("{address}/32");
    let refused = port(json!({"allowed": [pair]})).await.unwrap_err();
    assert_eq!(refused.errors[0].field, "allowed[0]");
    let refused = port(json!({"mac": "0a:bf:cb:00:71:02"})).await;
    assert_eq!(refused.unwrap_err().errors[0].field, "mac");
    let in_use = |problem: api::problem::Problem| assert_eq!(problem.code, Code::InUse);
    in_use(
        service
            .gateway_delete(caller(), gateway.id)
            .await
            .unwrap_err(),
    );
    in_use(
        service
            .router_delete(caller(), scene.router.id)
            .await
            .unwrap_err(),
    );
    in_use(
        service
            .network_delete(caller(), scene.external.id)
            .await
            .unwrap_err(),
    );
    let subnets = service.subnets();
    let subnet = subnets.iter().find(|it| it.network_id == scene.external.id);
    in_use(
        service
            .subnet_delete(caller(), subnet.unwrap().id)
            .await
            .unwrap_err(),
    );
    everything_goes_in_its_order(&scene, &gateway, &floating).await;
}

async fn everything_goes_in_its_order(scene: &Scene, gateway: &Gateway, floating: &FloatingIp) {
    let service = &scene.world.service;
    let in_use = |problem: api::problem::Problem| assert_eq!(problem.code, Code::InUse);
    let unbind = FloatingIpUpdate {
        port_id: Setting::Removed,
        port_address: None,
    };
    service
        .floating_ip_update(caller(), floating.id, unbind)
        .await
        .unwrap();
    service.gateway_delete(caller(), gateway.id).await.unwrap();
    service
        .router_delete(caller(), scene.router.id)
        .await
        .unwrap();
    in_use(
        service
            .network_delete(caller(), scene.external.id)
            .await
            .unwrap_err(),
    );
    service
        .floating_ip_delete(caller(), floating.id)
        .await
        .unwrap();
    service
        .network_delete(caller(), scene.external.id)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_floating_ip_outlives_its_port_and_stands_for_nothing_then() {
    let scene = Scene::set().await;
    let service = &scene.world.service;
    scene.lead().await;
    let floating = scene.floating(&json!({"port_id": scene.port.id})).await;
    assert!(floating.bound.is_some());
    service.port_delete(caller(), scene.port.id).await.unwrap();
    assert_eq!(service.floating_ip(floating.id).unwrap().bound, None);
}
