//! Servers that die, come back, or never come back.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ovsdb::{Client, ConnectionState, Error, Operation};

use crate::change::{add_port, begin, everything, fresh, transact};
use crate::server::{DB, Server, quick};

#[tokio::test]
async fn a_killed_server_is_found_again_and_the_replica_converges_without_clearing() {
    let mut server = Server::start();
    let client = server.connect().await;
    begin(&client).await;
    transact(&client, add_port("vif0")).await;
    let mut monitor = client.monitor(DB, everything()).await.unwrap();
    let before = monitor.snapshot();
    let mut connection = monitor.connection();

    server.kill();
    let gone = |state: &ConnectionState| *state == ConnectionState::Disconnected;
    connection.wait_for(gone).await.unwrap();
    assert_eq!(*monitor.snapshot(), *before, "what was known stays");
    let refused = client.transact(DB, add_port("vif1")).await;
    assert!(matches!(refused, Err(Error::NotConnected)), "{refused:?}");
    server.restart();
    connection.wait_for(|state| !gone(state)).await.unwrap();
    assert!(
        monitor.changed().now_or_never().is_none(),
        "nothing changed"
    );
    let (uuid, port) = before.table("Port").find("name", "vif0").unwrap();
    let after = monitor.snapshot();
    assert!(Arc::ptr_eq(port, after.table("Port").get(uuid).unwrap()));

    let mut states = client.connection();
    states.wait_for(|state| !gone(state)).await.unwrap();
    transact(&client, add_port("vif1")).await;
    monitor.changed().await.unwrap();
    assert_eq!(monitor.snapshot().table("Port").len(), 2);
}

#[tokio::test]
async fn what_changed_while_the_connection_was_down_wakes_the_monitor() {
    let mut server = Server::start();
    let client = server.connect().await;
    begin(&client).await;
    transact(&client, add_port("old")).await;
    let mut monitor = client.monitor(DB, everything()).await.unwrap();
    for round in 0..3 {
        server.kill();
        // Changed by somebody else before this client is back: it still waits to redial.
        server.restart();
        let other = server.connect().await;
        let old = monitor.snapshot();
        let (port, _) = old.table("Port").iter().next().unwrap();
        let mut operations = add_port(&format!("new{round}"));
        operations.push(crate::change::remove_port(port));
        transact(&other, operations).await;
        let wanted = fresh(&other, everything()).await;
        while *monitor.snapshot() != wanted {
            monitor.changed().await.unwrap();
            assert!(
                !monitor.snapshot().table("Port").is_empty(),
                "never cleared"
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_was_never_there_is_an_error_at_once() {
    let server = Server::start();
    let nowhere = format!("unix:{}", server.path("nowhere").display());
    let refused = Client::connect(nowhere.parse().unwrap(), quick()).await;
    assert!(matches!(refused, Err(Error::Connect { .. })), "{refused:?}");
}

#[tokio::test]
async fn calls_that_were_under_way_when_the_server_died_fail_as_unknown() {
    let mut server = Server::start();
    let client = server.connect().await;
    begin(&client).await;
    let wait = Operation::wait("Bridge", ovsdb::Until::Equal)
        .columns(["name"])
        .row([("name", "never")]);
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.transact(DB, vec![wait.into()]).await }
    });
    // Answered in order: once this is, the wait is with the server.
    tokio::task::yield_now().await;
    client.list_dbs().await.unwrap();
    server.kill();
    let outcome = waiting.await.unwrap();
    assert!(
        matches!(outcome, Err(Error::ConnectionLost { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn the_servers_probe_is_answered() {
    let server = Server::start_with(|_| {
        vec!["--remote=db:Open_vSwitch,Open_vSwitch,manager_options".to_owned()]
    });
    let admin = server.connect().await;
    begin(&admin).await;
    let socket = server.path("probing.sock");
    let manager = vec![
        Operation::insert("Manager")
            .with_uuid_name("manager")
            .column("target", format!("punix:{}", socket.display()))
            .column("inactivity_probe", 100)
            .into(),
        Operation::update("Open_vSwitch")
            .column("manager_options", ovsdb::NamedUuid::new("manager"))
            .into(),
    ];
    transact(&admin, manager).await;
    while !socket.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let endpoint = ovsdb::Endpoint::Unix(socket);
    let client = Client::connect(endpoint, quick()).await.unwrap();
    let mut connection = client.connection();
    connection.mark_unchanged();
    // The server drops a peer after twice its interval of 100 ms (it takes 1 s at least).
    let dropped = tokio::time::timeout(Duration::from_secs(3), connection.changed()).await;
    assert!(dropped.is_err(), "the connection was lost");
    assert!(client.list_dbs().await.is_ok());
}
