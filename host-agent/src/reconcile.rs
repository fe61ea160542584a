//! The task that makes the switch be what the plan says, and owns all that this takes.
//!
//! ```text
//!   wake-ups: new plan, OVSDB changed, the switch's flows or ports changed, an instance, a timer
//!       |
//!       v   one pass, always from the whole current state
//!   observe -> topology -> one OVSDB transaction (bridges, patches, sampling)
//!           -> binding  -> views -> compile -> diff -> one OpenFlow bundle, barrier
//!           -> marks    -> one OVSDB transaction (`bulkhead-active`), only when one changes
//!           -> status   -> the session
//! ```
//!
//! A wake-up carries no instruction, so a lost one, a restart and a hand-edited switch all take the
//! same road. A pass costs what changed: networks and security groups that look as before are
//! neither compiled nor compared.

mod connections;
mod flows;
mod gateways;
mod report;
mod underlay;
mod uplinks;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::plan::HostPlan;
use model::{Nic, PortId, RouterId};
use ovsdb::{Client, Monitor, Operation};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, error, info, warn};

use crate::announcer::{self, Stations};
use crate::binding::{self, Binding, Incumbents, SwitchPorts, Translators, Trust, ZonesInUse};
use crate::connection_limits::ConnectionLimits;
use crate::gateways::{Outlets, Tenures, asking};
use crate::guests::Watched;
use crate::instances::Found;
use crate::links::hardware::{self, Hardware};
use crate::links::{self, kernel};
use crate::nics;
use crate::observe::{DATABASE, Observed};
use crate::pipeline;
use crate::pipeline::cookie::Group;
use crate::presence;
use crate::responder::{Heard, Known};
use crate::shield::Cover;
use crate::status::{Remarks, Status};
use crate::switch::{Dialling, Drift, Lost, Switch};
use crate::topology::{self, Surroundings, Topology};
use crate::wanted::Wanted;
use crate::zones::Zones;
use flows::{Carried, Sight};
use underlay::Underlay;
pub use uplinks::Ground;
use uplinks::{Stage, Uplinks};

/// How often everything is looked at again when nothing calls for it.
const RESYNC: Duration = Duration::from_secs(30);

/// How soon a pass is made again after one in which something failed.
const RETRY: Duration = Duration::from_secs(1);

/// How long the first pass waits for a switch that should be there.
const SWITCH_PATIENCE: Duration = Duration::from_secs(1);

/// What the task needs to know of its host.
#[derive(Clone)]
pub struct Settings {
    /// The controller, the way to which is the management interface, and what its trials need.
    pub ground: Ground,
    /// The run directory of ovs-vswitchd, with the bridges' sockets.
    pub run_directory: PathBuf,
    /// Where the agent keeps what it must know after a restart.
    pub state_directory: PathBuf,
    /// The datapath type of bridges that are made here.
    pub datapath_type: String,
}

/// Where wake-ups come from, and where the outcome goes.
pub struct Channels {
    /// The newest plan.
    pub plan: watch::Receiver<Option<Arc<HostPlan>>>,
    /// What runs here.
    pub instances: watch::Receiver<Found>,
    /// What others run here.
    pub guests: watch::Receiver<Watched>,
    /// What is kept from the host's own stack.
    pub cover: watch::Receiver<Cover>,
    /// What came of the last pass.
    pub status: watch::Sender<Option<Arc<Status>>>,
    /// What else an operator should know.
    pub remarks: Remarks,
    /// Who is plugged, for the task that answers them.
    pub known: watch::Sender<Arc<Known>>,
    /// Who is active, for the task that tells the fabric.
    pub stations: watch::Sender<Arc<Stations>>,
    /// Which waiting ports were heard.
    pub heard: watch::Receiver<Heard>,
    /// The task that asks for addresses that this host would take.
    pub gateways: asking::Line,
}

