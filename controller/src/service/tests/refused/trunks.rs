//! Trunks that cannot be, and ports that are on one.

use super::*;

/// A port on a network.
async fn port(world: &World, network: &Network) -> PortId {
    let port = request(json!({"network_id": network.id}));
    let made = world.service.port_create(caller(), port).await;
    made.unwrap().port.id
}

async fn network(world: &World, tenant: usize, name: &str) -> Network {
    let network = json!({"tenant_id": world.tenants[tenant], "name": name, "kind": "vlan"});
    let network = world
        .service
        .network_create(caller(), request(network))
        .await
        .unwrap();
    let subnet = json!({"network_id": network.id, "cidr": "10.0.0.0/24"});
    let subnet = world.service.subnet_create(caller(), request(subnet)).await;
    subnet.unwrap();
    network
}

async fn put(world: &World, trunk: PortId, port: PortId, vlan: u16) {
    let request = request(json!({"trunk_id": trunk, "port_id": port, "vlan": vlan}));
    let made = world.service.sub_port_create(caller(), request).await;
    made.unwrap();
}

#[tokio::test]
async fn sub_ports_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let service = &world.service;
    let [second, third] = [
        network(&world, 0, "second").await,
        network(&world, 0, "third").await,
    ];
    let trunk = port(&world, &world.networks[0]).await;
    let (first_leg, second_leg) = (port(&world, &second).await, port(&world, &third).await);
    put(&world, trunk, first_leg, 10).await;
    let (twin, beside) = (
        port(&world, &second).await,
        port(&world, &world.networks[0]).await,
    );
    let foreign = port(&world, &world.networks[1]).await;
    let (other_trunk, its_leg) = (port(&world, &second).await, port(&world, &third).await);
    put(&world, other_trunk, its_leg, 10).await;
    let used = port(&world, &third).await;
    let vm = json!({
        "tenant_id": world.tenants[0], "name": "vm", "host_id": world.host, "port_ids": [used],
    });
    service
        .instance_create(caller(), request(vm))
        .await
        .unwrap();

    let ask = |it| service.sub_port_create(caller(), it);
    let fitting = json!({"trunk_id": trunk, "port_id": second_leg, "vlan": 11});
    let cases = [
        (json!({"trunk_id": unknown()}), "trunk_id unknown_reference"),
        (json!({"port_id": unknown()}), "port_id unknown_reference"),
        (json!({"trunk_id": first_leg}), "trunk_id inconsistent"),
        (json!({"vlan": 10}), "vlan duplicate"),
        (
            json!({"port_id": trunk}),
            "port_id inconsistent, port_id inconsistent",
        ),
        (json!({"port_id": twin}), "port_id inconsistent"),
        (json!({"port_id": beside}), "port_id inconsistent"),
        (json!({"port_id": foreign}), "port_id inconsistent"),
        (json!({"port_id": its_leg}), "port_id duplicate"),
        (json!({"port_id": first_leg}), "port_id duplicate"),
        (json!({"port_id": used}), "port_id inconsistent"),
        (
            json!({"port_id": other_trunk, "vlan": 10}),
            "vlan duplicate, port_id inconsistent, port_id inconsistent",
        ),
        (
            json!({"trunk_id": its_leg, "port_id": foreign}),
            "trunk_id inconsistent, port_id inconsistent",
        ),
    ];
    world.refuses(ask, fitting.clone(), &cases).await;
    ask(request(fitting)).await.unwrap();
}

#[tokio::test]
async fn a_trunk_with_sub_ports_is_not_deleted_and_they_go_where_it_goes() {
    let world = World::new().await;
    let service = &world.service;
    let second = network(&world, 0, "second").await;
    let vm = json!({
        "tenant_id": world.tenants[0], "name": "vm", "host_id": world.host,
        "network_ids": [world.networks[0].id],
    });
    let vm = service
        .instance_create(caller(), request(vm))
        .await
        .unwrap();
    let trunk = vm.port_ids[0];
    let leg = port(&world, &second).await;
    assert_eq!(service.port(leg).unwrap().port.host_id, None);
    put(&world, trunk, leg, 10).await;
    assert_eq!(service.port(leg).unwrap().port.host_id, Some(world.host));
    in_use(service.instance_delete(caller(), vm.instance.id).await);
    let second_vm = json!({
        "tenant_id": world.tenants[0], "name": "other", "host_id": world.host, "port_ids": [leg],
    });
    let refused = service.instance_create(caller(), request(second_vm)).await;
    assert_eq!(refused.unwrap_err().errors[0].field, "port_ids[0]");

    let loose = port(&world, &second).await;
    not_found(service.sub_port_delete(caller(), loose).await);
    not_found(service.sub_port_delete(caller(), trunk).await);
    service.sub_port_delete(caller(), leg).await.unwrap();
    assert_eq!(service.port(leg).unwrap().port.host_id, None);
    assert_eq!(service.sub_ports(), []);
    service
        .instance_delete(caller(), vm.instance.id)
        .await
        .unwrap();

    // A trunk that waits for its interface takes its sub-ports along.
    let trunk = port(&world, &world.networks[0]).await;
    put(&world, trunk, leg, 10).await;
    in_use(service.port_delete(caller(), trunk).await);
    let plugged = json!({
        "tenant_id": world.tenants[0], "name": "vm", "host_id": world.host, "port_ids": [trunk],
    });
    service
        .instance_create(caller(), request(plugged))
        .await
        .unwrap();
    assert_eq!(service.port(leg).unwrap().port.host_id, Some(world.host));
    service.port_delete(caller(), leg).await.unwrap();
    assert_eq!(service.sub_ports(), []);
}
