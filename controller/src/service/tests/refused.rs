//! Requests that do not fit the pool: each fault is named, all at once, and nothing is changed.

mod trunks;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use api::backend::{Backend, Caller, Outcome};
use api::problem::{Code, Problem};
use api::request::InstanceCreate;
use model::{HostId, Id, Network, PhysicalNetworkId, PortId, Role, Subnet, TenantId};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::name;
use crate::fleet::{Fleet, identity::Identity};
use crate::intent::Intent;
use crate::service::{Service, Settings};
use crate::store::Store;
use api::token::TokenDigest;

/// A controller with two tenants that have a network and a subnet each.
pub(super) struct World {
    pub(super) service: Service,
    pub(super) folder: tempfile::TempDir,
    pub(super) tenants: Vec<TenantId>,
    pub(super) networks: Vec<Network>,
    pub(super) subnets: Vec<Subnet>,
    pub(super) private: PhysicalNetworkId,
    management: PhysicalNetworkId,
    pub(super) host: HostId,
}

pub(super) fn start(folder: &Path) -> Service {
    let store = Store::open(&folder.join("bulkhead.db")).unwrap();
    let token = TokenDigest::of("token");
    Service::start(
        store,
        Settings::default(),
        Arc::new(Fleet::default()),
        token,
    )
    .unwrap()
}

pub(super) fn caller() -> Caller {
    Caller {
        actor: "admin".into(),
        held_to: None,
        source: None,
        request_id: "test".into(),
        idempotency: None,
        revised: Default::default(),
        precondition: None,
    }
}

/// A request as its JSON has it.
pub(super) fn request<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// The first object with the members of the second in their place.
pub(super) fn with(object: &Value, members: &Value) -> Value {
    let mut object = object.as_object().unwrap().clone();
    object.extend(members.as_object().unwrap().clone());
    object.into()
}

pub(super) fn physical(name: &str, role: Role, vlans: Option<&str>) -> Value {
    json!({"name": name, "role": role, "uplink": name, "vlans": vlans})
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = start(folder.path());
        let private = request(physical("private", Role::Private, Some("100-109")));
        let management = request(physical("mgmt", Role::Management, None));
        let private = service.physical_network_create(caller(), private).await;
        let management = service.physical_network_create(caller(), management).await;
        let host = HostId::generate();
        let identity = Identity {
            id: host,
            name: name("h", 0),
        };
        service.host_register(&identity).await.unwrap();
        let mut world = Self {
            service,
            folder,
            tenants: Vec::new(),
            networks: Vec::new(),
            subnets: Vec::new(),
            private: private.unwrap().id,
            management: management.unwrap().id,
            host,
        };
        for tenant in ["a", "b"] {
            world.add_tenant(tenant).await;
        }
        world
    }

    pub(super) async fn add_tenant(&mut self, name: &str) {
        let service = &self.service;
        let tenant = request(json!({"name": name}));
        let tenant = service.tenant_create(caller(), tenant).await.unwrap();
        let network = request(json!({"tenant_id": tenant.id, "name": "net", "kind": "vlan"}));
        let network = service.network_create(caller(), network).await.unwrap();
        let subnet = json!({"network_id": network.id, "name": "sub", "cidr": "10.0.0.0/24"});
        let subnet = service
            .subnet_create(caller(), request(subnet))
            .await
            .unwrap();
        self.tenants.push(tenant.id);
        self.networks.push(network);
        self.subnets.push(subnet);
    }

    /// What must not change when a request is refused: memory, and the store.
    pub(super) fn state(&self) -> (Arc<Intent>, u64) {
        let store = Store::open(&self.folder.path().join("bulkhead.db")).unwrap();
        (self.service.intent(), store.last_revision().unwrap())
    }

    /// Ends the controller; its store stays.
    pub(super) fn into_folder(self) -> tempfile::TempDir {
        self.folder
    }

    /// Asks for the object with each of these members changed, and expects just these faults.
    pub(super) async fn refuses<R: DeserializeOwned, T: Debug>(
        &self,
        ask: impl AsyncFn(R) -> Outcome<T>,
        fitting: Value,
        cases: &[(Value, &str)],
    ) {
        for (members, expected) in cases {
            let before = self.state();
            let problem = ask(request(with(&fitting, members))).await.unwrap_err();
            let faults = problem
                .errors
                .iter()
                .map(|it| format!("{} {}", it.field, json!(it.code)));
            let faults: Vec<String> = faults.map(|it| it.replace('"', "")).collect();
            assert_eq!(faults.join(", "), *expected, "{members}: {problem:?}");
            assert_eq!(problem.code, Code::InvalidFields);
            assert_eq!(self.state(), before, "{members}");
        }
    }
}

