//! What carries the host's networks: which plan of it is in force, and the trial of a change that may
//! cut the way to the controller.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use model::plan::PlanKey;
use model::report::{ItemFailure, ManagementPath};
use ovsdb::Endpoint;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{info, warn};
use uuid::Uuid;

use crate::links::kernel;
use crate::observe::Observed;
use crate::path::Change;
use crate::presence::{self, Outcome, Places};
use crate::session::Controller;
use crate::topology::{self, Snapshot, Surroundings};
use crate::trial::journal::{Folder, Journal, LinkThen, Refusal, Settled};
use crate::trial::proof::{self, Open};
use crate::trial::{guard, revert};
use crate::wanted::{PhysicalNetworks, Wanted};

/// After the deadline the guard is given so long, before the agent takes the change back itself.
const GRACE: Duration = Duration::from_secs(3);

/// What trials need to know of their host.
#[derive(Clone)]
pub struct Ground {
    /// The agent's state folder.
    pub state: PathBuf,
    /// Where ovsdb-server listens.
    pub ovsdb: Endpoint,
    /// The controller to be reached.
    pub controller: Arc<Controller>,
    /// Where the session is open from.
    pub session: Open,
}

/// The task's knowledge of uplinks.
pub(super) struct Uplinks {
    ground: Ground,
    folder: Folder,
    settled: Settled,
    refusal: Option<Refusal>,
    standing: Standing,
    /// The networks whose links were last found right, and how bridges had their NICs then.
    placed: Option<(PhysicalNetworks, Holds)>,
    /// Whether links may have changed by our own doing since that was last asked.
    touched: bool,
}

/// The NICs that bridges have, each with what the switch says of it: one that was taken out and put
/// back is another link, and anew has to be made right.
type Holds = BTreeMap<String, (Option<u32>, Option<String>)>;

fn holds(networks: &PhysicalNetworks, observed: &Observed) -> Holds {
    let nics = presence::held(networks, observed).into_iter();
    let with_port = nics.filter_map(|nic| {
        let (_, port) = observed.holder(&nic)?;
        let said = (port.ofport, port.error.clone());
        Some((nic, said))
    });
    with_port.collect()
}

/// What was read, or nothing, which is not silently so.
fn or_nothing<T: Default>(read: io::Result<T>) -> T {
    read.unwrap_or_else(|error| {
        warn!("could not read what was settled of the uplinks before: {error}");
        T::default()
    })
}

/// Where an earlier agent left off, when all journals can be read.
fn standing(folder: &Folder) -> io::Result<Standing> {
    if let Some(journal) = folder.reverting()? {
        return Ok(Standing::Reverting(Box::new(journal)));
    }
    Ok(match folder.trial()? {
        Some(journal) => Standing::OnTrial(Box::new(OnTrial::resumed(journal))),
        None => Standing::Settled,
    })
}

/// How it stands with a change.
enum Standing {
    Settled,
    OnTrial(Box<OnTrial>),
    /// A guard, or whoever has the right to it, takes a change back.
    Reverting(Box<Journal>),
    /// There is a journal that cannot be read, found at this time. Its guard takes the change back.
    Unreadable(Timestamp),
}

struct OnTrial {
    journal: Journal,
    over_at: Instant,
    /// Ends when the controller is reached; there once the change is made.
    proof: Option<JoinHandle<()>>,
}

/// What is to be carried out in this pass.
pub(super) struct Stage {
    /// The plan, with the uplinks that are in force.
    pub(super) wanted: Arc<Wanted>,
    /// What is not, and why.
    pub(super) failures: Vec<ItemFailure>,
    /// Whether bridges and links are left alone: somebody else changes them.
    pub(super) hands_off: bool,
}

impl Uplinks {
    /// What was settled before, and a trial that was going on.
    ///
    /// # Errors
    /// When the state folder cannot be used.
    pub(super) fn open(ground: Ground) -> io::Result<Self> {
        let folder = Folder::below(&ground.state)?;
        let standing = match folder.unreadable()? {
            Some((journal, error)) => {
                warn!("could not read {journal}, the journal of a change on trial: {error}");
                Standing::Unreadable(Timestamp::now())
            }
            None => standing(&folder)?,
        };
        Ok(Self {
            settled: or_nothing(folder.settled()),
            refusal: or_nothing(folder.refused()),
            ground,
            folder,
            standing,
            placed: None,
            touched: false,
        })
    }

