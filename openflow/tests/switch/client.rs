//! What the client does to a real switch, and what it hears from it.

use std::slice::from_ref;
use std::time::Duration;

use openflow::action::Action;
use openflow::client::{Client, Error, Event, Events, Options, Target};
use openflow::flow::{Flow, FlowFlags};
use openflow::matching::Match;
use openflow::message::{
    AsyncConfig, Bucket, FlowFilter, FlowMod, FlowUpdate, GroupCommand, GroupMod, GroupType,
    MeterBand, MeterCommand, MeterMod, MeterUnit, PacketOut, RemovedReason, ToSwitch,
};
use openflow::{PortNo, Version};

use crate::ovs::Switch;

const VERSIONS: [Version; 2] = [Version::V1_4, Version::V1_5];
const COOKIE: u64 = 0xb0_1c_ad;

/// Flows that differ in what they match on.
fn flows(count: u16) -> Vec<Flow> {
    let flow = |vid: u16| {
        let matching = Match::new().in_port(1).vlan(vid % 4096);
        Flow::new((vid / 4096) as u8, 10, matching)
            .cookie(COOKIE)
            .action(Action::output(2))
    };
    (0..count).map(flow).collect()
}

fn additions(flows: &[Flow]) -> Vec<FlowMod> {
    flows.iter().cloned().map(FlowMod::add).collect()
}

/// The next event that is not about our own changes, within ten seconds.
async fn next_foreign(events: &mut Events) -> Event {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(10), events.next()).await;
        match next.unwrap().unwrap() {
            Event::FlowsChanged(FlowUpdate::Own { .. }) => {}
            event => return event,
        }
    }
}

#[tokio::test]
async fn versions_are_negotiated_and_ports_described() {
    let switch = Switch::start(2);
    for version in VERSIONS {
        let client = switch.client(version).await;
        assert_eq!(client.version(), version);
        assert_eq!(client.features().await.unwrap().tables, 254);
        let mut ports = client.ports().await.unwrap();
        ports.sort_by_key(|port| port.number);
        let names: Vec<_> = ports.iter().map(|port| port.name.as_str()).collect();
        assert_eq!(names, ["p1", "p2", "br0"]);
        assert_eq!(ports[2].number, PortNo::LOCAL);
        client.barrier().await.unwrap();
    }
}

#[tokio::test]
async fn whoever_subscribes_leaves_first_fragments_to_be_looked_into() {
    let switch = Switch::start(1);
    let client = switch.client(Version::V1_5).await;
    client.look_into_first_fragments().await.unwrap();
    let another = switch.client(Version::V1_5).await;
    another.subscribe(AsyncConfig::default()).await.unwrap();
    another.barrier().await.unwrap();
    assert!(switch.ofctl(&["get-frags"]).contains("nx-match"));
}

#[tokio::test]
async fn a_bundle_is_applied_whole_and_its_flows_are_read_back() {
    let switch = Switch::start(2);
    for version in VERSIONS {
        let client = switch.client(version).await;
        let mut wanted = flows(5000);
        client.commit(additions(&wanted)).await.unwrap();
        let installed = client
            .flows(FlowFilter::cookie(COOKIE, u64::MAX))
            .await
            .unwrap();
        let mut found: Vec<_> = installed
            .into_iter()
            .map(|installed| installed.flow)
            .collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted);
        let sums = client.aggregate(FlowFilter::default()).await.unwrap();
        assert_eq!(sums.flows, 5000);
        let in_table_1 = FlowFilter {
            table: Some(1),
            ..FlowFilter::default()
        };
        assert_eq!(client.flows(in_table_1).await.unwrap().len(), 5000 - 4096);
        client
            .commit(vec![FlowMod::delete(FlowFilter::default())])
            .await
            .unwrap();
        assert_eq!(switch.ofctl(&["dump-flows"]), "");
    }
}