fn unknown() -> Id<()> {
    Id::generate()
}

#[tokio::test]
async fn tenants_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let ask = |it| world.service.tenant_create(caller(), it);
    world
        .refuses(ask, json!({}), &[(json!({"name": "a"}), "name duplicate")])
        .await;
}

#[tokio::test]
async fn physical_networks_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let ask = |it| world.service.physical_network_create(caller(), it);
    let cases = [
        (
            json!({"name": "private", "role": "private", "uplink": "private", "vlans": null}),
            "name duplicate, vlans required",
        ),
        (json!({"uplink": "mgmt"}), "uplink duplicate"),
        (
            json!({"role": "private", "uplink": "private", "vlans": "109"}),
            "uplink inconsistent",
        ),
        (json!({"name": "int"}), "name out_of_range"),
        (json!({"name": "a name"}), "name out_of_range"),
        (json!({"name": "abcdefghijklm"}), "name out_of_range"),
        (
            json!({"role": "management"}),
            "vlans inconsistent, role duplicate",
        ),
        (json!({"mtu": 1279}), "mtu out_of_range"),
        (json!({"mtu": 9217}), "mtu out_of_range"),
    ];
    world
        .refuses(ask, physical("new", Role::Public, Some("1")), &cases)
        .await;
}

#[tokio::test]
async fn networks_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let (service, tenant) = (&world.service, world.tenants[0]);
    let ask = |it| service.network_create(caller(), it);
    let fitting = json!({"tenant_id": tenant, "name": "new", "kind": "vlan"});
    let cases = [
        (
            json!({"tenant_id": unknown()}),
            "tenant_id unknown_reference",
        ),
        (json!({"name": "net"}), "name duplicate"),
        (
            json!({"physical_network_id": unknown()}),
            "physical_network_id unknown_reference",
        ),
        (
            json!({"physical_network_id": world.management}),
            "physical_network_id inconsistent",
        ),
        (json!({"vlan": 99}), "vlan out_of_range"),
        (json!({"vlan": 101}), "vlan duplicate"),
        (json!({"mtu": 1501}), "mtu out_of_range"),
        (
            json!({"tenant_id": unknown(), "vlan": 200, "mtu": 1}),
            "tenant_id unknown_reference, vlan out_of_range, mtu out_of_range",
        ),
    ];
    world.refuses(ask, fitting.clone(), &cases).await;

    let second = request(physical("second", Role::Private, Some("1-2")));
    service
        .physical_network_create(caller(), second)
        .await
        .unwrap();
    let ambiguous = [(json!({}), "physical_network_id required")];
    world.refuses(ask, fitting, &ambiguous).await;
}

#[tokio::test]
async fn subnets_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let ask = |it| world.service.subnet_create(caller(), it);
    let fitting = json!({"network_id": world.networks[0].id, "cidr": "10.1.0.0/24"});
    let cases = [
        (
            json!({"network_id": unknown()}),
            "network_id unknown_reference",
        ),
        (json!({"name": "sub"}), "name duplicate"),
        (json!({"cidr": "10.0.0.128/25"}), "cidr duplicate"),
        (json!({"cidr": "10.0.0.0/16"}), "cidr duplicate"),
        (json!({"cidr": "10.1.0.1/24"}), "cidr out_of_range"),
        (json!({"cidr": "224.0.0.0/24"}), "cidr out_of_range"),
        (json!({"cidr": "fe80::/64"}), "cidr out_of_range"),
        (json!({"cidr": "::/0"}), "cidr out_of_range"),
        (json!({"gateway": "10.1.1.1"}), "gateway out_of_range"),
        (json!({"gateway": "10.1.0.255"}), "gateway out_of_range"),
        (json!({"gateway": "fd00::1"}), "gateway out_of_range"),
        (json!({"pools": ["10.1.1.1"]}), "pools[0] out_of_range"),
        (
            json!({"pools": ["10.1.0.5-10.1.0.9", "10.1.0.9"]}),
            "pools[1] duplicate",
        ),
        (json!({"dns": ["0.0.0.0"]}), "dns[0] out_of_range"),
        (json!({"dns": ["ff02::1"]}), "dns[0] out_of_range"),
        (json!({"dns": ["fd00::2", "fd00::2"]}), "dns[1] duplicate"),
        (
            json!({"routes": ["10.9.0.0/16 via 10.0.0.7"]}),
            "routes[0] inconsistent",
        ),
        (
            json!({"routes": ["0.0.0.0/0 via 10.1.0.7"]}),
            "routes[0] inconsistent",
        ),
        (
            json!({"routes": ["10.9.0.0/16 via 10.1.0.7", "10.9.0.0/16 via 10.1.0.8"]}),
            "routes[1] duplicate",
        ),
        (
            json!({"cidr": "fd00::/64", "routes": ["10.9.0.0/16 via 10.0.0.7"]}),
            "routes[0] inconsistent",
        ),
    ];
    world.refuses(ask, fitting, &cases).await;
}

