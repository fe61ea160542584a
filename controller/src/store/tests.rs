mod history;

use std::sync::Arc;

use model::{Id, Port, Remote, SecurityGroup, Tenant};
use proptest::prelude::*;

use super::*;
use crate::object::Key;
use crate::service::tests::{Op, decide, ops};

impl Store {
    /// A disk that is full when the file has so many pages.
    pub(crate) fn limit_pages(&self, pages: u32) {
        let limited = self.connection.pragma_update(None, "max_page_count", pages);
        limited.unwrap();
    }
}

fn in_memory() -> Store {
    let mut connection = Connection::open_in_memory().unwrap();
    configure(&connection).unwrap();
    migrate(&mut connection).unwrap();
    let path = PathBuf::new();
    Store { connection, path }
}

fn change(intent: &Intent, writes: Vec<Write>) -> Change {
    let step = |write: Write| Step {
        before: intent.get(write.key()),
        write,
    };
    Change {
        revision: intent.revision + 1,
        at: Timestamp::now(),
        actor: "admin".into(),
        held_to: None,
        source: Some("192.0.2.7".into()),
        request_id: "test".into(),
        verb: "test",
        steps: writes.into_iter().map(step).collect(),
        idempotency: None,
        forget_answers_through: None,
    }
}

/// Carries out operations on both, one transaction each.
fn run(store: &mut Store, intent: &mut Intent, ops: &[Op]) {
    for op in ops {
        let writes = decide(intent, op).unwrap_or_default();
        let change = change(intent, writes.clone());
        store.commit(&[&change]).unwrap();
        intent.apply(change.revision, &writes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_loaded_is_what_was_written(steps in ops(40)) {
        let mut store = in_memory();
        let mut intent = Intent::default();
        run(&mut store, &mut intent, &steps);
        prop_assert_eq!(store.load().unwrap(), intent);
    }
}

/// A pool with two networks, and a port on each.
fn pool() -> (Store, Intent) {
    let mut store = in_memory();
    let mut intent = Intent::default();
    let network = |name| Op::Network {
        tenant: 0,
        name,
        carrier: 0,
        vlan: None,
    };
    let port = |network| Op::Port {
        network,
        name: Some(network),
        mac: Some(1),
        last: Some(3),
        host: Some(0),
        group: None,
    };
    let steps = [
        Op::Tenant { name: 0 },
        Op::PhysicalNetwork { name: 0, vlans: 6 },
        Op::Host { name: 0 },
        network(0),
        network(1),
        Op::Subnet {
            network: 0,
            cidr: 0,
            gateway: None,
        },
        Op::Subnet {
            network: 1,
            cidr: 0,
            gateway: None,
        },
        port(0),
        port(1),
        Op::Underlay {
            name: 1,
            endpoints: 1,
        },
        Op::Overlay {
            tenant: 0,
            name: 5,
            geneve: false,
            vni: Some(3),
        },
    ];
    run(&mut store, &mut intent, &steps);
    assert_eq!(intent.ports.len(), 2);
    (store, intent)
}

/// Another network than this, but for what is changed.
fn network_like(network: &model::Network, change: impl Fn(&mut model::Network)) -> Write {
    let mut copy = network.clone();
    copy.id = Id::generate();
    copy.name = "other".parse().unwrap();
    copy.number = 77.try_into().unwrap();
    copy.segment = match network.segment {
        model::Segment::Vlan {
            physical_network_id,
            ..
        } => model::Segment::Vlan {
            physical_network_id,
            vlan: 105.try_into().unwrap(),
        },
        overlay => overlay,
    };
    change(&mut copy);
    Write::Put(Object::Network(Arc::new(copy)))
}

/// Another network with the VNI of the pool's VXLAN network, but on Geneve.
fn overlay_like(network: &model::Network) -> Write {
    network_like(network, |it| {
        it.segment = model::Segment::Geneve {
            physical_network_id: network.segment.physical_network_id(),
            vni: 4099.try_into().unwrap(),
        }
    })
}

/// Another port than this, but for what is changed.
fn port_like(port: &model::Port, change: impl Fn(&mut model::Port)) -> Write {
    let mut copy = port.clone();
    copy.id = Id::generate();
    copy.name = Some("other".parse().unwrap());
    copy.mac = model::MacAddr::local(99);
    copy.addresses = vec!["10.0.0.5".parse().unwrap()];
    change(&mut copy);
    Write::Put(Object::Port(Arc::new(copy)))
}

/// Writes that break a pool with overlays.
fn bad_overlay_writes(intent: &Intent) -> Vec<(&'static str, Write)> {
    let network = &**intent.networks.values().next().unwrap();
    let host = &**intent.hosts.values().next().unwrap();
    vec![
        ("a VNI twice", overlay_like(network)),
        ("a network on nothing", {
            network_like(network, |it| {
                it.segment = model::Segment::Vxlan {
                    physical_network_id: Id::generate(),
                    vni: 4097.try_into().unwrap(),
                }
            })
        }),
        (
            "an endpoint twice",
            Write::Put(Object::Host(Arc::new(model::Host {
                id: Id::generate(),
                name: "other".parse().unwrap(),
                ..host.clone()
            }))),
        ),
    ]
}

/// Writes that break the pool, each with what is wrong with it.
fn bad_writes(intent: &Intent) -> Vec<(&'static str, Write)> {
    let network = &**intent.networks.values().next().unwrap();
    let port = &**intent.ports.values().next().unwrap();
    let tenant = &**intent.tenants.values().next().unwrap();
    let twin = Tenant {
        id: Id::generate(),
        ..tenant.clone()
    };
    vec![
        (
            "a tenant's name twice",
            Write::Put(Object::Tenant(Arc::new(twin))),
        ),
        (
            "a network's name twice",
            network_like(network, |it| it.name = network.name.clone()),
        ),
        (
            "a number twice",
            network_like(network, |it| it.number = network.number),
        ),
        (
            "a segment twice",
            network_like(network, |it| it.segment = network.segment),
        ),
        (
            "an unknown tenant",
            network_like(network, |it| it.tenant_id = Id::generate()),
        ),
        (
            "a port's name twice",
            port_like(port, |it| it.name = port.name.clone()),
        ),
        (
            "an Ethernet address twice",
            port_like(port, |it| it.mac = port.mac),
        ),
        (
            "an address twice",
            port_like(port, |it| it.addresses = port.addresses.clone()),
        ),
        (
            "an unknown network",
            port_like(port, |it| it.network_id = Id::generate()),
        ),
        (
            "an unknown host",
            port_like(port, |it| it.host_id = Some(Id::generate())),
        ),
        (
            "an unknown instance",
            port_like(port, |it| it.instance_id = Some(Id::generate())),
        ),
        (
            "a tenant that owns something",
            Write::Delete(Key::Tenant(tenant.id)),
        ),
        (
            "a network that has ports",
            Write::Delete(Key::Network(network.id)),
        ),
    ]
}

/// Whatever a bug in the checks would let through, the store refuses.
#[test]
fn the_store_refuses_by_itself_what_must_be_unique_or_refers_to_nothing() {
    let (mut store, intent) = pool();
    let bad = bad_writes(&intent).into_iter();
    for (what, write) in bad.chain(bad_overlay_writes(&intent)) {
        let refused = store.commit(&[&change(&intent, vec![write])]);
        assert!(refused.is_err(), "{what} was stored");
        assert_eq!(store.load().unwrap(), intent, "{what} left something");
    }
    let network = &**intent.networks.values().next().unwrap();
    let port = &**intent.ports.values().next().unwrap();
    let good = vec![network_like(network, |_| {}), port_like(port, |_| {})];
    store.commit(&[&change(&intent, good)]).unwrap();
}

#[test]
fn the_audit_log_tells_who_did_what_to_which_object_and_how_it_was_before() {
    let (mut store, mut intent) = pool();
    run(&mut store, &mut intent, &[Op::Bind { port: 0, host: 0 }]);
    let row: (u64, String, String, String) = store
        .connection
        .query_row(
            "SELECT revision, actor, objects ->> '$[0].before.id', objects ->> '$[0].after.host_id' \
             FROM audit ORDER BY revision DESC",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    let port = intent.ports.values().next().unwrap();
    let host = port.host_id.unwrap().to_string();
    assert_eq!(
        row,
        (intent.revision, "admin".into(), port.id.to_string(), host)
    );
}

#[test]
fn a_store_of_a_newer_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bulkhead.db");
    let store = Store::open(&path).unwrap();
    store
        .connection
        .pragma_update(None, "user_version", 99)
        .unwrap();
    drop(store);
    let refused = Store::open(&path).err().unwrap();
    assert!(
        matches!(refused, StoreError::TooNew { found: 99, .. }),
        "{refused}"
    );
}

#[test]
fn a_file_that_is_no_store_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bulkhead.db");
    std::fs::write(&path, "no store at all, but a text that is long enough").unwrap();
    assert!(Store::open(&path).is_err());
}

/// Records of history were not chained.
fn commit_as_of_old(store: &mut Store, change: &Change) {
    let transaction = store.connection.transaction().unwrap();
    for step in &change.steps {
        write_step(&transaction, step).unwrap();
    }
    let sql = "INSERT INTO audit VALUES (?1, ?2, 'admin', 'test', 'test', '[]')";
    let at = change.at.to_string();
    transaction
        .execute(sql, params![change.revision, at])
        .unwrap();
    transaction.commit().unwrap();
}

/// What carries a physical network was a NIC, and called so.
fn put_as_of_old(store: &Store, network: &model::PhysicalNetwork) {
    let mut body = serde_json::to_value(network).unwrap();
    let members = body.as_object_mut().unwrap();
    let uplink = members.remove("uplink").unwrap();
    members.remove("native_vlan");
    members.insert("nic".to_owned(), uplink);
    let insert = "INSERT INTO physical_network (id, body) VALUES (?1, ?2)";
    let row = params![network.id.to_string(), body.to_string()];
    store.connection.execute(insert, row).unwrap();
}

/// What was there before, with what came of giving every tenant a group.
fn with_default_groups(after: Intent, mut before: Intent) -> Intent {
    for tenant in before.tenants.clone().keys() {
        let group = after.security_groups_of(*tenant).next().unwrap();
        let group = after.security_groups[&group].clone();
        let fresh = decide(&Intent::default(), &Op::Tenant { name: 9 }).unwrap();
        let made = fresh.iter().find_map(|write| match write {
            Write::Put(Object::SecurityGroup(group)) => Some(group.clone()),
            _ => None,
        });
        let made = made.unwrap();
        let rules = |group: &SecurityGroup| {
            let own = |remote| match remote {
                Remote::Group(id) => Some(id == group.id),
                _ => None,
            };
            let rules = group.rules.iter().map(|rule| &rule.allows);
            rules
                .map(|allows| (allows.direction, allows.protocol, own(allows.remote)))
                .collect::<Vec<_>>()
        };
        assert_eq!(rules(&group), rules(&made));
        before.put(&Object::SecurityGroup(group.clone()));
        for port in before.ports.clone().values() {
            let port = Port {
                security_group_ids: vec![group.id],
                ..Port::clone(port)
            };
            before.put(&Object::Port(Arc::new(port)));
        }
    }
    before
}

/// What a store of the first layout held, it holds in every later one.
#[test]
fn an_older_store_is_brought_up_to_date_with_all_that_is_in_it() {
    let steps = [
        Op::Tenant { name: 0 },
        Op::Host { name: 0 },
        Op::Network {
            tenant: 0,
            name: 0,
            carrier: 0,
            vlan: None,
        },
        Op::Subnet {
            network: 0,
            cidr: 0,
            gateway: None,
        },
        Op::Port {
            network: 0,
            name: None,
            mac: None,
            last: None,
            host: Some(0),
            group: None,
        },
    ];
    let connection = Connection::open_in_memory().unwrap();
    configure(&connection).unwrap();
    connection.execute_batch(MIGRATIONS[0]).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let path = PathBuf::new();
    let mut store = Store { connection, path };
    let mut intent = Intent::default();
    let private = Op::PhysicalNetwork { name: 0, vlans: 6 };
    crate::service::tests::run(&mut intent, &private);
    put_as_of_old(&store, intent.physical_networks.values().next().unwrap());
    for op in steps {
        let mut writes = decide(&intent, &op).unwrap_or_default();
        // The first layout knew no groups.
        writes.retain(|write| write.key().noun() != Noun::SecurityGroup);
        let change = change(&intent, writes.clone());
        commit_as_of_old(&mut store, &change);
        intent.apply(change.revision, &writes);
    }

    migrate(&mut store.connection).unwrap();
    let mut intent = with_default_groups(store.load().unwrap(), intent);
    assert_eq!(store.load().unwrap(), intent);
    let more = [
        Op::Underlay {
            name: 1,
            endpoints: 1,
        },
        Op::Overlay {
            tenant: 0,
            name: 1,
            geneve: true,
            vni: None,
        },
    ];
    run(&mut store, &mut intent, &more);
    assert_eq!(intent.networks.len(), 2);
    assert_eq!(store.load().unwrap(), intent);
    let network = intent.networks.values().next().unwrap();
    let orphan = network_like(network, |it| it.tenant_id = Id::generate());
    let orphan = change(&intent, vec![orphan]);
    assert!(
        store.commit(&[&orphan]).is_err(),
        "foreign keys are on again"
    );
}
