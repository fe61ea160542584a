//! History of a real controller, by `netctl`, and in the hands of somebody who edits the store.

use std::process::{Command, Output};

use serde_json::{Value, json};

use tests::{LoneController, programs};

/// What `netctl` says with a token: how it exits, and what it prints.
fn netctl(controller: &LoneController, token: Option<&str>, line: &str) -> (i32, String) {
    let mut command = Command::new(programs().join("netctl"));
    let server = format!("unix:{}", controller.data().join("api.sock").display());
    command.args(line.split(' ')).args(["--server", &server]);
    if let Some(token) = token {
        let file = controller.data().join("own.token");
        std::fs::write(&file, token).unwrap();
        command.arg("--token-file").arg(&file);
    }
    let Output { status, stdout, .. } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned();
    (status.code().unwrap(), said)
}

fn listed(controller: &LoneController, token: Option<&str>, line: &str) -> Vec<Value> {
    let (exit, said) = netctl(controller, token, &format!("{line} -o json"));
    assert_eq!(exit, 0, "{line}: {said}");
    serde_json::from_str(&said).unwrap()
}

#[tokio::test]
async fn who_changed_what_from_where_is_told_and_a_tenant_is_told_its_own() {
    let controller = LoneController::start();
    let rest = controller.rest();
    let acme = rest.create("tenants", json!({"name": "acme"})).await;
    let globex = rest.create("tenants", json!({"name": "globex"})).await;
    let asked = json!({"name": "anna", "role": "tenant-admin", "tenant_id": acme["id"]});
    let made = rest.create("tokens", asked).await;
    let secret = made["secret"].as_str().unwrap();
    let anna = format!("anna@{}", made["id"].as_str().unwrap());
    for (tenant, name) in [(&acme, "ours"), (&globex, "theirs")] {
        let group = json!({"tenant_id": tenant["id"], "name": name});
        rest.create("address-groups", group).await;
    }
    let group = json!({"tenant_id": acme["id"], "name": "mine"});
    let mine = rest.bearing(secret).create("address-groups", group).await;
    let path = format!("address-groups/{}", mine["id"].as_str().unwrap());
    let to = json!({"add_prefixes": ["192.0.2.0/24"]});
    assert_eq!(rest.bearing(secret).patch(&path, &to).await.0, 200);

    let all = listed(&controller, None, "history noun=address_group");
    let actors: Vec<_> = all.iter().map(|it| it["actor"].as_str().unwrap()).collect();
    assert_eq!(actors, [anna.as_str(), &anna, "admin", "admin"]);
    let uid = nix::unistd::getuid();
    let source = format!("uid:{uid}");
    assert!(all.iter().all(|it| it["source"] == source), "{all:?}");
    let fields = &all[0]["changes"][0]["fields"];
    assert_eq!(fields["prefixes"]["before"], json!([]));
    assert_eq!(fields["prefixes"]["after"], json!(["192.0.2.0/24"]));

    let own = listed(&controller, Some(secret), "history noun=address_group");
    let actors: Vec<_> = own.iter().map(|it| it["actor"].as_str().unwrap()).collect();
    assert_eq!(actors, [anna.as_str(), &anna, "provider"]);
    let whole = listed(&controller, Some(secret), "history limit=1000");
    let text = serde_json::to_string(&whole).unwrap();
    for hidden in [
        "globex",
        "theirs",
        globex["id"].as_str().unwrap(),
        "\"admin\"",
    ] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    let of_globex = format!("history?tenant_id={}", globex["id"].as_str().unwrap());
    let (status, page) = rest.bearing(secret).get(&of_globex).await;
    assert_eq!((status, &page["items"]), (200, &json!([])));
    let (status, _) = rest.bearing(secret).get("history-verification").await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn whoever_edits_the_store_is_found_out_whether_the_controller_runs_or_not() {
    let mut controller = LoneController::start();
    let rest = controller.rest();
    for name in ["a", "b", "c", "d"] {
        rest.create("tenants", json!({"name": name})).await;
    }
    controller.crash_and_restart();
    let (exit, said) = netctl(&controller, None, "history-verify");
    assert_eq!(exit, 0, "{said}");
    let (_, mark) = netctl(&controller, None, "history-verify --minimal");
    let mark = mark.trim().to_owned();
    let log = std::fs::read_to_string(controller.data().join("log")).unwrap();
    assert!(log.contains("history ends with this record"), "{log}");

    let store = rusqlite::Connection::open(controller.data().join("bulkhead.db")).unwrap();
    let change = "UPDATE audit SET actor = 'somebody' WHERE revision = 3";
    store.execute(change, []).unwrap();
    let (exit, said) = netctl(&controller, None, "history-verify");
    assert_eq!(exit, 6, "{said}");
    assert!(said.contains("record 3 is not what was written"), "{said}");
    let back = "UPDATE audit SET actor = 'admin' WHERE revision = 3";
    store.execute(back, []).unwrap();
    assert_eq!(netctl(&controller, None, "history-verify").0, 0);

    // Cut off while the controller is down, it goes on as if nothing had been: but for the mark.
    store
        .execute("DELETE FROM audit WHERE revision > 4", [])
        .unwrap();
    store
        .execute("DELETE FROM audit_object WHERE revision > 4", [])
        .unwrap();
    assert_eq!(netctl(&controller, None, "history-verify").0, 6);
    controller.crash_and_restart();
    assert_eq!(netctl(&controller, None, "history-verify").0, 0);
    let (exit, said) = netctl(&controller, None, &format!("history-verify mark={mark}"));
    assert_eq!(exit, 6, "{said}");
}