/// The task's state.
pub struct Reconciler {
    settings: Settings,
    channels: Channels,
    ovsdb: Client,
    monitor: Monitor,
    link: Link,
    surroundings: Surroundings,
    /// The plan, checked; none before the first one.
    wanted: Option<Arc<Wanted>>,
    carried: Carried,
    /// The zones of ports, and of routers that translate addresses.
    zones: Zones<PortId>,
    router_zones: Zones<RouterId>,
    /// The addresses that this host has as a gateway host, and what came of it.
    tenures: Tenures,
    outlets: Outlets,
    connections: ConnectionLimits,
    /// Why connections are not limited, where that is so.
    unlimited: Option<String>,
    underlay: Underlay,
    uplinks: Uplinks,
    nics: Vec<Nic>,
    hardware: BTreeMap<String, Hardware>,
    /// Who carried each port when flows were last confirmed; not known before the first time.
    incumbents: Option<Incumbents>,
    status: Status,
    /// When everything is looked at again.
    resync_at: Instant,
}

/// The integration bridge's OpenFlow connection.
enum Link {
    Up(Box<Switch>),
    Down(Dialling),
}

/// Whether all of a pass could be done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    Again,
}

impl Reconciler {
    /// A task that has not made its first pass yet.
    ///
    /// # Errors
    /// When the agent's state folder cannot be used.
    pub fn new(
        settings: Settings,
        channels: Channels,
        ovsdb: Client,
        monitor: Monitor,
    ) -> io::Result<Self> {
        Ok(Self {
            link: Link::Down(Dialling::start(&settings.run_directory)),
            router_zones: Zones::load_routers(&settings.state_directory),
            surroundings: Surroundings {
                datapath_type: settings.datapath_type.clone(),
                ..Surroundings::default()
            },
            uplinks: Uplinks::open(settings.ground.clone())?,
            nics: Vec::new(),
            hardware: BTreeMap::new(),
            zones: Zones::load(&settings.state_directory),
            tenures: Tenures::default(),
            outlets: Outlets::default(),
            connections: ConnectionLimits::default(),
            unlimited: None,
            settings,
            channels,
            ovsdb,
            monitor,
            wanted: None,
            carried: Carried::default(),
            underlay: Underlay::default(),
            incumbents: None,
            status: Status::default(),
            resync_at: Instant::now(),
        })
    }

    /// Reconciles for ever; ends when the database client does.
    pub async fn run(mut self) {
        self.await_switch().await;
        loop {
            self.take_plan();
            if self.resync_at <= Instant::now() {
                self.look_around().await;
                self.resync_at = Instant::now() + RESYNC;
            }
            let again_at = match self.pass().await {
                Outcome::Done if self.uplinks.is_busy() => Some(Instant::now() + RETRY),
                Outcome::Done => self.carried.again_at(),
                Outcome::Again => Some(Instant::now() + RETRY),
            };
            let wake_at = again_at.map_or(self.resync_at, |it| it.min(self.resync_at));
            if self.wait(wake_at).await.is_err() {
                return;
            }
        }
    }

    /// Gives a switch that is there the time to say so, lest the first report after a restart calls
    /// every port unconfirmed.
    async fn await_switch(&mut self) {
        let observed = Observed::new(&self.monitor.snapshot());
        if observed.integration().is_none() {
            return;
        }
        if let Ok(event) = timeout(SWITCH_PATIENCE, self.link.event()).await {
            self.take_event(event);
        }
    }

    /// What no wake-up tells of: routes, links, and flows should the switch have lost a notice.
    async fn look_around(&mut self) {
        self.look_at_links().await;
        self.underlay.doubt();
        self.uplinks.doubt();
        self.connections.doubt();
        if let Link::Up(switch) = &mut self.link {
            let drift = switch.look_again().await;
            self.drifted(drift);
        }
        let Some(wanted) = self.wanted.clone() else {
            return;
        };
        for network in wanted.physical_networks.values() {
            for nic in network.uplink.nics() {
                if let Err(error) = links::switch_on(nic.as_str()).await {
                    debug!("could not switch {nic} on: {error}");
                }
            }
        }
    }