#[tokio::test]
async fn one_bad_flow_rolls_back_the_whole_bundle_and_is_named() {
    let switch = Switch::start(2);
    for version in VERSIONS {
        let client = switch.client(version).await;
        let kept = &flows(1)[0];
        client.commit(additions(from_ref(kept))).await.unwrap();
        let before = switch.ofctl(&["dump-flows"]);

        // Refused when it is added: nobody can go back to an earlier table.
        let backwards = Flow::new(5, 1, Match::new()).goto(3);
        // Refused when the bundle is committed: there is no such group.
        let groupless = Flow::new(5, 1, Match::new()).action(Action::Group(77));
        for bad in [backwards, groupless] {
            let mut changes = additions(&flows(20)[1..]);
            changes.insert(0, FlowMod::delete_strict(kept));
            changes.insert(7, FlowMod::add(bad));
            let refused = client.commit(changes).await.unwrap_err();
            let Error::Bundle { index, error } = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(index, Some(7), "{error}");
            assert!(
                error.name().is_some_and(|name| name.starts_with("OFPB")),
                "{error}"
            );
            assert_eq!(switch.ofctl(&["dump-flows"]), before);
        }
        // The connection is none the worse for it.
        client
            .commit(vec![FlowMod::delete(FlowFilter::default())])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn flows_are_modified_and_deleted_strictly() {
    let switch = Switch::start(2);
    for version in VERSIONS {
        let client = switch.client(version).await;
        let [one, two] = flows(2).try_into().unwrap();
        client
            .commit(additions(&[one.clone(), two.clone()]))
            .await
            .unwrap();
        let mut changed = one.clone();
        changed.instructions.apply = vec![Action::in_port()];
        let changes = vec![
            FlowMod::modify_strict(changed),
            FlowMod::delete_strict(&two),
        ];
        client.commit(changes).await.unwrap();
        let left = switch.ofctl(&["dump-flows"]);
        assert!(
            left.contains("IN_PORT") && left.lines().count() == 1,
            "{left}"
        );
    }
}

#[tokio::test]
async fn a_change_by_somebody_else_is_noticed_at_once() {
    let switch = Switch::start(2);
    for version in VERSIONS {
        let client = switch.client(version).await;
        let mut events = client.events();
        client.watch_flows().await.unwrap();
        client.commit(additions(&flows(3))).await.unwrap();

        switch.ofctl(&["add-flow", "table=9,priority=7,cookie=0x5,actions=drop"]);
        let added = Flow::new(9, 7, Match::new()).cookie(5);
        let event = next_foreign(&mut events).await;
        assert_eq!(event, Event::FlowsChanged(FlowUpdate::Added(added.clone())));

        switch.ofctl(
            &[
                "--strict",
                "mod-flows",
                "table=9,priority=7,cookie=0x5,actions=IN_PORT",
            ][1..],
        );
        let event = next_foreign(&mut events).await;
        assert!(
            matches!(event, Event::FlowsChanged(FlowUpdate::Modified(_))),
            "{event:?}"
        );

        switch.ofctl(&["del-flows", "table=9"]);
        let event = next_foreign(&mut events).await;
        let Event::FlowsChanged(FlowUpdate::Removed(removed, reason)) = event else {
            panic!("{event:?}");
        };
        assert_eq!(
            (removed.key(), reason),
            (added.key(), RemovedReason::Deleted)
        );
        client
            .commit(vec![FlowMod::delete(FlowFilter::default())])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn our_own_changes_come_abbreviated() {
    let switch = Switch::start(2);
    for version in VERSIONS {
        let client = switch.client(version).await;
        let mut events = client.events();
        client.watch_flows().await.unwrap();
        client.commit(additions(&flows(1))).await.unwrap();
        let event = events.next().await.unwrap();
        assert!(
            matches!(event, Event::FlowsChanged(FlowUpdate::Own { .. })),
            "{event:?}"
        );
    }
}

#[tokio::test]
async fn a_flow_that_goes_says_so_with_its_last_counts() {
    let switch = Switch::start(2);
    for version in VERSIONS {
        let client = switch.client(version).await;
        let mut events = client.events();
        client.subscribe(AsyncConfig::ALL).await.unwrap();
        let flow = flows(1).remove(0).flags(FlowFlags::SEND_FLOW_REMOVED);
        client.commit(additions(from_ref(&flow))).await.unwrap();
        client
            .commit(vec![FlowMod::delete_strict(&flow)])
            .await
            .unwrap();
        let Event::FlowRemoved(removed) = next_foreign(&mut events).await else {
            panic!("not a removed flow");
        };
        assert_eq!(removed.matching, flow.matching);
        assert_eq!((removed.cookie, removed.priority), (COOKIE, flow.priority));
        assert_eq!((removed.packets, removed.bytes), (0, 0));
        assert_eq!(removed.reason, RemovedReason::Deleted);
    }
}

#[tokio::test]
async fn a_packet_sent_out_comes_back_in_with_its_user_data() {
    let switch = Switch::start(2);
    let frame = [
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5][..],
        &[7; 50],
    ]
    .concat();
    for version in VERSIONS {
        let client = switch.client(version).await;
        let mut events = client.events();
        client.subscribe(AsyncConfig::ALL).await.unwrap();
        switch.ofctl(&[
            "add-flow",
            "cookie=0x1234,actions=controller(userdata=01.02.03)",
        ]);
        let packet = PacketOut {
            in_port: 2.into(),
            actions: vec![Action::output(PortNo::TABLE)],
            data: frame.clone(),
        };
        client.packet_out(packet).await.unwrap();
        let Event::PacketIn(packet) = next_foreign(&mut events).await else {
            panic!("not a packet");
        };
        assert_eq!(packet.data, frame);
        assert_eq!(packet.in_port(), Some(2.into()));
        assert_eq!((packet.cookie, packet.table), (0x1234, 0));
        assert_eq!(packet.userdata, [1, 2, 3]);
    }
}

#[tokio::test]
async fn a_new_port_is_announced() {
    let switch = Switch::start(1);
    let client = switch.client(Version::V1_5).await;
    let mut events = client.events();
    client.subscribe(AsyncConfig::ALL).await.unwrap();
    switch.vsctl(&[
        "add-port",
        "br0",
        "late",
        "--",
        "set",
        "interface",
        "late",
        "type=dummy",
    ]);
    let Event::PortStatus(status) = next_foreign(&mut events).await else {
        panic!("not a port");
    };
    assert_eq!(status.port.name, "late");
}

#[tokio::test]
async fn groups_and_meters_are_made_and_a_refusal_is_told() {
    let switch = Switch::start(2);
    for version in VERSIONS {
        let client = switch.client(version).await;
        let group = |command| {
            ToSwitch::GroupMod(GroupMod {
                command,
                kind: GroupType::All,
                id: 5,
                buckets: vec![
                    Bucket::new(vec![Action::output(1)]),
                    Bucket::new(vec![Action::output(2)]),
                ],
            })
        };
        let meter = ToSwitch::MeterMod(MeterMod {
            command: MeterCommand::Add,
            id: 1,
            unit: MeterUnit::Kilobits,
            bands: vec![MeterBand {
                rate: 5000,
                burst: 500,
            }],
        });
        client
            .send(vec![group(GroupCommand::Add), meter.clone()])
            .await
            .unwrap();
        let groups = switch.ofctl(&["dump-groups"]);
        assert!(
            groups.contains("group_id=5,type=all") && groups.contains("output:2"),
            "{groups}"
        );
        let meters = switch.ofctl(&["dump-meters"]);
        assert!(meters.contains("rate=5000 burst_size=500"), "{meters}");
        let again = client.send(vec![meter]).await.unwrap_err();
        let Error::Refused(error) = again else {
            panic!("{again:?}");
        };
        assert_eq!(error.name().as_deref(), Some("OFPMMFC_METER_EXISTS"));
        switch.ofctl(&["del-groups"]);
        switch.ofctl(&["del-meters"]);
    }
}

#[tokio::test]
async fn the_end_of_the_switch_is_the_end_of_events_and_requests() {
    let switch = Switch::start(1);
    let client = switch.client(Version::V1_5).await;
    let mut events = client.events();
    drop(switch);
    assert_eq!(events.next().await, None);
    let failed = client.barrier().await.unwrap_err();
    assert!(matches!(failed, Error::Closed(_)), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_use_one_client_at_once() {
    let switch = Switch::start(2);
    let client = switch.client(Version::V1_5).await;
    let all = flows(1600);
    let tasks = all.chunks(200).map(|part| {
        let (client, changes) = (client.clone(), additions(part));
        tokio::spawn(async move {
            client.commit(changes).await.unwrap();
            assert!(client.flows(FlowFilter::default()).await.unwrap().len() >= 200);
            // One of each task's changes is refused, and only that task hears of it.
            let bad = Flow::new(5, 1, Match::new()).goto(3);
            let refused = client.commit(vec![FlowMod::add(bad)]).await;
            assert!(matches!(refused, Err(Error::Bundle { index: Some(0), .. })));
            client.barrier().await.unwrap();
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let sums = client
        .aggregate(FlowFilter::cookie(COOKIE, u64::MAX))
        .await
        .unwrap();
    assert_eq!(sums.flows, 1600);
}

#[tokio::test]
async fn a_switch_is_reached_by_tcp_too() {
    let switch = Switch::start(1);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let target = format!("ptcp:{}:127.0.0.1", address.port());
    switch.vsctl(&["set-controller", "br0", &target]);
    let client = Client::connect(Target::Tcp(address.to_string()), Options::default()).await;
    assert_eq!(client.unwrap().ports().await.unwrap().len(), 2);
}
