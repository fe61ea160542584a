//! `ovs-ofctl` as an oracle: it needs no switch to encode text and to print bytes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use openflow::Version;

use crate::fake_switch;

/// The flow mods that `ovs-ofctl add-flows` makes of these lines.
pub(crate) fn encode(lines: &str, version: Version) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("flows");
    fs::write(&file, lines).expect("the flows are written");
    let socket = folder.path().join("switch");
    let switch = fake_switch::serve(&socket, version.wire());
    let protocol = format!("OpenFlow1{}", version.wire() - 1);
    let address = format!("unix:{}", socket.display());
    let output = Command::new("ovs-ofctl")
        .args(["--no-names", "-O", &protocol, "add-flows", &address])
        .arg(&file)
        .output()
        .expect("ovs-ofctl is installed");
    check(&output, lines);
    switch.join().expect("the fake switch ends")
}

/// What `ovs-ofctl ofp-parse` prints of these messages.
pub(crate) fn print(messages: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("messages");
    fs::write(&file, messages).expect("the messages are written");
    print_file(&file)
}

fn print_file(file: &Path) -> String {
    let output = Command::new("ovs-ofctl")
        .args(["--no-names", "ofp-parse"])
        .arg(file)
        .output()
        .expect("ovs-ofctl is installed");
    check(&output, "");
    String::from_utf8(output.stdout).expect("text")
}

/// Says which line was refused, if one was.
fn check(output: &Output, lines: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    let number = errors
        .split_once("flows:")
        .and_then(|(_, rest)| rest.split(':').next());
    let number = number.and_then(|number| number.parse::<usize>().ok());
    let line = number.and_then(|number| lines.lines().nth(number - 1));
    assert!(
        output.status.success(),
        "ovs-ofctl refused: {errors}{}",
        line.unwrap_or_default()
    );
}
