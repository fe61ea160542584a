//! The watcher of XenAPI, against a server written for it from the API's public reference: over TLS, with
//! sessions, tokens, and everything that a hostile or broken one may do.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod server;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use compute::seen::{Daemon, Seen};
use compute::xenapi::{Client, Settings, Watcher};
use model::GuestState;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use server::{Manner, PASSWORD, Server};

/// How long anything may take on a busy machine. Nothing waits so long but a test that fails.
const PATIENCE: Duration = Duration::from_secs(90);

const HOST: Uuid = Uuid::from_u128(1);
const GUEST: Uuid = Uuid::from_u128(9);

/// A watcher that follows `servers[0]`.
struct Scene {
    seen: watch::Receiver<Seen>,
    watching: JoinHandle<()>,
    folder: TempDir,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Scene {
    /// `trusted` are the servers whose certificates are known.
    fn set(server: &Server, trusted: &[&Server]) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = settings(&folder, server, trusted);
        let (sender, seen) = watch::channel(Seen::default());
        let watcher = Watcher {
            settings,
            seen: sender,
        };
        Self {
            seen,
            watching: tokio::spawn(watcher.run()),
            folder,
        }
    }

    async fn sees(&mut self, what: &str, holds: impl Fn(&Seen) -> bool) -> Seen {
        let found = timeout(PATIENCE, self.seen.wait_for(|seen| holds(seen))).await;
        let found = found.map(|seen| seen.unwrap().clone());
        found.unwrap_or_else(|_| panic!("never: {what}; {:?}", *self.seen.borrow()))
    }

    /// Waits until the guest is in this state.
    async fn sees_guest(&mut self, state: Option<GuestState>) -> Seen {
        let what = format!("the guest is {state:?}");
        let is = |seen: &Seen| {
            let guest = seen.guests.get(&GUEST).map(|it| it.state);
            guest == state && matches!(seen.daemon, Daemon::Here { .. })
        };
        self.sees(&what, is).await
    }

    /// Waits until it does not answer, for this reason.
    async fn sees_fault(&mut self, why: &str) -> Seen {
        let away =
            |seen: &Seen| matches!(&seen.daemon, Daemon::Away { reason } if reason.contains(why));
        self.sees(why, away).await
    }
}

/// Writes what an operator would; gives the file.
fn settings(folder: &TempDir, server: &Server, trusted: &[&Server]) -> std::path::PathBuf {
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    };
    let pem: String = trusted.iter().map(|it| it.pem.as_str()).collect();
    let text = json!({
        "url": format!("https://{}", server.address),
        "user": "reader",
        "password_file": file("password", PASSWORD),
        "certificates": file("pool.pem", &pem),
        "host": HOST,
    });
    file("xenapi.json", &text.to_string())
}

fn vm(state: &str) -> Value {
    json!({"uuid": GUEST, "name_label": "web", "power_state": state, "domid": 7,
        "resident_on": "host1", "is_control_domain": false})
}

/// A pool of one host with a guest that runs.
async fn pool() -> Server {
    let server = Server::start();
    server.put("host", "host1", json!({"uuid": HOST}));
    server.put("vm", "vm1", vm("Running"));
    let vif = json!({"uuid": Uuid::from_u128(5), "device": "0", "network": "net1", "VM": "vm1",
        "MAC": "00:16:3e:00:00:01", "currently_attached": true, "other_config": {}});
    server.put("vif", "vif1", vif);
    server
}