#[tokio::test]
async fn ports_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let ask = |it| world.service.port_create(caller(), it);
    let fitting = json!({"network_id": world.networks[0].id});
    let taken = json!({"name": "p", "mac": "fa:00:00:00:00:01"});
    let first = ask(request(with(&fitting, &taken))).await.unwrap();
    assert_eq!(json!(first.port.addresses), json!(["10.0.0.2"]));
    let addresses = [
        "10.0.0.2",
        "10.0.0.1",
        "10.9.0.1",
        "10.0.0.255",
        "fd00::1",
        "10.9.0.1",
    ];
    let cases = [
        (
            json!({"network_id": unknown()}),
            "network_id unknown_reference",
        ),
        (taken, "name duplicate, mac duplicate"),
        (json!({"host_id": unknown()}), "host_id unknown_reference"),
        (
            json!({"addresses": addresses}),
            "addresses[0] duplicate, addresses[1] inconsistent, addresses[2] inconsistent, \
             addresses[3] out_of_range, addresses[4] inconsistent, addresses[5] duplicate",
        ),
        (
            json!({"addresses": vec!["10.0.0.9"; 9]}),
            "addresses out_of_range",
        ),
    ];
    world.refuses(ask, fitting, &cases).await;
}

#[tokio::test]
async fn instances_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let service = &world.service;
    let ask = |it| service.instance_create(caller(), it);
    let port = async |network: usize| {
        let port = request(json!({"network_id": world.networks[network].id}));
        service.port_create(caller(), port).await.unwrap().port.id
    };
    let (own, used, foreign) = (port(0).await, port(0).await, port(1).await);
    let fitting = json!({"tenant_id": world.tenants[0], "name": "vm", "host_id": world.host});
    let user = json!({"name": "user", "port_ids": [used]});
    let user = ask(request(with(&fitting, &user))).await.unwrap();
    assert_eq!(service.port(used).unwrap().port.host_id, Some(world.host));
    let networks = [&world.networks[0].id; 17];
    let cases = [
        (
            json!({"tenant_id": unknown()}),
            "tenant_id unknown_reference",
        ),
        (json!({"name": "user"}), "name duplicate"),
        (json!({"host_id": unknown()}), "host_id unknown_reference"),
        (json!({"host_id": null}), "host_id required"),
        (
            json!({"network_ids": [unknown()]}),
            "network_ids[0] unknown_reference",
        ),
        (
            json!({"network_ids": [world.networks[1].id]}),
            "network_ids[0] inconsistent",
        ),
        (json!({"network_ids": networks}), "network_ids out_of_range"),
        (
            json!({"port_ids": [unknown()]}),
            "port_ids[0] unknown_reference",
        ),
        (json!({"port_ids": [foreign]}), "port_ids[0] inconsistent"),
        (json!({"port_ids": [used]}), "port_ids[0] duplicate"),
        (json!({"port_ids": [own, own]}), "port_ids[1] duplicate"),
    ];
    world.refuses(ask, fitting, &cases).await;
    in_use(service.port_delete(caller(), used).await);
    service
        .instance_delete(caller(), user.instance.id)
        .await
        .unwrap();
    service.port_delete(caller(), used).await.unwrap();
}

fn in_use(outcome: Result<(), Problem>) {
    assert_eq!(outcome.unwrap_err().code, Code::InUse);
}