    /// Which link leads to the controller, and what others there are.
    async fn look_at_links(&mut self) {
        match links::interface_towards(self.settings.ground.controller.address()) {
            Ok(name) => self.surroundings.management_interface = Some(name),
            Err(error) => debug!("cannot tell the management interface: {error}"),
        }
        self.read_kernel().await;
        if let Some(kernel) = &self.surroundings.kernel {
            self.hardware = hardware::of(kernel).await;
        }
    }

    async fn read_kernel(&mut self) {
        match kernel::read().await {
            Ok(kernel) => self.surroundings.kernel = Some(kernel),
            Err(error) => warn!("could not read the kernel's links: {error}"),
        }
    }

    async fn pass(&mut self) -> Outcome {
        let observed = Observed::new(&self.monitor.snapshot());
        let Some(wanted) = self.wanted.clone() else {
            return self.pass_without_plan(&observed).await;
        };
        let stage = self
            .uplinks
            .stage(&wanted, &observed, &self.surroundings)
            .await;
        let (mut topology, rows) = self.lay_uplinks(&observed, &stage).await;
        let wanted = &stage.wanted;
        let underlay = self.lay_under(&observed, wanted, &mut topology).await;
        let (binding, flows) = self.program(&observed, wanted, &topology).await;
        if self.uplinks.was_touched() {
            self.read_kernel().await;
        }
        self.list_nics(&observed, wanted);
        let status = self.describe(&observed, wanted, &topology, &binding);
        let marks = report::marks(&observed, &status);
        let marked = self.transact(marks).await;
        let all_done = [rows, flows, marked].iter().all(|it| *it == Outcome::Done);
        let settled = all_done && self.carried.settled(&topology);
        self.publish(Status {
            realized: match settled {
                true => wanted.generation,
                false => self.status.realized,
            },
            ..status
        });
        match all_done {
            true => underlay,
            false => Outcome::Again,
        }
    }

    /// Makes the bridges right, and then the host's own place on them.
    async fn lay_uplinks(&mut self, observed: &Observed, stage: &Stage) -> (Topology, Outcome) {
        let claimed = self.uplinks.claim(stage, &mut self.surroundings).await;
        let mut topology = topology::plan(observed, &stage.wanted, &self.surroundings);
        let operations = std::mem::take(&mut topology.operations);
        topology.failures.extend(stage.failures.iter().cloned());
        let moves_links = !operations.is_empty();
        let rows = match &claimed {
            Ok(()) if !stage.hands_off => self.transact(operations).await,
            // Without a record of them, addresses would be lost.
            _ => Outcome::Again,
        };
        let settled = match rows {
            Outcome::Done => {
                let failures = &topology.failures;
                let way = self.surroundings.management_interface.as_deref();
                self.uplinks.settle(stage, observed, way, failures).await
            }
            Outcome::Again => Ok(presence::Outcome::Waiting),
        };
        if moves_links {
            self.resync_at = self.resync_at.min(Instant::now() + RETRY);
        }
        match claimed.and(settled) {
            Ok(presence::Outcome::Done) => (topology, Outcome::Done),
            Ok(presence::Outcome::Waiting) => (topology, Outcome::Again),
            Err(error) => {
                warn!("could not move addresses between links: {error}");
                (topology, Outcome::Again)
            }
        }
    }

    fn list_nics(&mut self, observed: &Observed, wanted: &Wanted) {
        if let Some(kernel) = &self.surroundings.kernel {
            let networks = &wanted.physical_networks;
            self.nics = nics::list(kernel, &self.hardware, observed, networks);
        }
    }

