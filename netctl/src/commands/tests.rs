//! Whole commands against a server that answers from a script; what they print is in `tests/data`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::*;
use crate::print::render;

const ACME: &str = "01920f5e-0000-7000-8000-00000000000a";
const GLOBEX: &str = "01920f5e-0000-7000-8000-00000000000b";
const WEB: &str = "01920f5f-0000-7000-8000-00000000000c";
const CARRIER: &str = "01920f60-0000-7000-8000-00000000000d";
const HOST: &str = "01920f61-0000-7000-8000-00000000000e";
const PORT: &str = "01920f62-0000-7000-8000-00000000000f";
const LEG: &str = "01920f64-0000-7000-8000-000000000011";
const VM: &str = "01920f63-0000-7000-8000-000000000010";

/// What a request is answered with: by its method and path, without the query.
type Script = BTreeMap<&'static str, (u16, Value)>;

/// A server with a script, and what it was asked.
struct Scripted {
    directory: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

fn serve(script: Script) -> Scripted {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("admin.token"), "token\n").unwrap();
    let listener = UnixListener::bind(directory.path().join("api.sock")).unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (script, log) = (Arc::new(script), Arc::clone(&asked));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&script), Arc::clone(&log)));
        }
    });
    Scripted { directory, asked }
}

/// Answers one request and closes the connection.
async fn answer(mut stream: UnixStream, script: Arc<Script>, log: Arc<Mutex<Vec<String>>>) {
    let mut heard = Vec::new();
    while !is_whole(&heard) {
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => heard.extend_from_slice(&part[..length]),
            _ => return,
        }
    }
    let text = String::from_utf8(heard).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let line = head
        .lines()
        .next()
        .unwrap()
        .strip_suffix(" HTTP/1.1")
        .unwrap();
    log.lock()
        .unwrap()
        .push(format!("{line} {body}").trim().to_owned());
    let route = line.split_once('?').map_or(line, |(route, _)| route);
    let absent = (
        404,
        json!({ "status": 404, "code": "not_found", "detail": "there is none" }),
    );
    let (status, json) = script.get(route).unwrap_or(&absent);
    let body = match json {
        Value::Null => String::new(),
        json => json.to_string(),
    };
    let length = body.len();
    let response = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(response.as_bytes()).await.unwrap();
}

