//! The flows of the integration bridge: a mirror of what is installed, kept by what we write and by
//! what the switch says others did, and the one way to change them.

pub mod control;
mod meters;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{RuleId, Traffic};
use openflow::Flow;
use openflow::client::{Client, Error, Event, Events, Options};
use openflow::message::{
    AsyncConfig, FlowFilter, FlowUpdate, InstalledFlow, PortChange, PortStatus,
};
use rustc_hash::FxHashMap;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::debug;

use crate::binding::SwitchPorts;
use crate::diff::{Changes, diff};
use crate::observe::INTEGRATION_BRIDGE;
use crate::pipeline::cookie::{Group, MARK, MARK_MASK, is_ours};
use crate::pipeline::limits::Meter;
use crate::pipeline::logged;
use meters::Meters;

/// The pause between attempts to reach a switch that is not there: every one of them is time
/// without a flow.
const RETRY: Duration = Duration::from_millis(50);

/// What the switch shall tell us of: every change of its ports, and nothing else.
const TOLD: AsyncConfig = AsyncConfig {
    packet_in: 0,
    port_status: 0b111,
    flow_removed: 0,
};

/// A connection to the integration bridge, and all we know of it.
pub struct Switch {
    client: Client,
    events: Events,
    ports: SwitchPorts,
    /// Our flows by network, sorted by their keys.
    installed: FxHashMap<Group, Vec<Flow>>,
    /// Whether somebody else changed flows since we last looked.
    tampered: bool,
    /// What logged rules let through when we last looked.
    rule_hits: BTreeMap<RuleId, Traffic>,
    meters: Meters,
    /// Whether something happened that nobody was woken for yet.
    unheard: bool,
}

/// What another look at the switch's flows found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// How many flows were not as we left them.
    pub flows: usize,
    /// The groups they belong to.
    pub groups: BTreeSet<Group>,
}

/// What came of changing flows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// How many flows changed.
    pub changed: usize,
    /// The groups whose flows the switch refused, and why.
    pub refused: BTreeMap<Group, String>,
}

/// A switch that is being dialled until it answers.
pub struct Dialling(JoinHandle<Switch>);

impl Dialling {
    /// Begins to dial the integration bridge of the ovs-vswitchd with this run directory.
    #[must_use]
    pub fn start(run_directory: &Path) -> Self {
        let socket = run_directory.join(format!("{INTEGRATION_BRIDGE}.mgmt"));
        Self(tokio::spawn(dial(socket)))
    }