fn not_found(outcome: Result<(), Problem>) {
    assert_eq!(outcome.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn what_is_in_use_or_unknown_is_not_deleted() {
    let world = World::new().await;
    let service = &world.service;
    let port = request(json!({"network_id": world.networks[0].id}));
    let port = service.port_create(caller(), port).await.unwrap();
    let before = world.state();
    in_use(service.tenant_delete(caller(), world.tenants[0]).await);
    in_use(
        service
            .physical_network_delete(caller(), world.private)
            .await,
    );
    in_use(service.network_delete(caller(), world.networks[0].id).await);
    in_use(service.subnet_delete(caller(), world.subnets[0].id).await);
    not_found(service.tenant_delete(caller(), Id::generate()).await);
    not_found(
        service
            .physical_network_delete(caller(), Id::generate())
            .await,
    );
    not_found(service.network_delete(caller(), Id::generate()).await);
    not_found(service.subnet_delete(caller(), Id::generate()).await);
    not_found(service.port_delete(caller(), Id::generate()).await);
    not_found(service.instance_delete(caller(), Id::generate()).await);
    assert_eq!(world.state(), before);

    service.port_delete(caller(), port.port.id).await.unwrap();
    service
        .network_delete(caller(), world.networks[0].id)
        .await
        .unwrap();
    assert_eq!(service.subnet(world.subnets[0].id), None);
    service
        .tenant_delete(caller(), world.tenants[0])
        .await
        .unwrap();
}

#[tokio::test]
async fn an_instance_gets_its_ports_and_takes_them_with_it() {
    let world = World::new().await;
    let (service, network) = (&world.service, world.networks[0].id);
    let kept = request(json!({"network_id": network}));
    let kept = service.port_create(caller(), kept).await.unwrap();
    let instance: InstanceCreate = request(json!({
        "tenant_id": world.tenants[0],
        "name": "vm",
        "host_id": world.host,
        "network_ids": [network, network],
        "port_ids": [kept.port.id],
    }));
    let instance = service.instance_create(caller(), instance).await.unwrap();
    let ports = instance
        .port_ids
        .iter()
        .map(|id| service.port(*id).unwrap().port);
    let addresses: Vec<String> = ports.map(|it| it.addresses[0].to_string()).collect();
    assert_eq!(addresses, ["10.0.0.3", "10.0.0.4", "10.0.0.2"]);
    service
        .instance_delete(caller(), instance.instance.id)
        .await
        .unwrap();
    let left: Vec<PortId> = service.ports().iter().map(|it| it.port.id).collect();
    assert_eq!(left, [kept.port.id]);
}

#[tokio::test]
async fn overlays_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let service = &world.service;
    let ask = |it| service.network_create(caller(), it);
    let fitting = json!({"tenant_id": world.tenants[0], "name": "new", "kind": "vxlan"});
    let without = [(json!({}), "physical_network_id required")];
    world.refuses(ask, fitting.clone(), &without).await;

    let carrier = async |it| service.physical_network_create(caller(), it).await;
    let under = with(
        &physical("under", Role::Private, Some("200-209")),
        &json!({"mtu": 1400, "endpoints": "10.254.0.0/24"}),
    );
    let cases = [
        (
            json!({"role": "storage"}),
            "vlans inconsistent, endpoints inconsistent",
        ),
        (
            json!({"endpoints": "224.0.0.0/8"}),
            "endpoints out_of_range",
        ),
        (
            json!({"endpoints": "127.0.0.0/8"}),
            "endpoints out_of_range",
        ),
    ];
    world.refuses(carrier, under.clone(), &cases).await;
    let under = carrier(request(under)).await.unwrap();
    let again = with(
        &physical("again", Role::Private, Some("300-309")),
        &json!({"endpoints": "10.253.0.0/24"}),
    );
    let cases = [(json!({}), "endpoints duplicate")];
    world.refuses(carrier, again, &cases).await;

    let used = with(&fitting, &json!({"name": "used", "vni": 5000}));
    let used = ask(request(used)).await.unwrap();
    assert_eq!(used.mtu, 1350);
    let cases = [
        (
            json!({"physical_network_id": world.private}),
            "physical_network_id inconsistent",
        ),
        (
            json!({"physical_network_id": world.management}),
            "physical_network_id inconsistent, physical_network_id inconsistent",
        ),
        (json!({"vni": 5000}), "vni duplicate"),
        (json!({"vni": 5000, "kind": "geneve"}), "vni duplicate"),
        (json!({"vlan": 200}), "vlan inconsistent"),
        (json!({"mtu": 1351}), "mtu out_of_range"),
        (json!({"mtu": 1279}), "mtu out_of_range"),
        (
            json!({"kind": "vlan", "vni": 7, "physical_network_id": under.id}),
            "vni inconsistent",
        ),
    ];
    world.refuses(ask, fitting.clone(), &cases).await;
    let too_large = with(&fitting, &json!({"mtu": 1351}));
    let problem = ask(request(too_large)).await.unwrap_err();
    assert!(
        problem.errors[0].message.contains("1350"),
        "the limit is not named: {problem:?}"
    );
    let kept = service.physical_network_delete(caller(), under.id).await;
    assert_eq!(kept.unwrap_err().code, Code::InUse);
}
