//! Labs with programs: stand-ins that speak just enough of the command-line contract. They are
//! this test program itself, called through scripts of the right names.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use lab::{Error, Lab, Signal, Spec};
use tempfile::TempDir;

use crate::scratch::{Scratch, assert_nothing_left};

const LINE: &str = "LAB_TEST_COMMAND_LINE";
/// More than fits one packet, so that TCP through the switch must really work.
const GREETING_BYTES: usize = 60_000;

#[tokio::test]
async fn controller_and_agents_are_started_certified_and_connected() {
    let programs = programs("");
    let lab = Scratch::up(spec(&programs, 2)).await;
    let status = lab.status().unwrap();
    assert!(status.is_whole(), "{status:?}");
    assert_eq!(status.processes.len(), 9);
    let controller = lab.controller().unwrap();
    for name in ["h1", "h2"] {
        let greeted = controller.directory().join(format!("greeted-by-{name}"));
        while !greeted.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let removed = lab.down().await.unwrap();
    assert_eq!(removed.processes.len(), 9);
    assert_nothing_left(lab.prefix().as_str(), lab.directory());
}

#[tokio::test]
async fn controller_and_agent_are_killed_stopped_and_started_again() {
    let programs = programs("");
    let lab = Scratch::up(spec(&programs, 1)).await;
    let controller = lab.controller().unwrap();
    let host = lab.host(1).unwrap();
    for process in [controller.process(), host.agent().unwrap()] {
        process.kill(Signal::SIGKILL).await.unwrap();
        assert_eq!(process.pid().unwrap(), None, "{}", process.name());
        process.start().await.unwrap();
        process.kill(Signal::SIGSTOP).await.unwrap();
        process.kill(Signal::SIGCONT).await.unwrap();
        process.stop().await.unwrap();
        process.stop().await.unwrap();
        process.start().await.unwrap();
    }
    assert!(lab.status().unwrap().is_whole());
}

#[tokio::test]
async fn a_host_added_later_has_a_certified_agent() {
    let programs = programs("");
    let lab = Scratch::up(spec(&programs, 1)).await;
    let host = lab.add_host().await.unwrap();
    assert!(host.certificate_directory().join("host.key").exists());
    assert!(lab.status().unwrap().is_whole());
}

#[tokio::test]
async fn a_controller_that_gives_up_is_reported_with_its_last_words_and_nothing_is_left() {
    let programs = programs("echo the disk is full; exit 1");
    let directory = tempfile::tempdir().unwrap();
    let prefix = format!("z{}", std::process::id() % 1_000_000);
    let spec = Spec {
        directory: directory.path().to_path_buf(),
        prefix: Some(prefix.parse().unwrap()),
        ..spec(&programs, 1)
    };
    let message = Lab::up(spec).await.unwrap_err().to_string();
    assert!(message.contains("controller"), "{message}");
    assert!(message.contains("the disk is full"), "{message}");
    assert_nothing_left(&prefix, directory.path());
}

#[tokio::test]
async fn absent_programs_are_named_before_anything_is_built() {
    let nothing = tempfile::tempdir().unwrap();
    let directory = nothing.path().join("lab");
    let spec = Spec {
        directory: directory.clone(),
        ..spec(&nothing, 1)
    };
    let refused = Lab::up(spec).await.unwrap_err();
    assert!(matches!(refused, Error::Missing(_)));
    let message = refused.to_string();
    assert!(message.contains("bulkhead-controller"), "{message}");
    assert!(message.contains("bulkhead-agent"), "{message}");
    assert!(!directory.exists());
}

fn spec(programs: &TempDir, hosts: usize) -> Spec {
    Spec {
        hosts,
        programs: Some(programs.path().to_path_buf()),
        ..Spec::default()
    }
}

/// A folder with both programs, which run `first` (a line of shell) before all else.
fn programs(first: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let this = std::env::current_exe().unwrap();
    for name in ["controller", "agent"] {
        let path = folder.path().join(format!("bulkhead-{name}"));
        let script = format!(
            "#!/bin/sh\n{first}\nexport {LINE}=\"$*\"\n\
             exec {} --exact programs::{name} --ignored --nocapture\n",
            this.display()
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
#[ignore = "stands in for bulkhead-controller; run by other tests"]
fn controller() {
    let line = std::env::var(LINE).expect("run by another test");
    let data = option(&line, "--data-dir");
    if line.starts_with("host-certificate ") {
        let out = Path::new(option(&line, "--out"));
        fs::write(out.join("ca.pem"), "ca").unwrap();
        fs::write(out.join("host.pem"), option(&line, "--name")).unwrap();
        fs::write(out.join("host.key"), "key").unwrap();
        return;
    }
    assert!(line.starts_with("serve "), "{line}");
    assert_eq!(option(&line, "--advertise"), "10.255.0.1");
    let agents = TcpListener::bind(option(&line, "--agent-listen")).unwrap();
    let socket = Path::new(data).join("api.sock");
    let _stale = fs::remove_file(&socket);
    let api = UnixListener::bind(socket).unwrap();
    thread::spawn(move || api.incoming().for_each(|stream| answer(stream.unwrap())));
    for stream in agents.incoming() {
        // An agent that was killed half way through has greeted nobody.
        let Some(name) = greeted_by(stream.unwrap()) else {
            continue;
        };
        fs::write(Path::new(data).join(format!("greeted-by-{name}")), "").unwrap();
    }
}

#[test]
#[ignore = "stands in for bulkhead-agent; run by other tests"]
fn agent() {
    let line = std::env::var(LINE).expect("run by another test");
    for directory in ["--state-dir", "--ovs-rundir"] {
        assert!(Path::new(option(&line, directory)).is_dir());
    }
    assert!(option(&line, "--ovsdb").starts_with("unix:/"));
    assert!(option(&line, "--namespace-prefix").contains("-i-h"));
    let certificate = Path::new(option(&line, "--certificate-dir")).join("host.pem");
    let name = fs::read_to_string(certificate).unwrap();
    while greet(option(&line, "--controller"), &name).is_err() {
        thread::sleep(Duration::from_millis(10));
    }
    loop {
        thread::park();
    }
}

fn answer(mut stream: impl Read + Write) {
    let mut request = String::new();
    BufReader::new(&mut stream).read_line(&mut request).unwrap();
    assert_eq!(request, "GET /v1/health HTTP/1.1\r\n");
    let response = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(response).unwrap();
}

fn greet(controller: &str, name: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(controller)?;
    stream.write_all(format!("{name:>GREETING_BYTES$}\n").as_bytes())
}

fn greeted_by(mut stream: TcpStream) -> Option<String> {
    let mut greeting = String::new();
    stream.read_to_string(&mut greeting).ok()?;
    let whole = greeting.len() == GREETING_BYTES + 1;
    whole.then(|| greeting.trim().to_owned())
}

fn option<'a>(line: &'a str, name: &str) -> &'a str {
    let mut words = line.split(' ').skip_while(|word| *word != name);
    words
        .nth(1)
        .unwrap_or_else(|| panic!("{name} is not in {line}"))
}
