//! A switch that says yes to everything and remembers the flows it was sent.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::{self, JoinHandle};

const HELLO: u8 = 0;
const ECHO_REQUEST: u8 = 2;
const FLOW_MOD: u8 = 14;
const BARRIER_REQUEST: u8 = 20;

/// Serves one connection at this path; then gives the flow mods that came over it.
pub(crate) fn serve(path: &Path, version: u8) -> JoinHandle<Vec<Vec<u8>>> {
    let listener = UnixListener::bind(path).expect("the socket's folder is writable");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("ovs-ofctl connects");
        collect(stream, version)
    })
}

fn collect(mut stream: UnixStream, version: u8) -> Vec<Vec<u8>> {
    let mut flow_mods = Vec::new();
    stream
        .write_all(&[version, HELLO, 0, 8, 0, 0, 0, 1])
        .expect("hello is sent");
    while let Some(message) = next_message(&mut stream) {
        match message[1] {
            FLOW_MOD => flow_mods.push(message),
            // An answer is the request's number plus one and its xid.
            kind @ (ECHO_REQUEST | BARRIER_REQUEST) => {
                let mut answer = [version, kind + 1, 0, 8, 0, 0, 0, 0];
                answer[4..].copy_from_slice(&message[4..8]);
                // It may be gone already: it has said all it had to say.
                let _ = stream.write_all(&answer);
            }
            _ => {}
        }
    }
    flow_mods
}

fn next_message(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut message = vec![0; 8];
    stream.read_exact(&mut message).ok()?;
    let length = u16::from_be_bytes([message[2], message[3]]);
    message.resize(length.into(), 0);
    stream.read_exact(&mut message[8..]).ok()?;
    Some(message)
}
