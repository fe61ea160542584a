//! What the switch daemon says of a packet (`ovs-appctl ofproto/trace`).

use std::path::Path;

use model::TracedState;

use super::entry::Entry;
use crate::observe::INTEGRATION_BRIDGE;
use crate::switch::control;

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
    let asked = control::ask(run_directory, "ofproto/trace", &parameters).await;
    asked.map_err(|error| error.to_string())
}
