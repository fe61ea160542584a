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
use samples::*;

mod caps;
mod changes;
mod guests;
mod history;
mod port_forward;
mod samples;
mod tenants;
mod tokens;
mod topology;

const ACME: &str = "01920f5e-0000-7000-8000-00000000000a";
const GLOBEX: &str = "01920f5e-0000-7000-8000-00000000000b";
const WEB: &str = "01920f5f-0000-7000-8000-00000000000c";
const CARRIER: &str = "01920f60-0000-7000-8000-00000000000d";
const MANAGEMENT: &str = "01920f60-0000-7000-8000-0000000000aa";
const HOST: &str = "01920f61-0000-7000-8000-00000000000e";
const PORT: &str = "01920f62-0000-7000-8000-00000000000f";
const LEG: &str = "01920f64-0000-7000-8000-000000000011";
const VM: &str = "01920f63-0000-7000-8000-000000000010";

/// The change that every answer to a change tells of.
const CHANGE: u64 = 4711;

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
    let revision = match line.starts_with("GET") || *status >= 300 {
        true => String::new(),
        false => format!("{}: {CHANGE}\r\n", api::REVISION),
    };
    let response = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{revision}connection: close\r\n\r\n\
         {body}"
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
        args.push(format!("--server={}", self.server()).into());
        let cli = crate::parse(args).unwrap_or_else(|_| panic!("{line}"));
        match cli.command.run(&cli.connection, cli.format()).await {
            Ok(ran) => {
                let text = render(&ran.done.output, cli.format());
                match cli.waiting.after(&ran, cli.format()).await {
                    Ok(exit) => (text, exit),
                    Err(failure) => (format!("{text}{failure}\n"), failure.exit),
                }
            }
            Err(failure) => (format!("{failure}\n"), failure.exit),
        }
    }

    fn server(&self) -> String {
        format!("unix:{}", self.directory.path().join("api.sock").display())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// How to reach the server, as the command line would say it.
fn connected(server: &Scripted) -> Connection {
    let args = ["netctl", "status", "--server", &server.server()].map(OsString::from);
    let cli = crate::parse(args.to_vec()).unwrap_or_else(|_| panic!("{}", server.server()));
    cli.connection
}

fn items(items: Value) -> (u16, Value) {
    (200, json!({ "items": items }))
}

/// Compares with a file in `tests/data`; `BLESS=1` writes it instead.
pub(in crate::commands) fn assert_golden(file: &str, text: &str) {
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
        "pool-setup private=eth1 private-vlans=100-199",
        "pool-show",
        "nic-list host=h1",
        "management-move host=h1 nic=eth4 vlan=10",
        "vlan-list",
        "vlan-show web",
        "subnet-list",
        "vif-list",
        "vif-show 01920f62",
        "ip-list",
        "ip-reserve 10.0.0.50-10.0.0.59 network=web name=vip",
        "vif-trunk-add vif=01920f62 subport=01920f62 vlan=10",
        "vif-trunk-list",
        "vif-trunk-remove subport=leg",
        "vm-list",
        "host-list",
        "host-show h1",
        "tunnel-list",
        "fabric-check",
        "fabric-check-list",
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
        "netctl usage by=vif tenant=acme from=2026-11-01 to=2026-12-01 step=day top=5",
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
    let page = "step=day&sort=-bytes&limit=5&cursor=0";
    let usage = format!("GET /v1/usage?by=port&{range}&tenant_id={ACME}&{page}");
    assert!(asked.contains(&usage), "{asked:#?}");
}

#[tokio::test]
async fn what_is_to_change_and_nothing_else_reaches_the_server() {
    let mut script = pool();
    let path = "PATCH /v1/ports/01920f62-0000-7000-8000-00000000000f";
    script.insert(path, (200, port("active")));
    let id = "GET /v1/subnets/01920f63-0000-7000-8000-000000000010";
    let subnet = script["POST /v1/subnets"].1.clone();
    script.insert(id, (200, subnet.clone()));
    let subnet_path = "PATCH /v1/subnets/01920f63-0000-7000-8000-000000000010";
    script.insert(subnet_path, (200, subnet));
    let server = serve(script);
    let cases = [
        (
            path,
            "vif-set 01920f62 add-address=10.0.0.6,10.0.0.7 remove-address=10.0.0.5",
            json!({"add_addresses": ["10.0.0.6", "10.0.0.7"], "remove_addresses": ["10.0.0.5"]}),
        ),
        (
            path,
            "vif-set 01920f62 allowed=10.0.0.50,10.0.0.51@00:00:5e:00:01:01",
            json!({"allowed": ["10.0.0.50", "10.0.0.51@00:00:5e:00:01:01"]}),
        ),
        (
            path,
            "vif-set 01920f62 allowed= spoof-guard=off",
            json!({"allowed": [], "spoof_guard": "off"}),
        ),
        (
            subnet_path,
            "subnet-set 01920f63 domain= dns= lease=600 dhcp=false",
            json!({"domain": null, "dns": [], "lease_seconds": 600, "dhcp": false}),
        ),
        (
            subnet_path,
            "subnet-set 01920f63 pool=10.0.0.10-10.0.0.99,10.0.0.200 dns-forward=9.9.9.9",
            json!({"pools": ["10.0.0.10-10.0.0.99", "10.0.0.200"], "dns_forward": ["9.9.9.9"]}),
        ),
    ];
    for (path, line, expected) in cases {
        let (text, exit) = server.run(&format!("netctl {line}")).await;
        assert_eq!(exit, Exit::Done, "{line}: {text}");
        let asked = server.asked();
        let body = asked.last().unwrap().strip_prefix(path).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(body).unwrap(),
            expected,
            "{line}"
        );
    }
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
    let line = "netctl vm-start web1 tenant=acme network=web timeout=0";
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
        "netctl vif-set web spoof-guard=maybe",
        "netctl vif-create network=web allowed=10.0.0.1/24",
        "netctl ip-reserve 10.0.0.9-10.0.0.1 network=web",
        "netctl usage last=1y",
        "netctl usage last=1h from=2026-11-01",
        "netctl tenant-list limit=many",
        "netctl tenant-list -o xml",
        "netctl lab-up hosts=x",
        "netctl pool-setup private=eth1/lacp",
        "netctl pool-setup private-vlans=0-5",
        "netctl pool-setup private=eth1/vlan4095",
        "netctl bond-create host=h1 nics=eth1,eth2 mode=random role=private",
        "netctl nic-assign host=h1 nic=eth1",
        "netctl management-move host=h1 nic=eth1 confirm-within=soon",
        "netctl port-forward-create 203.0.113.7:65536 vif=web1",
        "netctl port-forward-create 203.0.113.7 vif=web1",
        "netctl port-forward-create [fd00::1]:80 vif=web1",
        "netctl port-forward-create 203.0.113.7:80 vif=web1 vif-port=0",
        "netctl port-forward-create 203.0.113.7:80 vif=web1 protocol=icmp",
    ] {
        let args = line.split(' ').map(OsString::from).collect();
        match crate::parse(args) {
            Err(crate::Stop::Clap(error)) => assert_eq!(error.exit_code(), 2, "{line}"),
            _ => panic!("{line}"),
        }
    }
}

#[tokio::test]
async fn a_fabric_that_is_not_well_fails_the_command_and_is_told_of_in_words() {
    let mut script = pool();
    script.insert("POST /v1/fabric-checks", (201, fabric_check(true)));
    let server = serve(script);
    let (text, exit) = server.run("netctl fabric-check vlan=103 host=h1").await;
    assert_eq!(exit, Exit::NotSo);
    assert_golden("fabric-check-faulty.txt", &text);
    let asked = server.asked();
    let body = asked
        .iter()
        .find_map(|line| line.strip_prefix("POST /v1/fabric-checks "));
    let expected = json!({
        "vlan": 103, "vlans": "in-use", "host_id": HOST, "physical_network_id": null,
    });
    assert_eq!(
        serde_json::from_str::<Value>(body.unwrap()).unwrap(),
        expected
    );
}