    /// Links may no longer be what they were.
    pub(super) fn doubt(&mut self) {
        self.placed = None;
    }

    /// Whether links may have changed by our own doing since this was last asked.
    pub(super) fn was_touched(&mut self) -> bool {
        std::mem::take(&mut self.touched)
    }

    /// How it stands, as the report has it.
    pub(super) fn management_path(&self) -> ManagementPath {
        match (&self.standing, &self.refusal) {
            (Standing::OnTrial(trial), _) => ManagementPath::OnTrial {
                until: trial.journal.until,
            },
            (Standing::Reverting(journal), _) => ManagementPath::OnTrial {
                until: journal.until,
            },
            // Nobody but the guard knows until when.
            (Standing::Unreadable(found), _) => ManagementPath::OnTrial { until: *found },
            (Standing::Settled, Some(refusal)) => ManagementPath::Reverted {
                at: refusal.at,
                reason: refusal.reason.clone(),
            },
            (Standing::Settled, None) => ManagementPath::Settled,
        }
    }

    /// Whether something is under way that no wake-up tells of.
    pub(super) const fn is_busy(&self) -> bool {
        !matches!(self.standing, Standing::Settled)
    }

    /// Decides which uplinks are in force, and begins a trial where one is due.
    pub(super) async fn stage(
        &mut self,
        wanted: &Arc<Wanted>,
        observed: &Observed,
        surroundings: &Surroundings,
    ) -> Stage {
        let way = surroundings.management_interface.as_deref();
        self.follow(wanted, way).await;
        let networks = &wanted.physical_networks;
        let hands_off = matches!(
            self.standing,
            Standing::Reverting(_) | Standing::Unreadable(_)
        );
        let (networks, failures) = match &self.standing {
            Standing::Unreadable(_) => {
                let change = Change::between(&self.settled.networks, networks, way);
                let undone = change.map_or_else(|| networks.clone(), |it| it.undone(networks));
                (undone, Vec::new())
            }
            Standing::OnTrial(trial) => (trial.journal.change.done(networks), Vec::new()),
            Standing::Reverting(journal) => (journal.change.undone(networks), Vec::new()),
            Standing::Settled => self.decide(wanted, observed, surroundings).await,
        };
        Stage {
            wanted: with_networks(wanted, networks),
            failures,
            hands_off,
        }
    }

    async fn decide(
        &mut self,
        wanted: &Arc<Wanted>,
        observed: &Observed,
        surroundings: &Surroundings,
    ) -> (PhysicalNetworks, Vec<ItemFailure>) {
        let networks = &wanted.physical_networks;
        let way = surroundings.management_interface.as_deref();
        let Some(change) = Change::between(&self.settled.networks, networks, way) else {
            self.forget_refusal();
            return (networks.clone(), Vec::new());
        };
        let undone = change.undone(networks);
        let refused = self.refusal.as_ref();
        if let Some(refusal) = refused.filter(|it| it.holds(&change, wanted.trial)) {
            return (undone, change.failures(&refusal.reason).collect());
        }
        let tried = topology::plan(observed, wanted, surroundings);
        let key = |failure: &&ItemFailure| change.failures("").any(|it| it.key == failure.key);
        let obstacles: Vec<_> = tried.failures.iter().filter(key).cloned().collect();
        if !obstacles.is_empty() {
            return (undone, obstacles);
        }
        match self
            .begin(change.clone(), wanted, observed, surroundings)
            .await
        {
            Ok(()) => (change.done(networks), Vec::new()),
            Err(error) => {
                let reason = format!("could not begin to try it: {error}");
                warn!("{reason}");
                (undone, change.failures(&reason).collect())
            }
        }
    }

