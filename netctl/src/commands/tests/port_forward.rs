//! Forwarding ports of a floating IP.

use super::*;

const FLOATING: &str = "01920f65-0000-7000-8000-000000000012";
const HTTPS: &str = "01920f66-0000-7000-8000-000000000013";
const QUIC: &str = "01920f66-0000-7000-8000-000000000014";

fn forwarding(id: &str, protocol: &str) -> Value {
    json!({
        "id": id, "tenant_id": ACME, "floating_ip_id": FLOATING, "protocol": protocol,
        "external_port": 443, "port_id": PORT, "port_address": "10.0.0.5", "internal_port": 8443,
        "created_at": "2026-11-22T12:00:00Z",
    })
}

fn forwarded() -> Script {
    let floating = json!({
        "id": FLOATING, "tenant_id": ACME, "network_id": WEB, "address": "203.0.113.7",
        "bound": null, "created_at": "2026-11-22T12:00:00Z",
    });
    let mut script = pool();
    script.insert("GET /v1/floating-ips", items(json!([floating])));
    let both = json!([forwarding(HTTPS, "tcp"), forwarding(QUIC, "udp")]);
    script.insert("GET /v1/port-forwardings", items(both));
    script.insert("POST /v1/port-forwardings", (201, forwarding(HTTPS, "tcp")));
    let path = "DELETE /v1/port-forwardings/01920f66-0000-7000-8000-000000000014";
    script.insert(path, (204, Value::Null));
    script
}

#[tokio::test]
async fn forwarded_ports_look_as_in_the_golden_files_in_every_form() {
    let server = serve(forwarded());
    let mut text = String::new();
    for format in ["table", "json", "csv", "id"] {
        let line = format!("netctl port-forward-list -o {format}");
        let (shown, exit) = server.run(&line).await;
        assert_eq!(exit, Exit::Done, "{shown}");
        text.push_str(&format!("$ {}\n{shown}", &line));
    }
    assert_golden("port-forward-list.txt", &text);
}

#[tokio::test]
async fn a_port_is_forwarded_and_named_by_its_address() {
    let server = serve(forwarded());
    let line = "netctl port-forward-create 203.0.113.7:443 tenant=acme vif=01920f62 vif-port=8443";
    let (shown, exit) = server.run(line).await;
    assert_eq!(exit, Exit::Done, "{shown}");
    let asked = server.asked();
    let mut bodies = asked.iter();
    let body = bodies.find_map(|it| it.strip_prefix("POST /v1/port-forwardings "));
    let expected = json!({
        "floating_ip_id": FLOATING, "protocol": "tcp", "external_port": 443, "port_id": PORT,
        "internal_port": 8443,
    });
    assert_eq!(
        serde_json::from_str::<Value>(body.unwrap()).unwrap(),
        expected
    );
    let (shown, exit) = server
        .run("netctl port-forward-delete 203.0.113.7:443")
        .await;
    assert_eq!(exit, Exit::Usage, "which of both: {shown}");
    let line = "netctl port-forward-delete 203.0.113.7:443 protocol=udp";
    let (shown, exit) = server.run(line).await;
    assert_eq!(exit, Exit::Done, "{shown}");
    let deleted = format!("DELETE /v1/port-forwardings/{QUIC}");
    assert!(server.asked().contains(&deleted), "{:#?}", server.asked());
}

#[tokio::test]
async fn port_0_is_refused_before_anything_is_asked() {
    let server = serve(forwarded());
    let line = "netctl port-forward-create 203.0.113.7:0 vif=01920f62";
    let (shown, exit) = server.run(line).await;
    assert_eq!(exit, Exit::Usage, "{shown}");
    assert_eq!(server.asked(), Vec::<String>::new());
}