    /// Makes the host's own links fit for overlays. What could not be done is tried again.
    async fn lay_under(
        &mut self,
        observed: &Observed,
        wanted: &Wanted,
        topology: &mut Topology,
    ) -> Outcome {
        let remainder = self.underlay.apply(observed, wanted).await;
        let outcome = self.transact(remainder.operations).await;
        topology.failures.extend(remainder.failures);
        match remainder.unsettled {
            true => Outcome::Again,
            false => outcome,
        }
    }

    /// Without a plan we know nothing, and so take nothing away.
    async fn pass_without_plan(&mut self, observed: &Observed) -> Outcome {
        let mut safety = topology::plan_safety(observed, &self.surroundings);
        let operations = std::mem::take(&mut safety.operations);
        let outcome = self.transact(operations).await;
        let nothing = Wanted::default();
        let trust = Trust {
            cover: &Cover::default(),
            incumbents: &Incumbents::new(),
        };
        let binding = binding::bind(observed, &nothing, &SwitchPorts::default(), &trust);
        let status = self.describe(observed, &nothing, &safety, &binding);
        self.publish(status);
        outcome
    }

    fn take_plan(&mut self) {
        let plan = self.channels.plan.borrow_and_update().clone();
        let before = self.wanted.as_deref();
        let held = before.map(|wanted| wanted.generation);
        let Some(plan) = plan.filter(|plan| Some(plan.generation) != held) else {
            return;
        };
        info!(plan.generation = %plan.generation, "carrying out a new plan");
        let wanted = Wanted::new(&plan);
        let networks = before.map(|wanted| &wanted.physical_networks);
        if networks != Some(&wanted.physical_networks) {
            // Their NICs may have to be switched on.
            self.resync_at = Instant::now();
        }
        self.wanted = Some(Arc::new(wanted));
    }

    async fn transact(&self, operations: Vec<Operation>) -> Outcome {
        if operations.is_empty() {
            return Outcome::Done;
        }
        debug!(
            operations = operations.len(),
            "changing the switch's database"
        );
        match self.ovsdb.transact(DATABASE, operations).await {
            Ok(_) => Outcome::Done,
            Err(error) => {
                let error = anyhow::Error::from(error);
                warn!("could not change the switch's database: {error:#}");
                Outcome::Again
            }
        }
    }

    /// Makes the flows right. Without a connection nothing is bound: no number is believed.
    async fn program(
        &mut self,
        observed: &Observed,
        wanted: &Arc<Wanted>,
        topology: &Topology,
    ) -> (Binding, Outcome) {
        let Link::Up(switch) = &mut self.link else {
            self.carried.unconfirm();
            return (Binding::default(), Outcome::Done);
        };
        let drift = switch.look_if_tampered().await;
        let incumbents = self.incumbents.get_or_insert_with(|| {
            // The agent before this one left its word in the switch.
            binding::incumbents(observed, wanted, |network, port| {
                pipeline::is_plugged(switch.installed(Group::of(network)), port)
            })
        });
        let before = incumbents.keys().copied().collect();
        let binding = {
            let cover = &self.channels.cover.borrow_and_update();
            binding::bind(
                observed,
                wanted,
                switch.ports(),
                &Trust { cover, incumbents },
            )
        };
        let uplinks = binding::uplinks(observed, &topology.exits, switch.ports());
        self.drifted(drift);
        if let Err(error) = self.settle_zones(wanted, &binding).await {
            self.unapplied(error);
            return (binding, Outcome::Again);
        }
        self.limit_connections(wanted).await;
        let outlets = self.outlets(observed, wanted);
        let Link::Up(switch) = &mut self.link else {
            return (binding, Outcome::Again);
        };
        let zones = ZonesInUse {
            ports: self.zones.known(),
            routers: self.router_zones.known(),
        };
        let translators = Translators::new(zones, &outlets);
        let views = binding::all_views(wanted, &binding, &uplinks, translators);
        let sight = Sight {
            views,
            ways: uplinks.keys().copied().collect(),
        };
        let stations = Stations {
            here: announcer::stations(sight.views.values()),
            before: Some(before),
        };
        let applied = self.carried.apply(switch, sight, wanted.generation).await;
        if applied.is_ok() {
            stations.publish(&self.channels.stations);
            self.incumbents = Some(binding.incumbents());
            self.ask_for_addresses(wanted, &uplinks);
            let known = Known::new(wanted, &binding);
            let known = known.with(uplinks, self.zones.known());
            known.publish(&self.channels.known);
        }
        match applied {
            Ok(0) => (binding, Outcome::Done),
            Ok(changed) => {
                debug!(changed, "changed flows");
                (binding, Outcome::Done)
            }
            Err(error) => {
                self.unapplied(error);
                (binding, Outcome::Again)
            }
        }
    }

