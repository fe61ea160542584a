//! `--wait`, `change-show` and `change-wait`

use super::*;

fn change(hosts: Value, state: &str) -> (u16, Value) {
    let view = json!({"revision": CHANGE, "state": state, "hosts": hosts});
    (200, view)
}

fn hosts(second: &str) -> Value {
    let mut hosts = json!([
        {"host_id": HOST, "name": "h1", "state": "realized"},
        {"host_id": VM, "name": "h2", "state": second},
    ]);
    if second != "realized" {
        hosts[1]["reason"] = "its agent is not connected".into();
    }
    hosts
}

fn script(second: &str) -> Script {
    let mut script = pool();
    let made = json!({"id": ACME, "name": "acme", "created_at": "2026-11-22T12:00:00Z"});
    script.insert("POST /v1/tenants", (201, made));
    script.insert("GET /v1/changes/4711", change(hosts(second), second));
    script
}

#[tokio::test]
async fn a_change_looks_as_in_the_golden_files_in_every_form() {
    let server = serve(script("waiting"));
    let mut text = String::new();
    for format in ["table", "json", "csv", "id"] {
        let (shown, exit) = server
            .run(&format!("netctl change-show 4711 -o {format}"))
            .await;
        assert_eq!(exit, Exit::Done, "{shown}");
        text.push_str(&format!("$ netctl change-show 4711 -o {format}\n{shown}"));
    }
    assert_golden("change-show.txt", &text);
}

#[tokio::test]
async fn whoever_waits_returns_when_every_host_is_there() {
    let server = serve(script("realized"));
    let (text, exit) = server.run("netctl tenant-create acme --wait").await;
    assert_eq!(exit, Exit::Done, "{text}");
    let asked = server.asked();
    assert!(
        asked.contains(&"GET /v1/changes/4711".to_owned()),
        "{asked:?}"
    );
    let (text, exit) = server.run("netctl change-wait 4711").await;
    assert_eq!(exit, Exit::Done, "{text}");
    assert!(text.contains("carried out on 2 hosts"), "{text}");
}

#[tokio::test]
async fn whoever_does_not_wait_asks_for_nothing_more() {
    let server = serve(script("waiting"));
    let (text, exit) = server.run("netctl tenant-create acme").await;
    assert_eq!(exit, Exit::Done, "{text}");
    let asked = server.asked();
    assert!(!asked.iter().any(|it| it.contains("changes")), "{asked:?}");
}

#[tokio::test]
async fn when_time_is_up_what_was_made_is_printed_and_the_missing_hosts_are_named() {
    for line in [
        "netctl tenant-create acme wait=yes timeout=0 --minimal",
        "netctl change-wait 4711 timeout=0",
    ] {
        let server = serve(script("waiting"));
        let (text, exit) = server.run(line).await;
        assert_eq!(exit, Exit::Late, "{line}: {text}");
        assert!(text.contains("on 1 of 2 hosts"), "{text}");
        assert!(text.contains("h2: its agent is not connected"), "{text}");
        assert!(text.contains("change-wait 4711"), "{text}");
        assert_eq!(
            text.contains(ACME),
            line.contains("tenant-create"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_tenant_that_is_told_no_hosts_waits_all_the_same() {
    let mut script = script("waiting");
    script.insert("GET /v1/changes/4711", change(json!([]), "waiting"));
    let server = serve(script);
    let (text, exit) = server
        .run("netctl tenant-create acme --wait --timeout 0")
        .await;
    assert_eq!(exit, Exit::Late, "{text}");
}