fn is_whole(heard: &[u8]) -> bool {
    let text = String::from_utf8_lossy(heard).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

impl Scripted {
    /// Runs a command line, and gives what it prints and how it exits, or how it fails.
    async fn run(&self, line: &str) -> (String, Exit) {
        let mut args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let server = format!("unix:{}", self.directory.path().join("api.sock").display());
        args.push(format!("--server={server}").into());
        let cli = crate::parse(args).unwrap_or_else(|_| panic!("{line}"));
        match cli.command.run(&cli.connection).await {
            Ok(done) => (render(&done.output, cli.format()), done.exit),
            Err(failure) => (format!("{failure}\n"), failure.exit),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn items(items: Value) -> (u16, Value) {
    (200, json!({ "items": items }))
}

fn tenant(id: &str, name: &str) -> Value {
    json!({ "id": id, "name": name, "created_at": "2026-11-22T12:00:00Z" })
}

fn network() -> Value {
    json!({
        "id": WEB, "tenant_id": ACME, "name": "web", "number": 1, "kind": "vlan",
        "physical_network_id": CARRIER, "vlan": 101, "mtu": 1500,
        "created_at": "2026-11-22T12:00:00Z",
    })
}

fn carrier() -> Value {
    json!({
        "id": CARRIER, "name": "private", "role": "private", "nic": "eth1", "vlans": "100-199",
        "mtu": 1500, "created_at": "2026-11-22T12:00:00Z",
    })
}

fn host() -> Value {
    json!({
        "id": HOST, "name": "h1", "created_at": "2026-11-22T12:00:00Z",
        "status": {
            "connected": true, "address": "10.255.1.1", "agent_version": "0.1.0", "planned": 7,
            "realized": 6, "last_seen_at": "2026-11-22T12:00:00Z", "failures": ["x"],
        },
    })
}

fn port(state: &str) -> Value {
    json!({
        "id": PORT, "tenant_id": ACME, "network_id": WEB, "name": null,
        "mac": "fa:16:3e:00:12:34", "addresses": ["10.0.0.5", "fd00::5"], "host_id": HOST,
        "instance_id": VM, "created_at": "2026-11-22T12:00:00Z",
        "status": { "state": state, "reason": null, "interface": "vif1.0", "generation": 6 },
    })
}

fn sub_port() -> Value {
    json!({
        "id": LEG, "tenant_id": ACME, "network_id": WEB, "name": "leg", "trunk_id": PORT,
        "vlan": 10,
    })
}

fn instance(running: bool) -> Value {
    json!({
        "id": VM, "tenant_id": ACME, "name": "web1", "host_id": HOST, "driver": "netns",
        "created_at": "2026-11-22T12:00:00Z", "port_ids": [PORT],
        "status": { "running": running, "handle": "bh-web1", "reason": null },
    })
}

fn tunnel() -> Value {
    json!({
        "id": VM, "host_id": HOST, "peer_host_id": CARRIER, "kind": "vxlan", "peer": "10.254.0.2",
        "state": "down", "diagnostic": "Control Detection Time Expired",
        "since": "2026-11-22T12:00:00Z",
    })
}

fn usage() -> Value {
    json!({
        "of": "tenant", "id": ACME, "from": "2026-11-22T11:00:00Z", "to": "2026-11-22T12:00:00Z",
        "sent": { "bytes": 52_428_800, "packets": 36_000 },
        "received": { "bytes": 1024, "packets": 10 },
        "classes": [{
            "class": "public",
            "sent": { "bytes": 52_428_800, "packets": 36_000 },
            "received": { "bytes": 1024, "packets": 10 },
        }],
        "interface_sent": { "bytes": 52_430_000, "packets": 36_001 },
        "interface_received": { "bytes": 1024, "packets": 10 },
        "sent_estimate": { "bytes": 52_000_000, "packets": 35_840 }, "samples": 560,
    })
}

/// A pool with one of everything.
fn pool() -> Script {
    let event = json!({
        "id": 1, "at": "2026-11-22T12:00:00Z", "kind": "unknown-vif", "host_id": HOST,
        "message": "interface \u{1b}[2Jvif9 names no port",
    });
    let subnet = json!({
        "id": VM, "tenant_id": ACME, "network_id": WEB, "name": null, "cidr": "10.0.0.0/24",
        "gateway": "10.0.0.1", "pool": { "first": "10.0.0.1", "last": "10.0.0.254" },
        "created_at": "2026-11-22T12:00:00Z",
    });
    BTreeMap::from([
        (
            "GET /v1/version",
            (200, json!({ "version": "0.1.0", "api": "v1" })),
        ),
        (
            "GET /v1/health",
            (
                200,
                json!({ "status": "ok", "hosts_connected": 1, "hosts": 1 }),
            ),
        ),
        ("GET /v1/tenants", items(json!([tenant(ACME, "acme")]))),
        ("POST /v1/tenants", (201, tenant(ACME, "acme"))),
        (
            "DELETE /v1/tenants/01920f5e-0000-7000-8000-00000000000a",
            (204, Value::Null),
        ),
        ("GET /v1/networks", items(json!([network()]))),
        ("POST /v1/networks", (201, network())),
        ("GET /v1/physical-networks", items(json!([carrier()]))),
        ("GET /v1/subnets", items(json!([subnet]))),
        ("POST /v1/subnets", (201, subnet)),
        ("GET /v1/hosts", items(json!([host()]))),
        ("GET /v1/ports", items(json!([port("active")]))),
        (
            "GET /v1/ports/01920f62-0000-7000-8000-00000000000f",
            (200, port("active")),
        ),
        ("GET /v1/sub-ports", items(json!([sub_port()]))),
        ("POST /v1/sub-ports", (201, sub_port())),
        (
            "DELETE /v1/sub-ports/01920f64-0000-7000-8000-000000000011",
            (204, Value::Null),
        ),
        ("GET /v1/instances", items(json!([instance(true)]))),
        ("POST /v1/instances", (201, instance(false))),
        (
            "GET /v1/instances/01920f63-0000-7000-8000-000000000010",
            (200, instance(true)),
        ),
        ("GET /v1/tunnels", items(json!([tunnel()]))),
        ("GET /v1/events", items(json!([event]))),
        ("GET /v1/usage", items(json!([usage()]))),
    ])
}

/// Compares with a file in `tests/data`; `BLESS=1` writes it instead.
fn assert_golden(file: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{}", path.display());
}

#[tokio::test]
async fn results_look_as_in_the_golden_files_in_every_form() {
    let server = serve(pool());
    let commands = [
        "tenant-list",
        "tenant-show acme",
        "tenant-delete acme",
        "physical-network-list",
        "vlan-list",
        "vlan-show web",
        "subnet-list",
        "vif-list",
        "vif-show 01920f62",
        "vif-trunk-add vif=01920f62 subport=01920f62 vlan=10",
        "vif-trunk-list",
        "vif-trunk-remove subport=leg",
        "vm-list",
        "host-list",
        "host-show h1",
        "tunnel-list",
        "event-list",
        "usage last=1h",
        "vlan-create web tenant=acme subnet=10.0.0.0/24",
        "vm-start web1 tenant=acme network=web",
    ];
    for command in commands {
        let mut text = String::new();
        for format in ["table", "json", "csv", "id"] {
            let (shown, exit) = server.run(&format!("netctl {command} -o {format}")).await;
            assert_eq!(exit, Exit::Done, "{command}: {shown}");
            text.push_str(&format!("$ netctl {command} -o {format}\n{shown}"));
        }
        let name = command.split(' ').next().unwrap();
        assert_golden(&format!("{name}.txt"), &text);
    }
}

#[tokio::test]
async fn minimal_prints_ids_only() {
    let server = serve(pool());
    assert_eq!(
        server.run("netctl tenant-list --minimal").await.0,
        format!("{ACME}\n")
    );
}

#[tokio::test]
async fn what_is_asked_for_reaches_the_server() {
    let server = serve(pool());
    for line in [
        "netctl vlan-create name=web tenant=acme vlan=101 mtu=1400 shared=true external=true \
         isolated=true gateway-mac=00:00:5e:00:01:07",
        "netctl vif-create network=web mac=fa:16:3e:00:12:34 address=10.0.0.5,10.0.0.6 host=h1",
        "netctl router-create r tenant=acme network=web",
        "netctl vif-list tenant=acme state=down sort=-created_at limit=5",
        "netctl event-list kind=unknown-vif",
        "netctl usage by=vif tenant=acme from=2026-11-01 to=2026-12-01",
    ] {
        let _printed = server.run(line).await;
    }
    let asked = server.asked();
    let network = json!({
        "tenant_id": ACME, "name": "web", "kind": "vlan", "vlan": 101, "mtu": 1400,
        "shared": true, "external": true, "isolated": true, "gateway_macs": ["00:00:5e:00:01:07"],
    });
    let port = json!({
        "network_id": WEB, "mac": "fa:16:3e:00:12:34", "addresses": ["10.0.0.5", "10.0.0.6"],
        "host_id": HOST,
    });
    let router = json!({ "tenant_id": ACME, "name": "r", "network_ids": [WEB] });
    for (path, expected) in [
        ("POST /v1/networks ", network),
        ("POST /v1/ports ", port),
        ("POST /v1/routers ", router),
    ] {
        let body = asked
            .iter()
            .find_map(|line| line.strip_prefix(path))
            .unwrap();
        assert_eq!(serde_json::from_str::<Value>(body).unwrap(), expected);
    }
    let query = format!("tenant_id={ACME}&status.state=down&sort=-created_at&limit=5");
    assert!(
        asked.contains(&format!("GET /v1/ports?{query}")),
        "{asked:#?}"
    );
    assert!(asked.contains(&"GET /v1/events?kind=unknown-vif&sort=-id&limit=50".to_owned()));
    let range = "from=2026-11-01T00%3A00%3A00Z&to=2026-12-01T00%3A00%3A00Z";
    assert!(asked.contains(&format!("GET /v1/usage?by=port&{range}&tenant_id={ACME}")));
}

#[tokio::test]
async fn a_network_whose_subnet_is_refused_is_removed_again() {
    let mut script = pool();
    let refused = json!({
        "status": 422, "code": "invalid_fields", "detail": "nothing was changed: see cidr",
        "errors": [{ "field": "cidr", "code": "inconsistent", "message": "overlaps 10.0.0.0/8" }],
    });
    script.insert("POST /v1/subnets", (422, refused));
    let removal = "DELETE /v1/networks/01920f5f-0000-7000-8000-00000000000c";
    script.insert(removal, (204, Value::Null));
    let server = serve(script.clone());
    let (text, exit) = server
        .run("netctl vlan-create web tenant=acme subnet=10.0.0.0/24")
        .await;
    assert_eq!(exit, Exit::Refused);
    assert_golden("vlan-create-refused.txt", &text);
    assert_eq!(server.asked().last().unwrap(), removal);

    script.insert(
        removal,
        (
            409,
            json!({ "status": 409, "code": "in_use", "detail": "in use" }),
        ),
    );
    let server = serve(script);
    let (text, exit) = server
        .run("netctl vlan-create web tenant=acme subnet=10.0.0.0/24")
        .await;
    assert_eq!(exit, Exit::Refused);
    assert_golden("vlan-create-remains.txt", &text);
}

#[tokio::test]
async fn an_instance_that_does_not_come_up_is_told_with_what_it_lacks() {
    let mut script = pool();
    let id = "GET /v1/instances/01920f63-0000-7000-8000-000000000010";
    script.insert(id, (200, instance(false)));
    let port_id = "GET /v1/ports/01920f62-0000-7000-8000-00000000000f";
    script.insert(port_id, (200, port("building")));
    let server = serve(script);
    let line = "netctl vm-start web1 tenant=acme network=web wait=0";
    let (text, exit) = server.run(line).await;
    assert_eq!(exit, Exit::NotSo);
    assert_golden("vm-start-not-up.txt", &text);
    assert_eq!(
        server.run(&format!("{line} no-wait=true")).await.1,
        Exit::Done
    );
}

#[tokio::test]
async fn an_object_is_named_by_name_id_or_unambiguous_start_of_its_id() {
    let mut script = pool();
    let tenants = json!([tenant(ACME, "acme"), tenant(GLOBEX, "globex")]);
    script.insert("GET /v1/tenants", items(tenants));
    script.insert(
        "GET /v1/tenants/01920f5e-0000-7000-8000-00000000000a",
        (200, tenant(ACME, "acme")),
    );
    let server = serve(script.clone());
    let by_id = server
        .run(&format!("netctl tenant-show {ACME} -o id"))
        .await;
    assert_eq!(by_id, (format!("{ACME}\n"), Exit::Done));
    // The script filters nothing by name: two tenants "of this name" are ambiguous.
    let (text, exit) = server.run("netctl tenant-show 01920f5e").await;
    assert_eq!(exit, Exit::Usage);
    assert_golden("ambiguous.txt", &text);

    script.insert("GET /v1/tenants", items(json!([])));
    let server = serve(script);
    let (text, exit) = server.run("netctl tenant-show nobody").await;
    assert_eq!(exit, Exit::NotFound);
    assert_golden("absent.txt", &text);
    assert_eq!(
        server.run("netctl tenant-show 0192").await.1,
        Exit::NotFound
    );
    assert_eq!(
        server.run(&format!("netctl tenant-show {GLOBEX}")).await.1,
        Exit::NotFound
    );
}

#[tokio::test]
async fn every_kind_of_failure_has_its_exit_code() {
    let server = serve(pool());
    assert!(
        server
            .run("netctl status")
            .await
            .0
            .contains("health.status")
    );
    for (status, code, exit) in [
        (401, "unauthenticated", Exit::NoToken),
        (403, "forbidden", Exit::NoToken),
        (404, "not_found", Exit::NotFound),
        (409, "in_use", Exit::Refused),
        (422, "invalid_fields", Exit::Refused),
        (500, "internal", Exit::Refused),
        (503, "busy", Exit::Refused),
    ] {
        let problem = json!({ "status": status, "code": code, "detail": "because" });
        let server = serve(BTreeMap::from([("POST /v1/tenants", (status, problem))]));
        assert_eq!(
            server.run("netctl tenant-create acme").await.1,
            exit,
            "{code}"
        );
    }
    let server = serve(BTreeMap::from([(
        "POST /v1/tenants",
        (500, json!("no problem")),
    )]));
    assert_eq!(
        server.run("netctl tenant-create acme").await.1,
        Exit::Unreachable
    );
    let unwell = json!({ "status": "no host is connected", "hosts_connected": 0, "hosts": 1 });
    let mut script = pool();
    script.insert("GET /v1/health", (200, unwell));
    assert_eq!(serve(script).run("netctl status").await.1, Exit::NotSo);
}

#[test]
fn the_command_line_is_sound_and_its_exit_codes_are_told() {
    use clap::CommandFactory;
    let mut command = crate::args::Cli::command();
    command.clone().debug_assert();
    let help = command.render_help().to_string();
    for (index, (exit, meaning)) in crate::exit::EXITS.iter().enumerate() {
        assert_eq!(usize::from(exit.code()), index);
        assert!(help.contains(&format!("  {index}  {meaning}")), "{help}");
    }
}

#[test]
fn wrong_values_are_refused_before_anything_is_asked() {
    for line in [
        "netctl vlan-create web tenant=acme vlan=4095",
        "netctl vlan-create web tenant=acme subnet=10.0.0.0",
        "netctl vlan-create web",
        "netctl vlan-create web other tenant=acme",
        "netctl tenant-create",
        "netctl vif-create network=web mac=ff:ff:ff:ff:ff:ff",
        "netctl vif-list state=up",
        "netctl usage last=1y",
        "netctl usage last=1h from=2026-11-01",
        "netctl tenant-list limit=many",
        "netctl tenant-list -o xml",
        "netctl lab-up hosts=x",
    ] {
        let args = line.split(' ').map(OsString::from).collect();
        match crate::parse(args) {
            Err(crate::Stop::Clap(error)) => assert_eq!(error.exit_code(), 2, "{line}"),
            _ => panic!("{line}"),
        }
    }
}
