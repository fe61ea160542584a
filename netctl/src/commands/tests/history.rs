//! `history` and `history-verify`

use super::*;

fn record() -> Value {
    json!({
        "revision": 4711, "at": "2026-11-22T12:00:00Z",
        "actor": "ci@01920f66-0000-7000-8000-000000000013", "tenant_id": ACME,
        "source": "192.0.2.9", "request_id": "01920f67-0000-7000-8000-000000000014",
        "verb": "port_update",
        "changes": [
            {"noun": "port", "object_id": PORT, "name": "eth0", "tenant_id": ACME,
             "kind": "changed", "fields": {
                "admin_up": {"before": true, "after": false},
                "mtu": {"after": 1400},
             }},
            {"noun": "floating_ip", "object_id": LEG, "tenant_id": ACME, "kind": "deleted",
             "fields": {"address": {"before": "198.51.100.7"}}},
            {"noun": "host", "object_id": HOST, "name": "esc\u{1b}[31m", "kind": "created",
             "fields": {}},
        ],
        "hash": "ab".repeat(32),
    })
}

fn script() -> Script {
    let mut script = pool();
    let page = json!({"items": [record()]});
    script.insert("GET /v1/history", (200, page));
    let mark = format!("4711:{}", "ab".repeat(32));
    let verified = json!({"records": 4711, "newest": mark, "fault": null});
    script.insert("GET /v1/history-verification", (200, verified));
    script
}

#[tokio::test]
async fn history_looks_as_in_the_golden_files_in_every_form() {
    let server = serve(script());
    for command in ["history tenant=acme noun=port", "history-verify"] {
        let mut text = String::new();
        for format in ["table", "json", "csv", "id"] {
            let (shown, exit) = server.run(&format!("netctl {command} -o {format}")).await;
            assert_eq!(exit, Exit::Done, "{command}: {shown}");
            text.push_str(&format!("$ netctl {command} -o {format}\n{shown}"));
        }
        let name = command.split(' ').next().unwrap();
        assert_golden(&format!("{name}.txt"), &text);
    }
    let asked = server.asked();
    let query = format!("GET /v1/history?noun=port&tenant_id={ACME}&limit=50");
    assert!(asked.contains(&query), "{asked:?}");
}

#[tokio::test]
async fn a_history_that_does_not_fit_is_an_exit_status_of_its_own() {
    let mut script = script();
    let message = "record 7 is not what was written there";
    let fault = json!({"revision": 7, "message": message});
    let verified = json!({"records": 6, "newest": null, "fault": fault});
    script.insert("GET /v1/history-verification", (200, verified));
    let server = serve(script);
    let mark = format!("9:{}", "CD".repeat(32));
    let (text, exit) = server
        .run(&format!("netctl history-verify mark={mark}"))
        .await;
    assert_eq!(exit, Exit::NotSo);
    assert!(text.contains(message), "{text}");
    let asked = server.asked().join("\n");
    assert!(
        asked.contains(&format!("mark=9%3A{}", "cd".repeat(32))),
        "{asked}"
    );
}
