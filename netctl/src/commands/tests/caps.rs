//! `cap-*`

use clap::CommandFactory;

use super::*;

const CAP: &str = "01920f65-0000-7000-8000-000000000012";

fn cap(standing: &str) -> Value {
    json!({
        "id": CAP, "tenant_id": ACME, "class": "public", "way": "sent", "period": "month",
        "bytes": 2_000_000_000_000_u64, "warn_at": [80, 90], "then": "throttle", "rate": "10M",
        "period_start": "2026-11-01T00:00:00Z", "standing": standing, "warned_at": 90,
        "noted_bytes": 1_990_000_000_000_u64, "created_at": "2026-11-01T12:00:00Z",
        "status": {
            "used_bytes": 1_999_999_999_999_u64, "checked_at": "2026-11-22T12:00:00Z",
        },
    })
}

/// A pool with that cap, or with none.
fn capped(caps: Value) -> Script {
    let mut script = pool();
    script.insert("GET /v1/caps", items(caps));
    script.insert("POST /v1/caps", (201, cap("below")));
    for (method, answer) in [
        (
            "GET /v1/caps/01920f65-0000-7000-8000-000000000012",
            cap("below"),
        ),
        (
            "PATCH /v1/caps/01920f65-0000-7000-8000-000000000012",
            cap("lifted"),
        ),
    ] {
        script.insert(method, (200, answer));
    }
    let gone = "DELETE /v1/caps/01920f65-0000-7000-8000-000000000012";
    script.insert(gone, (204, Value::Null));
    script
}

/// What was asked for last.
fn last(server: &Scripted) -> (String, Value) {
    let asked = server.asked();
    let mut changes = asked.iter().rev().filter(|it| !it.starts_with("GET"));
    let (line, body) = changes.next().unwrap().split_once(" {").unwrap();
    (
        line.to_owned(),
        serde_json::from_str(&format!("{{{body}")).unwrap(),
    )
}

#[tokio::test]
async fn caps_look_as_in_the_golden_files_in_every_form() {
    let server = serve(capped(json!([cap("reached")])));
    for command in [
        "cap-set tenant=acme class=public way=sent bytes=2T then=throttle rate=10M",
        "cap-list tenant=acme standing=reached",
        "cap-show 01920f65",
        "cap-lift 01920f65",
        "cap-remove 01920f65",
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
    let mut command = crate::args::Cli::command();
    let help = command.find_subcommand_mut("cap-set").unwrap();
    assert_golden("help-cap-set.txt", &help.render_long_help().to_string());
}

#[tokio::test]
async fn a_cap_that_is_not_there_is_made_and_one_that_is_there_is_changed() {
    let line = "netctl cap-set tenant=acme class=public way=sent bytes=3T then=throttle rate=20M";
    let server = serve(capped(json!([])));
    assert_eq!(server.run(&format!("{line} warn=")).await.1, Exit::Done);
    let made = json!({
        "tenant_id": ACME, "class": "public", "way": "sent", "period": "month",
        "bytes": 3_000_000_000_000_u64, "warn_at": [], "then": "throttle", "rate": "20M",
    });
    assert_eq!(last(&server), ("POST /v1/caps".to_owned(), made));

    let server = serve(capped(json!([cap("below")])));
    assert_eq!(
        server.run(&format!("{line} warn=50,75")).await.1,
        Exit::Done
    );
    let changed = json!({"bytes": 3_000_000_000_000_u64, "warn_at": [50, 75], "rate": "20M"});
    let at = format!("PATCH /v1/caps/{CAP}");
    assert_eq!(last(&server), (at, changed));
    // Of another class it is another cap.
    let other = "netctl cap-set tenant=acme bytes=3T then=throttle rate=20M";
    assert_eq!(server.run(other).await.1, Exit::Done);
    assert_eq!(last(&server).0, "POST /v1/caps");
    let vif = format!("netctl cap-set vif={PORT} bytes=1 then=suspend period=hour");
    assert_eq!(server.run(&vif).await.1, Exit::Done);
    let of_vif = json!({
        "port_id": PORT, "class": "all", "way": "both", "period": "hour", "bytes": 1,
        "then": "suspend",
    });
    assert_eq!(last(&server).1, of_vif);
}

#[tokio::test]
async fn a_rate_goes_with_throttling_alone_and_a_lift_asks_for_nothing_else() {
    let server = serve(capped(json!([cap("reached")])));
    for line in [
        "netctl cap-set tenant=acme bytes=1T then=throttle",
        "netctl cap-set tenant=acme bytes=1T then=suspend rate=1M",
    ] {
        let (said, exit) = server.run(line).await;
        assert_eq!(exit, Exit::Usage, "{said}");
    }
    assert_eq!(server.asked(), [""; 0]);
    assert_eq!(server.run("netctl cap-lift 01920f65").await.1, Exit::Done);
    let lift = json!({"standing": "lifted"});
    assert_eq!(last(&server).1, lift);
    let (said, exit) = server.run("netctl cap-show ffff").await;
    assert_eq!(exit, Exit::NotFound, "{said}");
}
