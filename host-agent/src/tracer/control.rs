//! What the switch daemon says of a packet (`ovs-appctl ofproto/trace`).

use std::path::Path;

use super::confirm::{self, Pass};
use super::entry::Entry;
use crate::observe::INTEGRATION_BRIDGE;
use crate::switch::control;

/// What the switch says becomes of the packet in each of its goes through the tables, as its own text.
pub(super) async fn trace(
    run_directory: &Path,
    entry: &Entry,
    passes: &[Pass],
) -> Result<Vec<String>, String> {
    let mut texts = Vec::new();
    for pass in passes.iter().take(confirm::asked(passes)) {
        let bridge = INTEGRATION_BRIDGE.to_owned();
        let (command, parameters) = match pass.question() {
            None => {
                let frame = hex(&entry.packet.frame);
                ("ofproto/trace", vec![bridge, entry.flow.clone(), frame])
            }
            Some(question) => {
                let frame = hex(question.frame);
                let parameters = vec![bridge, question.flow, frame, question.actions];
                ("ofproto/trace-packet-out", parameters)
            }
        };
        let asked = control::ask(run_directory, command, &parameters).await;
        texts.push(asked.map_err(|error| error.to_string())?);
    }
    Ok(texts)
}

fn hex(frame: &[u8]) -> String {
    frame.iter().map(|it| format!("{it:02x}")).collect()
}
