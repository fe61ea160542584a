//! The switch daemon's control socket, and what it says of a packet (`ovs-appctl ofproto/trace`).
//!
//! One request and one reply of JSON-RPC. What comes back is bounded, and only read.

use std::io;
use std::path::Path;
use std::time::Duration;

use model::TracedState;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::entry::Entry;
use crate::observe::INTEGRATION_BRIDGE;

/// How much of a reply is read, in bytes: a trace of thousands of looks is far shorter.
const REPLY_BYTES_MAX: usize = 4 << 20;
/// How long the daemon may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often a packet may be looked up again after conntrack; the daemon does not do it more often.
const RECIRCULATIONS: usize = 6;

/// What the switch says becomes of the packet, as its own text.
pub(super) async fn trace(
    run_directory: &Path,
    entry: &Entry,
    state: TracedState,
) -> Result<String, String> {
    let hex: String = entry
        .packet
        .frame
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let known = match state {
        TracedState::New => "trk,new",
        TracedState::Established => "trk,est,rpl",
    };
    let mut parameters = vec![INTEGRATION_BRIDGE.to_owned(), entry.flow.clone()];
    for _ in 0..RECIRCULATIONS {
        parameters.extend(["--ct-next".to_owned(), known.to_owned()]);
    }
    parameters.push(hex);
    let asking = ask(run_directory, "ofproto/trace", &parameters);
    let answered = timeout(PATIENCE, asking).await;
    let reply = answered.map_err(|_| "the switch daemon does not answer".to_owned())?;
    let reply = reply.map_err(|error| format!("the switch daemon cannot be asked: {error}"))?;
    match (&reply["result"], &reply["error"]) {
        (Value::String(text), Value::Null) => Ok(text.clone()),
        (_, error) => Err(format!("the switch daemon says: {error:.200}")),
    }
}

async fn ask(run_directory: &Path, method: &str, parameters: &[String]) -> io::Result<Value> {
    let mut stream = connect(run_directory).await?;
    let request = json!({ "id": 0, "method": method, "params": parameters });
    stream.write_all(request.to_string().as_bytes()).await?;
    let mut reply = Vec::new();
    loop {
        let mut part = [0; 1 << 14];
        let count = stream.read(&mut part).await?;
        reply.extend_from_slice(part.get(..count).unwrap_or_default());
        // A reply is an object, so it is whole at a closing brace or not at all.
        let may_be_whole = reply.trim_ascii_end().last() == Some(&b'}');
        if may_be_whole && let Ok(value) = serde_json::from_slice(&reply) {
            return Ok(value);
        }
        if count == 0 || reply.len() > REPLY_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

/// The socket has the daemon's number in its name, unless the daemon was told a name without.
async fn connect(run_directory: &Path) -> io::Result<UnixStream> {
    let pid = tokio::fs::read_to_string(run_directory.join("ovs-vswitchd.pid")).await;
    let numbered = pid.map(|pid| format!("ovs-vswitchd.{}.ctl", pid.trim()));
    let name = numbered.unwrap_or_else(|_| "ovs-vswitchd.ctl".to_owned());
    UnixStream::connect(run_directory.join(name)).await
}