    /// Nothing of a bundle that was refused is in force, and the switch is as it was; after any
    /// other failure nobody knows what is installed.
    fn unapplied(&mut self, error: openflow::client::Error) {
        let refused = matches!(error, openflow::client::Error::Bundle { .. });
        let error = anyhow::Error::from(error);
        error!("could not change the switch's flows: {error:#}");
        if !refused {
            self.hang_up();
        }
    }

    /// Handles what another look at the flows found.
    fn drifted(&mut self, drift: Result<Drift, openflow::client::Error>) {
        match drift {
            Ok(drift) if drift.flows == 0 => {}
            Ok(drift) => {
                let flows = drift.flows;
                warn!(flows, "somebody changed flows of ours; restoring them");
                let remark = format!("{flows} flows were changed by somebody else and restored");
                self.channels.remarks.push(remark);
                self.carried.doubt(drift.groups);
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                warn!("could not look at the switch's flows: {error:#}");
                self.hang_up();
            }
        }
    }

    /// What is installed is unknown from here on: begin anew.
    fn hang_up(&mut self) {
        self.carried.forget();
        self.tenures.forget();
        self.connections.doubt();
        self.link = Link::Down(Dialling::start(&self.settings.run_directory));
    }

    fn publish(&mut self, status: Status) {
        let first = self.channels.status.borrow().is_none();
        if first || status != self.status {
            self.status = status;
            let status = Arc::new(self.status.clone());
            self.channels.status.send_replace(Some(status));
        }
    }

    /// Waits for something that may need a pass.
    async fn wait(&mut self, until: Instant) -> Result<(), ovsdb::Error> {
        let event = tokio::select! {
            event = self.link.event() => event,
            changed = self.monitor.changed() => return changed,
            Ok(()) = self.channels.plan.changed() => return Ok(()),
            Ok(()) = self.channels.instances.changed() => return Ok(()),
            Ok(()) = self.channels.guests.changed() => return Ok(()),
            Ok(()) = self.channels.gateways.word.changed() => return Ok(()),
            Ok(()) = self.channels.cover.changed() => return Ok(()),
            Ok(()) = self.channels.heard.changed() => return Ok(()),
            () = sleep_until(until) => return Ok(()),
        };
        self.take_event(event);
        Ok(())
    }

    fn take_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Answered(switch) => {
                info!("the switch answers");
                self.carried.forget();
                // With the userspace datapath, a switch that starts makes its links anew.
                self.underlay.doubt();
                self.uplinks.doubt();
                self.link = Link::Up(switch);
            }
            LinkEvent::Lost => {
                warn!("lost the switch; dialling");
                self.hang_up();
            }
            LinkEvent::Changed => {}
        }
    }
}

/// What came of waiting for the switch.
enum LinkEvent {
    Answered(Box<Switch>),
    Changed,
    Lost,
}

impl Link {
    async fn event(&mut self) -> LinkEvent {
        match self {
            Self::Up(switch) => match switch.changed().await {
                Ok(()) => LinkEvent::Changed,
                Err(Lost) => LinkEvent::Lost,
            },
            Self::Down(dialling) => LinkEvent::Answered(Box::new(dialling.answered().await)),
        }
    }
}
