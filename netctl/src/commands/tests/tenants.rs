//! `tenant-suspend` and what else only operators do to tenants.

use super::*;

const PATCH: &str = "PATCH /v1/tenants/01920f5e-0000-7000-8000-00000000000a";

fn script(standing: &Value) -> Script {
    let mut script = pool();
    let mut changed = tenant(ACME, "acme");
    let fields = standing.as_object().unwrap().clone();
    changed.as_object_mut().unwrap().extend(fields);
    script.insert("GET /v1/tenants", items(json!([changed])));
    script.insert(PATCH, (200, changed));
    script
}

/// Runs a command in every form; gives what it says, and the last body it sent to this route.
async fn shown(server: &Scripted, command: &str, route: &str) -> (String, Value) {
    let mut text = String::new();
    for format in ["table", "json", "csv", "id"] {
        let (shown, exit) = server.run(&format!("netctl {command} -o {format}")).await;
        assert_eq!(exit, Exit::Done, "{command}: {shown}");
        text.push_str(&format!("$ netctl {command} -o {format}\n{shown}"));
    }
    let asked = server.asked();
    let sent = asked.iter().rev().find_map(|it| it.strip_prefix(route));
    let sent = sent.map_or(Value::Null, |it| serde_json::from_str(it).unwrap());
    (text, sent)
}

#[tokio::test]
async fn a_tenant_is_suspended_with_a_reason_and_resumed() {
    let suspended = json!({
        "state": "suspended", "reason": "unpaid", "suspended_at": "2026-11-23T12:00:00Z",
    });
    let server = serve(script(&suspended));
    let (text, sent) = shown(&server, "tenant-suspend acme reason=unpaid", PATCH).await;
    assert_golden("tenant-suspend.txt", &text);
    assert_eq!(sent, json!({"state": "suspended", "reason": "unpaid"}));
    let server = serve(script(&json!({"state": "active"})));
    let (text, sent) = shown(&server, "tenant-resume acme", PATCH).await;
    assert_golden("tenant-resume.txt", &text);
    assert_eq!(sent, json!({"state": "active"}));
}

fn quota() -> Value {
    json!({
        "tenant_id": ACME, "state": "active",
        "networks": {"limit": 20, "used": 3, "is_default": false},
        "ports": {"limit": "unlimited", "used": 7, "is_default": false},
        "routers": {"limit": 200, "used": 0, "is_default": true},
        "requests_per_second": {"limit": 100, "is_default": true},
    })
}

#[tokio::test]
async fn quotas_are_shown_with_what_is_used_and_set_by_name() {
    const GET: &str = "GET /v1/tenants/01920f5e-0000-7000-8000-00000000000a/quota";
    const SET: &str = "PATCH /v1/tenants/01920f5e-0000-7000-8000-00000000000a/quota";
    let mut script = pool();
    script.insert(GET, (200, quota()));
    script.insert(SET, (200, quota()));
    let identity = json!({
        "actor": "ci@x", "role": "tenant-member", "tenant_id": ACME, "verbs": ["read"],
    });
    script.insert("GET /v1/whoami", (200, identity));
    let server = serve(script);
    let (text, _) = shown(&server, "quota-show acme", "none").await;
    assert_golden("quota-show.txt", &text);
    let (own, _) = shown(&server, "quota-show", "none").await;
    assert_eq!(own.replace("quota-show", "quota-show acme"), text);
    let line = "quota-set acme networks=20 ports=unlimited routers= floating-ips=0";
    let (text, sent) = shown(&server, line, SET).await;
    assert_golden("quota-set.txt", &text);
    let expected =
        json!({"networks": 20, "ports": "unlimited", "routers": null, "floating_ips": 0});
    assert_eq!(sent, expected);
    let (said, exit) = server.run("netctl quota-set acme").await;
    assert_eq!(exit, Exit::Usage, "{said}");
}

#[tokio::test]
async fn what_goes_with_a_tenant_is_listed_before_it_goes_and_when_it_has_gone() {
    const DELETE: &str = "DELETE /v1/tenants/01920f5e-0000-7000-8000-00000000000a";
    let contents = |obstacles: &[&str]| {
        json!({
            "tenant_id": ACME, "name": "acme", "obstacles": obstacles,
            "objects": [
                {"noun": "tenant", "count": 1, "objects": [{"id": ACME, "name": "acme"}]},
                {"noun": "security_group", "count": 1, "objects": [{"id": WEB, "name": "default"}]},
                {"noun": "port", "count": 2, "objects": [{"id": PORT}, {"id": LEG, "name": "leg"}]},
            ],
            "hosts": [{"id": HOST, "name": "h1"}],
        })
    };
    let mut script = pool();
    script.insert(DELETE, (200, contents(&["h2 cannot be reached; wait"])));
    let server = serve(script.clone());
    let (text, _) = shown(&server, "tenant-delete acme --preview", "none").await;
    assert_golden("tenant-delete-preview.txt", &text);
    assert!(server.asked().contains(&format!("{DELETE}?preview=true")));
    script.insert(DELETE, (200, contents(&[])));
    let server = serve(script);
    let (text, _) = shown(&server, "tenant-delete acme --cascade", "none").await;
    assert_golden("tenant-delete-cascade.txt", &text);
    assert!(server.asked().contains(&format!("{DELETE}?cascade=true")));
}

#[test]
fn help_of_what_is_done_to_tenants_shows_examples() {
    use clap::CommandFactory;
    let mut command = crate::args::Cli::command();
    for name in [
        "tenant-suspend",
        "tenant-resume",
        "quota-show",
        "quota-set",
        "tenant-delete",
    ] {
        let found = command.find_subcommand_mut(name).unwrap();
        let help = found.render_long_help().to_string();
        assert_golden(&format!("help-{name}.txt"), &help);
    }
}
