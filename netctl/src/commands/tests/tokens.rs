//! `token-*` and `whoami`

use super::*;

const TOKEN: &str = "01920f66-0000-7000-8000-000000000013";

fn token(secret: Option<&str>) -> Value {
    let mut token = json!({
        "id": TOKEN, "name": "ci", "role": "tenant-member", "tenant_id": ACME,
        "verbs": ["read", "create"], "expires_at": "2026-12-22T12:00:00Z",
        "created_at": "2026-11-22T12:00:00Z", "last_used_at": "2026-11-22T13:00:00Z",
    });
    if let Some(secret) = secret {
        token["secret"] = secret.into();
    }
    token
}

fn script() -> Script {
    let mut script = pool();
    script.insert("GET /v1/tokens", items(json!([token(None)])));
    script.insert("POST /v1/tokens", (201, token(Some("bulkhead_0123"))));
    let gone = "DELETE /v1/tokens/01920f66-0000-7000-8000-000000000013";
    script.insert(gone, (204, Value::Null));
    let identity = json!({
        "actor": "ci@01920f66-0000-7000-8000-000000000013", "role": "tenant-member",
        "tenant_id": ACME, "verbs": ["read", "create"],
    });
    script.insert("GET /v1/whoami", (200, identity));
    script
}

#[tokio::test]
async fn tokens_look_as_in_the_golden_files_in_every_form() {
    let server = serve(script());
    for command in [
        "token-create ci role=tenant-member tenant=acme verbs=read,create valid=30d",
        "token-list tenant=acme role=tenant-member",
        "token-revoke ci tenant=acme",
        "whoami",
    ] {
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
    let made = asked
        .iter()
        .find_map(|it| it.strip_prefix("POST /v1/tokens "));
    let expected = json!({"name": "ci", "role": "tenant-member", "tenant_id": ACME,
        "verbs": ["read", "create"], "valid_seconds": 2_592_000});
    assert_eq!(
        serde_json::from_str::<Value>(made.unwrap()).unwrap(),
        expected
    );
}

#[tokio::test]
async fn lists_of_a_tenant_leave_out_the_names_that_its_token_may_not_see() {
    let mut script = script();
    let forbidden = json!({"status": 403, "code": "forbidden", "detail": "not for you"});
    script.insert("GET /v1/hosts", (403, forbidden.clone()));
    script.insert("GET /v1/physical-networks", (403, forbidden));
    let server = serve(script);
    for command in ["vif-list", "vm-list", "vlan-list"] {
        let (text, exit) = server.run(&format!("netctl {command}")).await;
        assert_eq!(exit, Exit::Done, "{command}: {text}");
    }
}
