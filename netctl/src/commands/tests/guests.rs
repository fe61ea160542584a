//! VIFs of guests that hypervisors run.

use super::*;

fn hot() -> Script {
    let mut script = pool();
    script.extend([
        (
            "PUT /v1/ports/01920f62-0000-7000-8000-00000000000f/guest",
            (200, port("building")),
        ),
        (
            "DELETE /v1/ports/01920f62-0000-7000-8000-00000000000f/guest",
            (200, port("down")),
        ),
    ]);
    script
}

#[tokio::test]
async fn vifs_that_come_and_go_look_as_in_the_golden_files_in_every_form() {
    let server = serve(hot());
    for command in ["vif-attach 01920f62 vm=web1 host=h1", "vif-detach 01920f62"] {
        let mut text = String::new();
        for format in ["table", "json", "csv", "id"] {
            let line = format!("netctl {command} -o {format}");
            let (shown, exit) = server.run(&line).await;
            assert_eq!(exit, Exit::Done, "{shown}");
            text.push_str(&format!("$ {line}\n{shown}"));
        }
        let name = command.split(' ').next().unwrap();
        assert_golden(&format!("{name}.txt"), &text);
    }
    let body = json!({ "host_id": HOST, "guest": "web1" });
    let asked = format!("PUT /v1/ports/{PORT}/guest {body}");
    let is_it = |it: &&String| {
        let (head, said) = it.rsplit_once(' ').unwrap_or_default();
        asked.starts_with(head) && serde_json::from_str::<Value>(said).ok() == Some(body.clone())
    };
    assert_eq!(server.asked().iter().filter(is_it).count(), 4);
}

#[tokio::test]
async fn a_machine_is_defined_with_what_it_boots_and_started_and_stopped_by_its_power() {
    let mut script = pool();
    let mut machine = instance(true);
    machine["driver"] = json!("libvirt");
    let path = "PATCH /v1/instances/01920f63-0000-7000-8000-000000000010";
    script.insert(path, (200, machine.clone()));
    script.insert("GET /v1/instances", items(json!([machine])));
    let server = serve(script);
    let lines = [
        "netctl vm-define web1 tenant=acme kernel=vmlinuz memory=96 acceleration=emulated",
        "netctl vm-start web1 tenant=acme",
        "netctl vm-stop web1 tenant=acme",
    ];
    for line in lines {
        let (shown, exit) = server.run(line).await;
        assert_eq!(exit, Exit::Done, "{line}: {shown}");
    }
    let asked = server.asked();
    let said = |start: &str| -> Vec<Value> {
        let bodies = asked.iter().filter_map(|it| it.strip_prefix(start));
        bodies.map(|it| serde_json::from_str(it).unwrap()).collect()
    };
    let defined = said("POST /v1/instances ");
    let boot = json!({
        "kernel": "vmlinuz", "memory_mib": 96, "processors": 1, "acceleration": "emulated",
    });
    assert_eq!(defined[0]["boot"], boot);
    assert_eq!(defined[0]["power"], "off");
    let powers = [json!({ "power": "on" }), json!({ "power": "off" })];
    assert_eq!(said(&format!("{path} ")), powers);
}
