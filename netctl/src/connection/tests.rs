use super::*;

/// The target of these flags (server, lab) in this environment.
fn target(server: Option<&str>, lab: Option<&str>, environment: &[(&str, &str)]) -> Target {
    let connection = Connection {
        server: server.map(str::to_owned),
        lab: lab.map(PathBuf::from),
        ..Connection::default()
    };
    connection.target(|wanted| {
        let found = environment.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| OsString::from(value))
    })
}

fn assert_target(target: &Target, server: &str, token_file: Option<&str>) {
    assert_eq!(target.server, server);
    assert_eq!(target.token_file, token_file.map(PathBuf::from));
}

#[test]
fn without_a_word_it_is_this_machines_controller() {
    let token = Some("/var/lib/bulkhead/admin.token");
    assert_target(
        &target(None, None, &[]),
        "unix:/var/lib/bulkhead/api.sock",
        token,
    );
    let empty = &[("NETCTL_SERVER", ""), ("NETCTL_LAB", "")];
    assert_target(
        &target(None, None, empty),
        "unix:/var/lib/bulkhead/api.sock",
        token,
    );
}

#[test]
fn a_flag_counts_before_the_environment_and_a_server_before_a_lab() {
    let both = &[
        ("NETCTL_SERVER", "unix:/env/api.sock"),
        ("NETCTL_LAB", "/env-lab"),
    ];
    let lab = &[("NETCTL_LAB", "/env-lab")];
    for (server, of_lab, environment, directory) in [
        (
            Some("unix:/flag/api.sock"),
            Some("/lab"),
            both.as_slice(),
            "/flag",
        ),
        (None, Some("/lab"), both.as_slice(), "/lab/controller"),
        (None, None, both.as_slice(), "/env"),
        (None, None, lab.as_slice(), "/env-lab/controller"),
    ] {
        let found = target(server, of_lab, environment);
        let socket = format!("unix:{directory}/api.sock");
        assert_target(&found, &socket, Some(&format!("{directory}/admin.token")));
    }
}

#[test]
fn a_server_elsewhere_has_no_token_beside_it() {
    assert_target(&target(Some("https://h:1"), None, &[]), "https://h:1", None);
    let environment = &[("NETCTL_TOKEN_FILE", "/token"), ("NETCTL_CA", "/ca.pem")];
    let found = target(Some("https://h:1"), None, environment);
    assert_target(&found, "https://h:1", Some("/token"));
    assert_eq!(found.ca, Some("/ca.pem".into()));
}

#[test]
fn a_token_of_the_environment_is_not_shown_to_a_socket_named_by_a_flag() {
    let environment = &[("NETCTL_TOKEN_FILE", "/token")];
    let found = target(None, None, environment);
    assert_eq!(found.token_file, Some("/token".into()));
    let found = target(Some("unix:/a/api.sock"), None, environment);
    assert_eq!(found.token_file, Some("/a/admin.token".into()));
}

#[test]
fn what_is_missing_or_malformed_is_told_with_the_next_step() {
    let exit_of = |connection: Connection| connection.client().unwrap_err().exit;
    let at = |server: &str| Connection {
        server: Some(server.to_owned()),
        token_file: Some("/nonexistent".into()),
        ..Connection::default()
    };
    assert_eq!(exit_of(at("ftp://h")), Exit::Usage);
    assert_eq!(exit_of(at("https://h:1")), Exit::Usage);
    assert_eq!(exit_of(at("unix:/nonexistent/api.sock")), Exit::Unreachable);
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    std::fs::write(&socket, "").unwrap();
    assert_eq!(
        exit_of(at(&format!("unix:{}", socket.display()))),
        Exit::NoToken
    );
}