    /// Waits until it answers. Loses nothing when the wait is given up.
    pub async fn answered(&mut self) -> Switch {
        match (&mut self.0).await {
            Ok(switch) => switch,
            // Only a panic ends dialling early, or the end of the runtime.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn dial(socket: PathBuf) -> Switch {
    loop {
        match Switch::connect(&socket).await {
            Ok(switch) => return switch,
            Err(error) => debug!("{:#}", anyhow::Error::from(error)),
        }
        sleep(RETRY).await;
    }
}

impl Switch {
    /// Connects, and looks at ports and flows.
    async fn connect(socket: &Path) -> Result<Self, Error> {
        let options = Options {
            connect_timeout: Duration::from_secs(2),
            ..Options::default()
        };
        let client = Client::connect(socket, options).await?;
        // Listen first, look then: what happens in between is heard.
        let events = client.events();
        client.subscribe(TOLD).await?;
        client.watch_flows().await?;
        let mut switch = Self {
            ports: SwitchPorts::default(),
            client,
            events,
            installed: FxHashMap::default(),
            tampered: false,
            rule_hits: BTreeMap::new(),
            meters: Meters::default(),
            unheard: false,
        };
        switch.look().await?;
        Ok(switch)
    }

    /// Its ports: names by number.
    #[must_use]
    pub const fn ports(&self) -> &SwitchPorts {
        &self.ports
    }

    /// Our flows of one group, sorted by their keys.
    #[must_use]
    pub fn installed(&self, group: Group) -> &[Flow] {
        self.installed.get(&group).map_or(&[], Vec::as_slice)
    }

    /// The groups that have flows installed.
    pub fn groups(&self) -> impl Iterator<Item = Group> {
        self.installed.keys().copied()
    }

    /// Makes it forget the connections of these zones.
    ///
    /// # Errors
    /// When the switch does not answer.
    pub async fn flush(&self, zones: Vec<u16>) -> Result<(), Error> {
        match zones.is_empty() {
            true => Ok(()),
            false => self.client.flush_connections(zones).await,
        }
    }

    /// Waits until something happened that may need us. Loses nothing when the wait is given up.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn changed(&mut self) -> Result<(), Lost> {
        while !std::mem::take(&mut self.unheard) {
            let event = self.events.next().await.ok_or(Lost)?;
            self.note(event);
        }
        Ok(())
    }

    /// Looks at all of our flows again if somebody else changed some.
    ///
    /// # Errors
    /// When the switch does not answer.
    pub async fn look_if_tampered(&mut self) -> Result<Drift, Error> {
        match self.tampered {
            true => self.look_again().await,
            false => Ok(Drift::default()),
        }
    }

    /// What logged rules let through when we last looked.
    #[must_use]
    pub const fn rule_hits(&self) -> &BTreeMap<RuleId, Traffic> {
        &self.rule_hits
    }

    /// Looks at ports and all of our flows again, and says what is not as we left it.
    ///
    /// # Errors
    /// When the switch does not answer.
    pub async fn look_again(&mut self) -> Result<Drift, Error> {
        let before = std::mem::take(&mut self.installed);
        self.look().await?;
        let groups: BTreeSet<Group> = before
            .keys()
            .chain(self.installed.keys())
            .copied()
            .collect();
        let mut drift = Drift::default();
        for group in groups {
            let mut changes = Changes::default();
            let left = before.get(&group).map_or(&[][..], Vec::as_slice);
            diff(left, self.installed(group), &mut changes);
            if !changes.is_empty() {
                drift.flows += changes.len();
                drift.groups.insert(group);
            }
        }
        Ok(drift)
    }

    async fn look(&mut self) -> Result<(), Error> {
        self.tampered = false;
        // An event that was missed may have told of a port. Those that wait are heard after this.
        let ports = self.client.ports().await?;
        self.ports = ports.into_iter().map(|it| (it.number, it.name)).collect();
        // Others may have said otherwise meanwhile; the guards then drop every first fragment.
        self.client.look_into_first_fragments().await?;
        let found = self
            .client
            .flows(FlowFilter::cookie(MARK, MARK_MASK))
            .await?;
        self.meters.found(self.client.meters().await?);
        self.installed.clear();
        self.rule_hits.clear();
        for InstalledFlow {
            flow,
            packets,
            bytes,
            ..
        } in found
        {
            if let Some(rule) = logged::rule(&flow) {
                let hits = self.rule_hits.entry(rule).or_default();
                hits.packets = hits.packets.saturating_add(packets);
                hits.bytes = hits.bytes.saturating_add(bytes);
            }
            if let Some(group) = Group::from_cookie(flow.cookie) {
                self.installed.entry(group).or_default().push(flow);
            }
        }
        for flows in self.installed.values_mut() {
            flows.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
        }
        Ok(())
    }

    /// Makes the flows of these groups be the given ones, all at one instant. Should the switch
    /// refuse any of them, each group has an instant of its own instead, and of one that is refused
    /// only those flows stay that are wanted as they are: what is wrong goes, nothing new comes.
    /// `meters` are the limits that they use.
    ///
    /// # Errors
    /// When the switch refuses what belongs to no network, or does not answer; in the latter case
    /// what is installed is unknown.
    pub async fn apply(
        &mut self,
        wanted: Vec<(Group, Vec<Flow>)>,
        meters: Vec<Meter>,
    ) -> Result<Applied, Error> {
        self.meters.want(meters);
        self.meters.share(self.ports.len());
        match self.commit(&wanted).await {
            Ok(changed) => {
                self.remember(wanted);
                Ok(Applied {
                    changed,
                    refused: BTreeMap::new(),
                })
            }
            Err(Error::Bundle { .. }) => {
                // A flow is refused, too, when its meter is gone.
                self.meters.found(self.client.meters().await?);
                self.apply_one_by_one(wanted).await
            }
            Err(error) => Err(error),
        }
    }

    async fn apply_one_by_one(
        &mut self,
        wanted: Vec<(Group, Vec<Flow>)>,
    ) -> Result<Applied, Error> {
        // First what belongs to no network, and everything that goes: a flow may go from one
        // network and come in another.
        let first = wanted.iter().map(|(group, flows)| match *group {
            Group::INFRASTRUCTURE => (*group, flows.clone()),
            _ => (*group, self.right(*group, flows.clone())),
        });
        let first: Vec<_> = first.collect();
        let mut applied = Applied {
            changed: self.commit(&first).await?,
            refused: BTreeMap::new(),
        };
        self.remember(first);
        for (group, flows) in wanted {
            let one = vec![(group, flows)];
            match self.commit(&one).await {
                Ok(changed) => {
                    applied.changed += changed;
                    self.remember(one);
                }
                Err(Error::Bundle { error, .. }) => {
                    let reason = format!("the switch refused its flows: {error}");
                    applied.refused.insert(group, reason);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(applied)
    }

    /// Those of a group's flows that are installed just as they are wanted.
    #[must_use]
    pub fn right(&self, group: Group, mut wanted: Vec<Flow>) -> Vec<Flow> {
        let installed = self.installed(group);
        wanted.retain(|flow| {
            let found = installed.binary_search_by(|it| it.key().cmp(&flow.key()));
            found.is_ok_and(|index| installed[index] == *flow)
        });
        wanted
    }

    fn remember(&mut self, installed: Vec<(Group, Vec<Flow>)>) {
        for (group, flows) in installed {
            match flows.is_empty() {
                true => self.installed.remove(&group),
                false => self.installed.insert(group, flows),
            };
        }
    }

    /// Makes the flows of these groups be the given ones, all at one instant or none, and gives
    /// back how many flows changed. Takes events meanwhile: the switch tells of each of our own
    /// changes, too.
    async fn commit(&mut self, wanted: &[(Group, Vec<Flow>)]) -> Result<usize, Error> {
        let mut changes = Changes::default();
        for (group, flows) in wanted {
            diff(self.installed(*group), flows, &mut changes);
        }
        let flows = wanted.iter().flat_map(|(_, flows)| flows);
        self.meters.make(&self.client, flows).await?;
        let changed = changes.len();
        if changed == 0 {
            return Ok(0);
        }
        let client = self.client.clone();
        let mut committing = std::pin::pin!(client.commit(changes.into_messages()));
        loop {
            tokio::select! {
                outcome = &mut committing => return outcome.map(|()| changed),
                Some(event) = self.events.next() => self.note(event),
            }
        }
    }

    /// Remembers what an event says, and whether it may need us.
    fn note(&mut self, event: Event) {
        match event {
            Event::PortStatus(status) => self.note_port(status),
            Event::FlowsChanged(
                FlowUpdate::Added(flow)
                | FlowUpdate::Modified(flow)
                | FlowUpdate::Removed(flow, _)
                | FlowUpdate::Initial(flow),
            ) => self.note_flow(&flow),
            Event::FlowsChanged(FlowUpdate::Paused | FlowUpdate::Resumed)
            | Event::MonitorOverflow => self.doubt(),
            Event::FlowsChanged(FlowUpdate::Own { .. })
            | Event::FlowRemoved(_)
            | Event::PacketIn(_) => {}
        }
    }

    fn note_port(&mut self, status: PortStatus) {
        let PortStatus { change, port } = status;
        let number = port.number;
        let before = match change {
            PortChange::Deleted => self.ports.remove(&number),
            _ => self.ports.insert(number, port.name),
        };
        self.unheard |= before.as_ref() != self.ports.get(&number);
    }

    /// An operator's own flow is none of our business, unless it stands where one of ours was.
    fn note_flow(&mut self, flow: &Flow) {
        let replaced = || {
            let mut groups = self.installed.values();
            groups.any(|flows| {
                flows
                    .binary_search_by(|it| it.key().cmp(&flow.key()))
                    .is_ok()
            })
        };
        if is_ours(flow.cookie) || replaced() {
            self.doubt();
        }
    }

    fn doubt(&mut self) {
        self.tampered = true;
        self.unheard = true;
    }
}

/// The connection to the switch is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection to the switch is gone")]
pub struct Lost;