#[tokio::test]
async fn guests_are_seen_as_they_start_pause_and_go() {
    let server = pool().await;
    let mut scene = Scene::set(&server, &[&server]);
    let seen = scene.sees_guest(Some(GuestState::Running)).await;
    let domain = &seen.guests[&GUEST].domain;
    assert_eq!(domain.interfaces[0].link.as_deref(), Some("vif7.0"));
    server.put("vm", "vm1", vm("Paused"));
    scene.sees_guest(Some(GuestState::Paused)).await;
    server.remove("vm", "vm1");
    scene.sees_guest(None).await;
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn lost_events_and_lost_sessions_are_made_up_for() {
    let server = pool().await;
    let mut scene = Scene::set(&server, &[&server]);
    scene.sees_guest(Some(GuestState::Running)).await;
    // What happens meanwhile is told by no event.
    server.forget_events();
    server.put("vm", "vm1", vm("Paused"));
    scene.sees_guest(Some(GuestState::Paused)).await;
    server.forget_events();
    server.remove("vm", "vm1");
    scene.sees_guest(None).await;
    assert_eq!(server.logins(), 1);

    server.forget_sessions();
    server.put("vm", "vm1", vm("Running"));
    scene.sees_guest(Some(GuestState::Running)).await;
    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn a_host_that_is_not_the_master_sends_us_there_and_only_where_we_may_go() {
    let (master, slave) = (pool().await, Server::start());
    slave.behave(Manner::Slave(master.address.clone()));
    let mut scene = Scene::set(&slave, &[&slave, &master]);
    scene.sees_guest(Some(GuestState::Running)).await;
    assert_eq!(master.logins(), 1);

    // The same, but nobody said that the other is of the pool.
    let stranger = pool().await;
    slave.behave(Manner::Slave(stranger.address.clone()));
    let mut scene = Scene::set(&slave, &[&slave]);
    scene.sees_fault("could not ask XenAPI").await;
    assert_eq!(stranger.logins(), 0, "it was shown the password");

    // Each sends us to the other.
    slave.behave(Manner::Slave(slave.address.clone()));
    scene.sees_fault("no host of the pool is its master").await;
    slave.behave(Manner::Slave("elsewhere/jsonrpc?x=".to_owned()));
    scene.sees_fault("must begin with https://").await;
    slave.behave(Manner::Redirect(stranger.address.clone()));
    scene.sees_fault("status 302").await;
    assert_eq!(stranger.logins(), 0);
}

#[tokio::test]
async fn nobody_is_shown_the_password_whose_certificate_is_not_known() {
    let (server, other) = (pool().await, Server::start());
    let mut scene = Scene::set(&server, &[&other]);
    let seen = scene.sees_fault("could not ask XenAPI").await;
    assert!(seen.guests.is_empty());
    assert_eq!(server.logins(), 0);
    // It is known from now on: what changed in the files counts at the next try.
    std::fs::write(scene.folder.path().join("pool.pem"), &server.pem).unwrap();
    scene.sees_guest(Some(GuestState::Running)).await;
}

#[tokio::test]
async fn what_a_broken_server_says_harms_nobody_and_is_named() {
    let server = pool().await;
    let mut scene = Scene::set(&server, &[&server]);
    scene.sees_guest(Some(GuestState::Running)).await;
    for (manner, why) in [
        (Manner::Say("nonsense"), "is none"),
        (Manner::Say("{}"), "is none"),
        (Manner::Say(r#"{"result": 7}"#), "is none"),
        (
            Manner::Say(r#"{"result": {"events": [7], "token": "1"}}"#),
            "is none",
        ),
        (
            Manner::Say(r#"{"error": {"message": "ODD", "data": ["geheim"]}}"#),
            "ODD",
        ),
        (Manner::Status(500), "status 500"),
        (Manner::Drip, "could not ask XenAPI"),
        (Manner::Endless, "more than"),
        (Manner::HangUp, "could not ask XenAPI"),
    ] {
        server.behave(manner);
        server.forget_sessions();
        let seen = scene.sees_fault(why).await;
        let Daemon::Away { reason } = &seen.daemon else {
            panic!("{seen:?}");
        };
        assert!(
            !reason.contains(PASSWORD) && !reason.contains("geheim"),
            "{reason}"
        );
        // What it said before counts until it says something else.
        assert_eq!(seen.guests.len(), 1, "{why}");
    }
    server.behave(Manner::Well);
    scene.sees_guest(Some(GuestState::Running)).await;

    // One record that is not understood is not there; the others are.
    server.put("vm", "vm2", json!({"uuid": 7}));
    server.put("vm", "vm1", vm("Paused"));
    scene.sees_guest(Some(GuestState::Paused)).await;
}

#[tokio::test]
async fn a_refused_login_says_so_and_never_with_what() {
    let server = pool().await;
    let folder = TempDir::new().unwrap();
    let file = settings(&folder, &server, &[&server]);
    std::fs::write(folder.path().join("password"), "wrong").unwrap();
    let settings = Settings::load(&file).unwrap();
    let refused = timeout(PATIENCE, Client::login(&settings)).await.unwrap();
    let Err(error) = refused else {
        panic!("let in with another password");
    };
    let debug = format!("{error:?}");
    let shown = format!("{debug} {:#}", anyhow::Error::from(error));
    assert!(shown.contains("SESSION_AUTHENTICATION_FAILED"), "{shown}");
    assert!(!shown.contains("wrong"), "{shown}");
    assert_eq!(server.logins(), 0);
}
