//! Every operation, its answer, and its failures.

use std::time::Duration;

use ovsdb::{
    Condition, Durability, Error, Function, Mutator, NamedUuid, Operation, OperationResult, Row,
    Until, Uuid, Value,
};

use crate::server::{DB, Server};

/// A bridge with one port and one interface, referred to from the root row.
fn bridge(name: &str) -> Vec<Operation> {
    vec![
        Operation::insert("Interface")
            .with_uuid_name("interface")
            .column("name", name)
            .into(),
        Operation::insert("Port")
            .with_uuid_name("port")
            .column("name", name)
            .column("interfaces", NamedUuid::new("interface"))
            .column("trunks", Value::set([7, 5, 6]))
            .into(),
        Operation::insert("Bridge")
            .with_uuid_name("bridge")
            .column("name", name)
            .column("ports", Value::set([NamedUuid::new("port")]))
            .column("external_ids", Value::map([("kind", "test"), ("n", "1")]))
            .into(),
        Operation::insert("Open_vSwitch")
            .column("bridges", NamedUuid::new("bridge"))
            .into(),
    ]
}

#[tokio::test]
async fn schema_and_databases_are_read() {
    let server = Server::start();
    let client = server.connect().await;
    assert!(client.list_dbs().await.unwrap().contains(&DB.to_owned()));
    let schema = client.get_schema(DB).await.unwrap();
    assert_eq!(schema.name, DB);
    assert!(schema.tables["Open_vSwitch"].is_root);
    let trunks = &schema.tables["Port"].columns["trunks"].kind;
    assert_eq!((trunks.min, trunks.max), (0, Some(4096)));
    let refused = client.get_schema("nothing").await.unwrap_err();
    let Error::Refused { error, details, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(error, "unknown database");
    assert!(details.contains("nothing"));
}

#[tokio::test]
async fn rows_are_inserted_selected_updated_and_deleted() {
    let server = Server::start();
    let client = server.connect().await;
    let inserted = client.transact(DB, bridge("br0")).await.unwrap();
    let by_uuid = || Condition::equal("_uuid", inserted[2].uuid().unwrap());
    let operations = vec![
        Operation::update("Bridge")
            .where_(by_uuid())
            .column("datapath_type", "netdev")
            .into(),
        Operation::select("Bridge")
            .where_(by_uuid())
            .columns(["name", "datapath_type", "external_ids"])
            .into(),
        Operation::delete("Open_vSwitch").into(),
    ];
    let results = client.transact(DB, operations).await.unwrap();
    assert_eq!(results[0].count(), Some(1));
    let [row] = results[1].rows() else {
        panic!("{results:?}");
    };
    assert_eq!(row.get("name").and_then(Value::as_str), Some("br0"));
    assert_eq!(row.get("datapath_type"), Some(&"netdev".into()));
    assert_eq!(row.get("external_ids").unwrap().map_get("n"), Some("1"));
    assert_eq!(row.get("ports"), None, "not asked for");
    assert_eq!(results[2].count(), Some(1));
    let select = Operation::select("Interface").into();
    let rest = client.transact(DB, vec![select]).await.unwrap();
    assert!(rest[0].rows().is_empty(), "garbage is collected");
}

#[tokio::test]
async fn every_mutator_changes_as_it_says() {
    let server = Server::start();
    let client = server.connect().await;
    client.transact(DB, bridge("br0")).await.unwrap();
    let operations = vec![
        Operation::comment("change the bridge"),
        Operation::mutate("Bridge")
            .mutation("external_ids", Mutator::Delete, Value::set(["n"]))
            .mutation("external_ids", Mutator::Insert, Value::map([("m", "2")]))
            .into(),
        Operation::mutate("Open_vSwitch")
            .mutation("next_cfg", Mutator::Add, 4)
            .mutation("next_cfg", Mutator::Multiply, 5)
            .mutation("next_cfg", Mutator::Subtract, 3)
            .mutation("next_cfg", Mutator::Divide, 2)
            .mutation("next_cfg", Mutator::Remainder, 5)
            .into(),
        Operation::select("Bridge").into(),
        Operation::select("Open_vSwitch").into(),
        Operation::commit(Durability::Durable),
    ];
    let results = client.transact(DB, operations).await.unwrap();
    assert_eq!(
        (&results[0], &results[5]),
        (&OperationResult::Done, &OperationResult::Done)
    );
    let after = results[3].rows()[0].get("external_ids").unwrap();
    assert_eq!(*after, Value::map([("kind", "test"), ("m", "2")]));
    let next_cfg = results[4].rows()[0].get("next_cfg").unwrap();
    assert_eq!(next_cfg.as_i64(), Some((4 * 5 - 3) / 2 % 5));
}

#[tokio::test]
async fn every_condition_function_selects_as_it_says() {
    let server = Server::start();
    let client = server.connect().await;
    client.transact(DB, bridge("br0")).await.unwrap();
    let holds = async |table: &str, condition: Condition| {
        let select = Operation::select(table)
            .where_(condition)
            .columns(["_uuid"]);
        let results = client.transact(DB, vec![select.into()]).await.unwrap();
        results[0].rows().len() == 1
    };
    for (function, wanted) in [
        (Function::Less, [false, false, true]),
        (Function::LessOrEqual, [false, true, true]),
        (Function::Equal, [false, true, false]),
        (Function::NotEqual, [true, false, true]),
        (Function::GreaterOrEqual, [true, true, false]),
        (Function::Greater, [true, false, false]),
    ] {
        for (than, wanted) in [-1, 0, 1].into_iter().zip(wanted) {
            let condition = Condition::new("next_cfg", function, than);
            assert_eq!(
                holds("Open_vSwitch", condition).await,
                wanted,
                "{function:?} {than}"
            );
        }
    }
    let trunks = |function, of: &[i64]| Condition::new("trunks", function, Value::set(of.to_vec()));
    assert!(holds("Port", trunks(Function::Includes, &[5, 7])).await);
    assert!(!holds("Port", trunks(Function::Includes, &[5, 8])).await);
    assert!(holds("Port", trunks(Function::Excludes, &[8, 9])).await);
    assert!(!holds("Port", trunks(Function::Excludes, &[7, 9])).await);
    assert!(holds("Port", trunks(Function::Equal, &[5, 6, 7])).await);
}

#[tokio::test]
async fn a_failed_operation_is_named_with_the_servers_words_and_nothing_is_changed() {
    let server = Server::start();
    let client = server.connect().await;
    let mut operations = bridge("br0");
    operations.push(Operation::update("Bridge").column("nonsense", 1).into());
    let failed = client.transact(DB, operations).await.unwrap_err();
    let Error::Operation {
        index,
        error,
        details,
    } = failed
    else {
        panic!("{failed}");
    };
    assert_eq!((index, error.as_str()), (4, "unknown column"));
    assert!(details.contains("nonsense"), "{details}");

    let rows = client
        .transact(DB, vec![Operation::select("Open_vSwitch").into()])
        .await;
    assert!(rows.unwrap()[0].rows().is_empty());
}

#[tokio::test]
async fn an_abort_and_a_failed_commit_are_errors_with_their_place() {
    let server = Server::start();
    let client = server.connect().await;
    let aborted = client.transact(DB, vec![Operation::abort()]).await;
    let Err(Error::Operation {
        index: 0, error, ..
    }) = aborted
    else {
        panic!("{aborted:?}");
    };
    assert_eq!(error, "aborted");

    let mut twice = bridge("br0");
    twice.push(Operation::insert("Open_vSwitch").into());
    let refused = client.transact(DB, twice).await;
    let Err(Error::Operation { index, error, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        (index, error.as_str()),
        (5, "constraint violation"),
        "at the commit"
    );
}

#[tokio::test]
async fn wait_compares_rows_and_times_out() {
    let server = Server::start();
    let client = server.connect().await;
    client.transact(DB, bridge("br0")).await.unwrap();
    let wait = |until, name: &str| {
        Operation::wait("Bridge", until)
            .timeout(Duration::ZERO)
            .columns(["name"])
            .row([("name", name)])
    };
    for (until, name, holds) in [
        (Until::Equal, "br0", true),
        (Until::Equal, "br1", false),
        (Until::NotEqual, "br0", false),
        (Until::NotEqual, "br1", true),
    ] {
        let outcome = client.transact(DB, vec![wait(until, name).into()]).await;
        match outcome {
            Ok(results) => assert!(holds && results == [OperationResult::Done]),
            Err(Error::Operation { error, .. }) => assert!(!holds && error == "timed out"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn assert_fails_without_the_lock_and_passes_with_it() {
    let server = Server::start();
    let client = server.connect().await;
    let refused = client.transact(DB, vec![Operation::assert("writer")]).await;
    let Err(Error::Operation { error, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error, "not owner");
    let locked = client.call("lock", &["writer"]).await.unwrap();
    assert_eq!(locked.get(), r#"{"locked":true}"#);
    client
        .transact(DB, vec![Operation::assert("writer")])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_real_without_json_form_is_refused_before_it_is_sent() {
    let server = Server::start();
    let client = server.connect().await;
    let operation = Operation::insert("Bridge").column("name", f64::NAN);
    let refused = client.transact(DB, vec![operation.into()]).await;
    assert!(matches!(refused, Err(Error::Encode { .. })), "{refused:?}");
    assert!(client.list_dbs().await.is_ok());
}

#[tokio::test]
async fn ten_thousand_pipelined_transactions_are_each_answered() {
    let server = Server::start();
    let client = server.connect().await;
    client.transact(DB, bridge("br0")).await.unwrap();
    let calls: Vec<_> = (0..10_000)
        .map(|n: i64| {
            let client = client.clone();
            tokio::spawn(async move {
                let add = Operation::mutate("Open_vSwitch").mutation("next_cfg", Mutator::Add, 1);
                let text = format!("call {n} {}", "x".repeat(200));
                let operations = vec![add.into(), Operation::comment(text)];
                client.transact(DB, operations).await
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap()[0].count(), Some(1));
    }
    let select = Operation::select("Open_vSwitch").columns(["next_cfg"]);
    let results = client.transact(DB, vec![select.into()]).await.unwrap();
    let rows: &[Row] = results[0].rows();
    assert_eq!(rows[0].get("next_cfg").unwrap().as_i64(), Some(10_000));
}

#[tokio::test]
async fn a_result_for_an_unknown_row_is_no_row() {
    let server = Server::start();
    let client = server.connect().await;
    let nobody = Condition::equal("_uuid", Uuid::nil());
    let update = Operation::update("Port").where_(nobody).column("tag", 5);
    let results = client.transact(DB, vec![update.into()]).await.unwrap();
    assert_eq!(results, [OperationResult::Matched(0)]);
}
