//! What does not pass at all, because a cap was reached.
//!
//! It is dropped where limits are, before any meter is asked: so no meter counts as its own what a
//! suspension dropped, and the flows that count stay as they are, with all that they counted.

use model::Classes;
use openflow::{Flow, Match};

use super::{NetworkView, Table, class};

/// Before every limit.
const SUSPENDED: u16 = 2_000;

/// Drops what is of these classes.
pub(super) fn flows(
    table: &Table,
    network: &NetworkView,
    (matching, suspended): (Match, Classes),
) -> Vec<Flow> {
    if suspended.is_empty() {
        return Vec::new();
    }
    let classes = class::of(network, matching).into_iter();
    let classes = classes.filter(|(_, class)| suspended.contains(*class));
    let dropped = classes.map(|(matching, _)| table.flow(SUSPENDED, matching));
    dropped.collect()
}
