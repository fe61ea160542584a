//! Networks that are shared: what goes together, who may have ports, and what is refused.

use api::backend::Backend;
use api::problem::Code;
use api::request::{InstanceCreate, NetworkCreate, SubnetCreate};
use model::{Network, PhysicalNetwork, Role, Segment};
use serde_json::{Value, json};

use super::refused::{World, caller, physical, request, with};

const GATEWAY: &str = "00:00:5e:00:01:07";

/// A physical network for the outside without VLANs, and a flat network on it as asked for.
async fn flat(world: &World, members: &Value) -> (PhysicalNetwork, Network) {
    let public = request(physical("public", Role::Public, None));
    let public = world.service.physical_network_create(caller(), public);
    let public = public.await.unwrap();
    let network = json!({
        "tenant_id": world.tenants[0], "name": "internet", "kind": "flat",
        "physical_network_id": public.id, "external": true,
    });
    let network: NetworkCreate = request(with(&network, members));
    let network = world.service.network_create(caller(), network).await;
    (public, network.unwrap())
}

async fn subnet(world: &World, network: &Network) {
    let subnet: SubnetCreate =
        request(json!({"network_id": network.id, "cidr": "203.0.113.0/24", "dhcp": true}));
    let made = world.service.subnet_create(caller(), subnet).await;
    made.unwrap();
}

#[tokio::test]
async fn networks_whose_sharing_does_not_fit_are_refused() {
    let world = World::new().await;
    let ask = |it| world.service.network_create(caller(), it);
    let (public, first) = flat(&world, &json!({})).await;
    assert!(matches!(first.segment, Segment::Flat { .. }));
    assert_eq!(first.mtu, public.mtu);
    let under = with(
        &physical("under", Role::Private, Some("200-209")),
        &json!({"endpoints": "10.254.0.0/24"}),
    );
    let under = world
        .service
        .physical_network_create(caller(), request(under));
    let under = under.await.unwrap().id;
    let fitting = json!({
        "tenant_id": world.tenants[0], "name": "new", "kind": "vlan",
        "physical_network_id": world.private, "external": true, "isolated": true,
        "gateway_macs": [GATEWAY],
    });
    let cases = [
        (json!({"gateway_macs": []}), "gateway_macs required"),
        (json!({"external": false}), "gateway_macs inconsistent"),
        (
            json!({"gateway_macs": [GATEWAY, GATEWAY]}),
            "gateway_macs[1] duplicate",
        ),
        (
            json!({"kind": "geneve", "physical_network_id": under}),
            "external inconsistent, isolated inconsistent",
        ),
        (
            json!({"kind": "flat", "physical_network_id": under}),
            "physical_network_id inconsistent",
        ),
        (
            json!({"kind": "flat", "physical_network_id": public.id, "vlan": 7, "vni": 8}),
            "vni inconsistent, vlan inconsistent, physical_network_id duplicate",
        ),
        (
            json!({"physical_network_id": public.id, "vlan": 7}),
            "physical_network_id inconsistent",
        ),
    ];
    world.refuses(ask, fitting, &cases).await;
    let kept = world.service.physical_network_delete(caller(), public.id);
    assert_eq!(kept.await.unwrap_err().code, Code::InUse);
}

#[tokio::test]
async fn a_router_of_an_external_network_advertises_itself_so_we_do_not() {
    let world = World::new().await;
    let (_, network) = flat(&world, &json!({})).await;
    let ask = |it| world.service.subnet_create(caller(), it);
    let six = json!({"network_id": network.id, "cidr": "2001:db8::/64", "dhcp": true});
    let cases = [(json!({}), "dhcp inconsistent")];
    world.refuses(ask, six.clone(), &cases).await;
    let allowed = request(with(&six, &json!({"dhcp": false})));
    assert!(ask(allowed).await.is_ok());
}

#[tokio::test]
async fn tenants_have_ports_on_their_own_networks_and_on_shared_ones_only() {
    let world = World::new().await;
    let (_, network) = flat(&world, &json!({})).await;
    subnet(&world, &network).await;
    let port = json!({"network_id": network.id, "tenant_id": world.tenants[1]});
    let refused = [(json!({}), "network_id inconsistent")];
    let ask = |it| world.service.port_create(caller(), it);
    world.refuses(ask, port, &refused).await;
    let vm = json!({
        "tenant_id": world.tenants[1], "name": "vm", "host_id": world.host,
        "network_ids": [network.id],
    });
    let refused = [(json!({}), "network_ids[0] inconsistent")];
    let ask = |it| world.service.instance_create(caller(), it);
    world.refuses(ask, vm, &refused).await;
}

#[tokio::test]
async fn a_shared_network_and_its_users_stay_while_ports_of_any_tenant_are_on_it() {
    let mut world = World::new().await;
    let members = json!({"shared": true, "isolated": true, "gateway_macs": [GATEWAY]});
    let (_, network) = flat(&world, &members).await;
    subnet(&world, &network).await;
    world.add_tenant("c").await;
    let service = &world.service;
    let user = world.tenants[2];
    let own = service.networks();
    let own = own.iter().find(|it| it.tenant_id == user).unwrap().id;
    service.network_delete(caller(), own).await.unwrap();
    let port = json!({"network_id": network.id, "tenant_id": user, "name": "its own name"});
    let port = service
        .port_create(caller(), request(port))
        .await
        .unwrap()
        .port;
    assert_eq!(port.tenant_id, user);
    let vm = json!({
        "tenant_id": world.tenants[1], "name": "vm", "host_id": world.host,
        "network_ids": [network.id],
    });
    let vm: InstanceCreate = request(vm);
    let vm = service.instance_create(caller(), vm).await.unwrap();
    let its = service.port(vm.port_ids[0]).unwrap().port;
    assert_eq!(its.tenant_id, world.tenants[1]);
    for refused in [
        service.network_delete(caller(), network.id).await,
        service.tenant_delete(caller(), user).await,
    ] {
        assert_eq!(refused.unwrap_err().code, Code::InUse);
    }
    let ask = |it| service.port_create(caller(), it);
    let gateway = json!({"network_id": network.id, "mac": GATEWAY});
    let cases = [(json!({}), "mac inconsistent")];
    world.refuses(ask, gateway, &cases).await;
    service.port_delete(caller(), port.id).await.unwrap();
    service.tenant_delete(caller(), user).await.unwrap();
}
