//! What overlays need of the host itself: its endpoint on the bridge of the physical network, and
//! links that carry packets large enough.
//!
//! An address that an operator gave the bridge must outlive us, and one of ours must not. So the
//! bridge's row says which ones are ours, before they are set and until they are removed.

use std::collections::BTreeMap;

use ipnet::IpNet;
use model::PhysicalNetworkId;
use model::plan::PlanKey;
use model::report::ItemFailure;
use ovsdb::{Condition, Mutator, Operation, Value};

use crate::links::address;
use crate::observe::{Bridge, ENDPOINTS, Observed};
use crate::wanted::{Wanted, WantedPhysicalNetwork};

/// What was last made so, by the names of bridges.
#[derive(Debug, Default)]
pub(super) struct Underlay {
    done: BTreeMap<String, Option<WantedPhysicalNetwork>>,
}

/// What is left to do, or cannot be done.
#[derive(Debug, Default)]
pub(super) struct Remainder {
    pub(super) operations: Vec<Operation>,
    pub(super) failures: Vec<ItemFailure>,
    /// Whether to come back though nothing else calls for it.
    pub(super) unsettled: bool,
}

/// How far a bridge got.
enum Step {
    /// It is as it shall be.
    Settled,
    /// Its row has to change first.
    Recorded,
}

/// A bridge with what is wanted of it, if anything is.
type Case<'a> = (
    &'a str,
    &'a Bridge,
    Option<(PhysicalNetworkId, &'a WantedPhysicalNetwork)>,
);

impl Underlay {
    /// The links may no longer be what they were.
    pub(super) fn doubt(&mut self) {
        self.done.clear();
    }

    /// Makes every bridge's link have the endpoint that is wanted, and no other of ours.
    pub(super) async fn apply(&mut self, observed: &Observed, wanted: &Wanted) -> Remainder {
        let mut remainder = Remainder::default();
        for case in cases(observed, wanted) {
            let (name, bridge, network) = case;
            let target = network.map(|(_, network)| network.clone());
            let listed = target.as_ref().and_then(|it| it.endpoint);
            let recorded = bridge.endpoints.iter().copied().eq(listed);
            if recorded && self.done.get(name) == Some(&target) {
                continue;
            }
            match settle(case, &mut remainder).await {
                Ok(Step::Settled) => _ = self.done.insert(name.to_owned(), target),
                Ok(Step::Recorded) => _ = self.done.remove(name),
                Err(reason) => {
                    self.done.remove(name);
                    remainder.unsettled = true;
                    let key = network.map(|(id, _)| PlanKey::PhysicalNetwork(id));
                    let failure = key.map(|key| ItemFailure { key, reason });
                    remainder.failures.extend(failure);
                }
            }
        }
        remainder
    }
}

/// Bridges that have or are to have an endpoint.
fn cases<'a>(observed: &'a Observed, wanted: &'a Wanted) -> impl Iterator<Item = Case<'a>> {
    let networks = wanted.physical_networks.iter();
    let networks = networks.filter(|(_, network)| network.endpoint.is_some());
    let mut networks: BTreeMap<String, _> = networks
        .map(|(id, network)| (network.bridge(), (*id, network)))
        .collect();
    observed.bridges.iter().filter_map(move |(name, bridge)| {
        let network = networks.remove(name);
        let concerned = network.is_some() || !bridge.endpoints.is_empty();
        concerned.then_some((name.as_str(), bridge, network))
    })
}

async fn settle(
    (name, bridge, network): Case<'_>,
    remainder: &mut Remainder,
) -> Result<Step, String> {
    let endpoint = network.and_then(|(_, network)| network.endpoint);
    for stale in bridge.endpoints.iter().filter(|it| Some(**it) != endpoint) {
        let removed = address::remove(name, *stale).await;
        removed.map_err(|error| format!("could not take {stale} from {name}: {error}"))?;
    }
    if !bridge.endpoints.iter().copied().eq(endpoint) {
        remainder.operations.push(record(bridge, endpoint));
    }
    let (Some((_, network)), Some(endpoint)) = (network, endpoint) else {
        return Ok(Step::Settled);
    };
    if !bridge.endpoints.contains(&endpoint) {
        // The change of the row that was just asked for is what brings us back.
        return Ok(Step::Recorded);
    }
    let nics = network.uplink.nics().iter().map(ToString::to_string);
    // Where the NIC is on the bridge itself, Open vSwitch takes its MTU over.
    for link in nics.chain([name.to_owned()]) {
        let raised = address::ensure_mtu(&link, network.mtu).await;
        raised.map_err(|error| format!("{link} does not carry {} bytes: {error}", network.mtu))?;
    }
    let set = address::ensure(name, endpoint).await;
    set.map_err(|error| format!("could not give {name} the endpoint {endpoint}: {error}"))?;
    Ok(Step::Settled)
}

/// Writes down which addresses of the bridge's link are ours.
fn record(bridge: &Bridge, endpoint: Option<IpNet>) -> Operation {
    let row = Operation::mutate("Bridge").where_(Condition::equal("_uuid", bridge.row));
    let gone = row.mutation("external_ids", Mutator::Delete, Value::set([ENDPOINTS]));
    match endpoint {
        Some(endpoint) => {
            let entry = Value::map([(ENDPOINTS, endpoint.to_string())]);
            gone.mutation("external_ids", Mutator::Insert, entry).into()
        }
        None => gone.into(),
    }
}