    /// Nothing is touched before the journal is on disk and the guard stands.
    async fn begin(
        &mut self,
        change: Change,
        wanted: &Wanted,
        observed: &Observed,
        surroundings: &Surroundings,
    ) -> io::Result<()> {
        let within = Duration::from_secs(wanted.trial.confirm_within_seconds.into());
        let kernel = kernel::read().await?;
        let networks = change.before.values().chain(change.after.values());
        let mut names: Vec<String> = networks
            .flat_map(|it| {
                it.uplink
                    .nics()
                    .iter()
                    .map(ToString::to_string)
                    .chain([it.bridge()])
            })
            .collect();
        names.extend(surroundings.management_interface.clone());
        let links = names.into_iter().filter_map(|name| {
            let link = kernel.links.get(&name)?;
            let then = LinkThen {
                up: link.up,
                group: link.group,
                presence: link.presence.clone(),
            };
            Some((name, then))
        });
        let journal = Journal {
            id: Uuid::new_v4(),
            until: Timestamp::now().after(within),
            trial: wanted.trial,
            change,
            bridges: Snapshot::of(observed),
            links: links.collect(),
            settled: self.settled.clone(),
        };
        self.folder.begin(&journal)?;
        let (state, ovsdb) = (&self.ground.state, &self.ground.ovsdb);
        if let Err(error) = guard::start(state, ovsdb, journal.id, within).await {
            self.folder.confirm(journal.id)?;
            return Err(error);
        }
        info!("on trial for {within:?}: {}", journal.change);
        self.standing = Standing::OnTrial(Box::new(OnTrial {
            journal,
            over_at: Instant::now() + within,
            proof: None,
        }));
        Ok(())
    }

    /// Takes what bridges have to take over from links, before these become mere wires, and puts the
    /// NICs of tenants behind the shield, before their frames come in.
    pub(super) async fn claim(
        &mut self,
        stage: &Stage,
        surroundings: &mut Surroundings,
    ) -> io::Result<()> {
        let networks = &stage.wanted.physical_networks;
        let placed = self.placed.as_ref().map(|(networks, _)| networks);
        if placed != Some(networks) && !stage.hands_off {
            let kernel = kernel::read().await?;
            let way = surroundings.management_interface.as_deref();
            let before = self.settled.clone();
            self.settled.taken = presence::claims(networks, &kernel, way, &before.taken);
            let of_tenants = presence::of_tenants(networks, way);
            self.settled.shielded.extend(of_tenants.iter().cloned());
            if self.settled != before {
                self.folder.save_settled(&self.settled)?;
            }
            presence::put_behind(&of_tenants, &kernel).await?;
        }
        let taken = self.settled.taken.iter();
        let macs = taken.filter_map(|(bridge, taken)| Some((bridge.clone(), taken.mac?)));
        surroundings.hwaddrs = macs.collect();
        Ok(())
    }

    /// Makes the links right once the bridges are, and lets the proof begin when all of a change is
    /// made.
    pub(super) async fn settle(
        &mut self,
        stage: &Stage,
        observed: &Observed,
        way: Option<&str>,
        failures: &[ItemFailure],
    ) -> io::Result<Outcome> {
        let networks = &stage.wanted.physical_networks;
        if stage.hands_off {
            return Ok(Outcome::Waiting);
        }
        let now = (networks.clone(), holds(networks, observed));
        if self.placed.as_ref() != Some(&now) {
            self.touched = true;
            let mut places = Places {
                networks,
                folder: &self.folder,
                settled: &mut self.settled,
                observed,
                way,
            };
            if places.settle().await? == Outcome::Waiting {
                return Ok(Outcome::Waiting);
            }
            // What this pass made of the bridges is only seen in the next: it looks once more.
            self.placed = Some(now);
        }
        match &mut self.standing {
            Standing::OnTrial(trial) => trial.prove(&self.ground),
            _ => self.keep(networks, failures)?,
        }
        Ok(Outcome::Done)
    }

    /// Remembers what is carried out, so that the next change is known for one.
    fn keep(&mut self, networks: &PhysicalNetworks, failures: &[ItemFailure]) -> io::Result<()> {
        let failed = |key: PlanKey| failures.iter().any(|it| it.key == key);
        let mut kept = networks.clone();
        kept.retain(|id, _| !failed(PlanKey::PhysicalNetwork(*id)));
        for (id, before) in &self.settled.networks {
            if failed(PlanKey::PhysicalNetwork(*id)) && networks.contains_key(id) {
                kept.insert(*id, before.clone());
            }
        }
        if kept == self.settled.networks {
            return Ok(());
        }
        self.settled.networks = kept;
        self.folder.save_settled(&self.settled)
    }

    /// Learns what became of a trial.
    async fn follow(&mut self, wanted: &Wanted, way: Option<&str>) {
        match &mut self.standing {
            Standing::Settled => {}
            Standing::Unreadable(_) => self.outlive(wanted, way),
            Standing::OnTrial(trial) => {
                let journal = trial.journal.clone();
                if trial.is_proven() {
                    self.confirm(journal);
                } else if !self.folder.is_on_trial(journal.id) {
                    self.standing = Standing::Reverting(Box::new(journal));
                } else if trial.over_at + GRACE < Instant::now() {
                    // The guard is gone: somebody has to.
                    let _claimed = self.folder.claim(journal.id);
                    self.standing = Standing::Reverting(Box::new(journal));
                }
            }
            Standing::Reverting(journal) => {
                let journal = (**journal).clone();
                self.take_back(journal).await;
            }
        }
    }

    /// Waits for the guard of a trial whose journal cannot be read. Should there be none any more, what
    /// was settled before is made so again, and what was tried is not tried again by itself.
    fn outlive(&mut self, wanted: &Wanted, way: Option<&str>) {
        let left = match (self.folder.unreadable(), self.folder.is_guarded()) {
            (Ok(None), _) => Ok(()),
            (Ok(Some((journal, _))), Ok(false)) => {
                let after = Change::between(&self.settled.networks, &wanted.physical_networks, way);
                let refusal = after.map(|change| Refusal {
                    at: Timestamp::now(),
                    reason: format!("{change} was taken back: its journal could not be read"),
                    after: change.after,
                    attempt: wanted.trial.attempt,
                });
                self.folder.set_aside(&journal, refusal.as_ref())
            }
            _ => return,
        };
        match left {
            Ok(()) => self.resettle(),
            Err(error) => warn!("could not put an unreadable journal out of the way: {error}"),
        }
    }

    /// Starts again from what is on disk, after others may have changed anything.
    fn resettle(&mut self) {
        self.settled = or_nothing(self.folder.settled());
        self.refusal = or_nothing(self.folder.refused());
        self.standing = Standing::Settled;
        self.doubt();
        if let Some(refusal) = &self.refusal {
            warn!("{}", refusal.reason);
        }
    }

    fn confirm(&mut self, journal: Journal) {
        if let Err(error) = self.folder.confirm(journal.id) {
            warn!("the change came too late: {error}");
            self.standing = Standing::Reverting(Box::new(journal));
            return;
        }
        let mut networks = self.settled.networks.clone();
        networks.retain(|id, _| !journal.change.before.contains_key(id));
        networks.extend(journal.change.after.clone());
        self.settled.networks = networks;
        if let Err(error) = self.folder.save_settled(&self.settled) {
            warn!("could not write down what is settled: {error}");
        }
        self.standing = Standing::Settled;
        self.forget_refusal();
        info!(
            "the controller is reached over the new way: {}",
            journal.change
        );
    }

    /// Waits for whoever takes a change back, and does it itself if nobody does.
    async fn take_back(&mut self, journal: Journal) {
        let done = match revert::revert(&self.folder, &self.ground.ovsdb, &journal).await {
            Ok(()) => self.folder.reverting().is_ok_and(|it| it.is_none()),
            Err(error) => {
                warn!("could not take the change back: {error}");
                false
            }
        };
        if done {
            self.resettle();
        }
    }

    fn forget_refusal(&mut self) {
        if self.refusal.take().is_some()
            && let Err(error) = self.folder.forget_refused()
        {
            warn!("could not forget a refused change: {error}");
        }
    }
}

impl OnTrial {
    /// The clock of the wall is all that an agent has that did not see the trial begin.
    fn resumed(journal: Journal) -> Self {
        let left = journal.until.unix_milliseconds() - Timestamp::now().unix_milliseconds();
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        let whole = Duration::from_secs(journal.trial.confirm_within_seconds.into());
        Self {
            journal,
            over_at: Instant::now() + left.min(whole),
            proof: None,
        }
    }

    fn prove(&mut self, ground: &Ground) {
        if self.proof.is_none() {
            let controller = Arc::clone(&ground.controller);
            let (session, by) = (ground.session.clone(), self.journal.change.bridge());
            self.proof = Some(tokio::spawn(proof::reached(controller, session, by)));
        }
    }

    fn is_proven(&self) -> bool {
        self.proof.as_ref().is_some_and(JoinHandle::is_finished)
    }
}

impl Drop for OnTrial {
    fn drop(&mut self) {
        if let Some(proof) = &self.proof {
            proof.abort();
        }
    }
}

fn with_networks(wanted: &Arc<Wanted>, networks: PhysicalNetworks) -> Arc<Wanted> {
    match wanted.physical_networks == networks {
        true => Arc::clone(wanted),
        false => Arc::new(Wanted {
            physical_networks: networks,
            ..Wanted::clone(wanted)
        }),
    }
}
