//! One check under way: who is asked for what, and when.
//!
//! ```text
//!   for each slice of the lanes:
//!     Listen                               who does not answer takes no part
//!     Send small and full, wait, Collect   up to four times: only what is missing is sent again
//!     Send sizes in between, …             until the largest that passes is known
//! ```
//!
//! Every frame is sent to all hosts at once, so that the effort grows with the hosts and not with
//! their pairs; how much is sent at a time shrinks with the number of hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::{
    FabricCheck, FabricScope, Finding, Host, HostId, Loss, PathResult, Probe, ProbeOrder,
    ProbeOutcome, ProbePath, ProbeReply, ProbeRequest, SMALL_PROBE_BYTES,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::diagnosis::{Cast, Player, absent, diagnose, hindered};
use super::lanes::{Lane, Weight, lanes};
use super::trial::{HostNumber, Trial, Verdict};
use crate::fleet::Fleet;
use crate::intent::Intent;

/// How long hosts have to answer, apart from the time that sending takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long probes have to arrive, on each attempt longer: what is lost is sent again, and only what
/// is lost every time is told of. The first through a tunnel is spent on its ARP.
const ATTEMPTS: [Duration; 4] = [
    Duration::from_millis(150),
    Duration::from_millis(500),
    Duration::from_millis(1_500),
    Duration::from_millis(3_000),
];

/// How long large probes have to arrive.
const SIZES_SETTLE: Duration = Duration::from_millis(800);

/// More rounds than it takes to find a size among 9,216 by eighths.
const SIZE_ROUNDS: usize = 8;

/// How long hosts listen without being told to go on, in seconds: longer than a slice takes.
const LISTEN_SECONDS: u16 = 60;

/// How many frames a second all hosts together send, and one at most.
const PER_SECOND: (usize, usize) = (6_000, 2_000);

/// How many frames reach each host in one attempt, about.
const FRAMES_A_SLICE: usize = 20_000;

/// What a check comes to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) findings: Vec<Finding>,
    pub(super) paths: Vec<PathResult>,
    pub(super) losses: Vec<Loss>,
}

/// A check under way.
struct Run {
    fleet: Arc<Fleet>,
    check: Uuid,
    step: u32,
    replies: mpsc::Receiver<(HostId, ProbeReply)>,
    hosts: Vec<HostId>,
    endpoints: Vec<Option<std::net::IpAddr>>,
    cast: Cast,
    /// Who takes no part, and why.
    absent: BTreeMap<HostNumber, &'static str>,
    outcome: Outcome,
    verdicts: Vec<Verdict>,
}

/// Tries everything that the scope is about, in the pool as the intent has it.
pub(super) async fn run(fleet: Arc<Fleet>, intent: &Intent, scope: &FabricScope) -> Outcome {
    let lanes = lanes(intent, scope);
    let mut run = Run::new(fleet, intent);
    let slice = slice_lanes(run.hosts.len());
    for lanes in lanes.chunks(slice) {
        run.slice(lanes).await;
    }
    run.finish(scope)
}

/// How many lanes are tried at a time.
fn slice_lanes(hosts: usize) -> usize {
    (FRAMES_A_SLICE / (2 * hosts.max(1))).clamp(8, 256)
}

impl Run {
    fn new(fleet: Arc<Fleet>, intent: &Intent) -> Self {
        // Random, and told to nobody but the hosts.
        let check = Uuid::new_v4();
        let mut known: Vec<&Arc<Host>> =
            intent.hosts.values().take(usize::from(u16::MAX)).collect();
        // Findings name hosts in the order of their numbers.
        known.sort_by(|one, other| one.name.cmp(&other.name));
        let players = known.iter().map(|host| Player {
            id: host.id,
            name: host.name.clone(),
            nics: BTreeMap::new(),
        });
        let networks = intent.physical_networks.values();
        Self {
            replies: fleet.probe_replies(check),
            fleet,
            check,
            step: 0,
            hosts: known.iter().map(|host| host.id).collect(),
            endpoints: known.iter().map(|host| host.endpoint).collect(),
            cast: Cast {
                hosts: players.collect(),
                networks: networks.map(|it| (it.id, it.name.clone())).collect(),
            },
            absent: BTreeMap::new(),
            outcome: Outcome::default(),
            verdicts: Vec::new(),
        }
    }

    fn numbers(&self) -> impl Iterator<Item = HostNumber> + use<> {
        (0..=u16::MAX).take(self.hosts.len())
    }

    async fn slice(&mut self, lanes: &[Lane]) {
        let mut trials = self.listen(lanes).await;
        for (attempt, settle) in ATTEMPTS.into_iter().enumerate() {
            let copies = if attempt == 0 { 1 } else { 3 };
            let missing = |trial: &Trial, host| trial.missing(host).into_iter().collect();
            let sent = self.send(&trials, copies, missing).await;
            if !sent {
                break;
            }
            self.collect(&mut trials, settle).await;
        }
        for _ in 0..SIZE_ROUNDS {
            let between = |trial: &Trial, host| trial.between(host);
            let sizes: Vec<_> = trials.values().map(|trial| self.sizes(trial)).collect();
            if !self.send(&trials, 3, between).await {
                break;
            }
            self.collect(&mut trials, SIZES_SETTLE).await;
            for (trial, sizes) in trials.values_mut().zip(&sizes) {
                trial.sent(sizes);
            }
        }
        for trial in trials.values() {
            self.note(trial);
            self.verdicts.push(trial.judge());
        }
    }

    fn sizes(&self, trial: &Trial) -> BTreeMap<HostNumber, BTreeSet<u16>> {
        let numbers = self.numbers();
        numbers.map(|host| (host, trial.between(host))).collect()
    }

    /// Who takes part in which lane.
    async fn listen(&mut self, lanes: &[Lane]) -> BTreeMap<u16, Trial> {
        let listed: Vec<_> = lanes.iter().map(|it| it.lane).collect();
        let orders = self.numbers().map(|host| {
            let order = ProbeOrder::Listen {
                host,
                lanes: listed.clone(),
                seconds: LISTEN_SECONDS,
            };
            (host, order)
        });
        let orders: Vec<_> = orders.collect();
        let answers = self.ask(orders, PATIENCE).await;
        let mut present: BTreeMap<u16, BTreeSet<HostNumber>> = BTreeMap::new();
        for (host, outcome) in answers {
            let ProbeOutcome::Listening {
                nics,
                absent,
                obstacles,
            } = outcome
            else {
                self.absent.insert(host, "its agent cannot take part now");
                continue;
            };
            let absent: BTreeSet<u16> = absent.into_iter().collect();
            let mut hindered_on = BTreeSet::new();
            for obstacle in obstacles {
                let network = obstacle.physical_network_id;
                let finding = hindered(&self.cast, host, network, &obstacle.reason);
                self.outcome.findings.push(finding);
                hindered_on.insert(network);
            }
            let player = &mut self.cast.hosts[usize::from(host)];
            player
                .nics
                .extend(nics.into_iter().map(|nic| (nic.physical_network_id, nic)));
            for lane in &listed {
                let hindered = hindered_on.contains(&lane.physical_network_id);
                if !hindered && !absent.contains(&lane.number) {
                    present.entry(lane.number).or_default().insert(host);
                }
            }
        }
        let trials = lanes.iter().map(|lane| {
            let present = present.remove(&lane.lane.number).unwrap_or_default();
            (lane.lane.number, Trial::new(*lane, present))
        });
        trials.collect()
    }

    /// Has every host send the sizes that `choose` says. Gives whether there was anything to send.
    async fn send(
        &mut self,
        trials: &BTreeMap<u16, Trial>,
        copies: u8,
        choose: impl Fn(&Trial, HostNumber) -> BTreeSet<u16>,
    ) -> bool {
        let per_second = PER_SECOND
            .1
            .min(PER_SECOND.0 / self.hosts.len().max(1))
            .max(20);
        let mut orders = Vec::new();
        let mut most = 0;
        for host in self.numbers() {
            let trials = trials.iter();
            let probes = trials.flat_map(|(number, trial)| {
                let to = self.destinations(trial, host);
                choose(trial, host).into_iter().map(move |bytes| Probe {
                    lane: *number,
                    bytes,
                    copies,
                    to: to.clone(),
                })
            });
            let mut probes: Vec<Probe> = probes.collect();
            // Sizes do not mix: see `Probe`.
            probes.sort_by_key(|probe| probe.bytes);
            let frames = probes
                .iter()
                .map(|it| it.to.len().max(1) * usize::from(it.copies));
            most = frames.sum::<usize>().max(most);
            if !probes.is_empty() {
                let per_second = u32::try_from(per_second).unwrap_or(u32::MAX);
                orders.push((host, ProbeOrder::Send { probes, per_second }));
            }
        }
        if orders.is_empty() {
            return false;
        }
        let sending = Duration::from_secs((most / per_second) as u64 * 2);
        self.ask(orders, PATIENCE + sending).await;
        true
    }

    /// The endpoints of the others, for a way that takes no broadcast.
    fn destinations(&self, trial: &Trial, from: HostNumber) -> Vec<std::net::IpAddr> {
        if !matches!(trial.lane.lane.path, ProbePath::Tunnel { .. }) {
            return Vec::new();
        }
        let others = trial.present.iter().filter(|to| **to != from);
        let endpoints = others.filter_map(|to| self.endpoints.get(usize::from(*to)).copied());
        endpoints.flatten().collect()
    }

    async fn collect(&mut self, trials: &mut BTreeMap<u16, Trial>, settle: Duration) {
        sleep(settle).await;
        let orders = self.numbers().map(|host| (host, ProbeOrder::Collect));
        let orders: Vec<_> = orders.collect();
        for (to, outcome) in self.ask(orders, PATIENCE).await {
            let ProbeOutcome::Heard { arrivals } = outcome else {
                continue;
            };
            for arrival in arrivals {
                if let Some(trial) = trials.get_mut(&arrival.lane) {
                    trial.arrived(arrival, to);
                }
            }
        }
    }

    /// Asks hosts, each for its own, and waits until all have answered or time is up. Who does not
    /// answer is not asked again.
    async fn ask(
        &mut self,
        orders: Vec<(HostNumber, ProbeOrder)>,
        patience: Duration,
    ) -> Vec<(HostNumber, ProbeOutcome)> {
        self.step += 1;
        let (check, step) = (self.check, self.step);
        let mut waiting = BTreeMap::new();
        for (host, order) in orders {
            if self.absent.contains_key(&host) {
                continue;
            }
            let id = self.hosts[usize::from(host)];
            match self.fleet.probe(id, ProbeRequest { check, step, order }) {
                true => _ = waiting.insert(id, host),
                false => _ = self.absent.insert(host, "its agent is not connected"),
            }
        }
        let deadline = Instant::now() + patience;
        let mut answers = Vec::new();
        while !waiting.is_empty() {
            let Ok(Some((id, reply))) = timeout_at(deadline, self.replies.recv()).await else {
                break;
            };
            if let Some(host) = waiting.remove(&id).filter(|_| reply.step == step) {
                answers.push((host, reply.outcome));
            }
        }
        for host in waiting.into_values() {
            self.absent.insert(host, "its agent did not answer in time");
        }
        answers
    }

    /// Writes down how much passed.
    fn note(&mut self, trial: &Trial) {
        let lane = trial.lane;
        let (physical_network_id, path) = (lane.lane.physical_network_id, lane.lane.path);
        if lane.weight == Weight::Clue {
            return;
        }
        let small = trial
            .pairs()
            .filter(|pair| trial.passed(*pair) >= Some(SMALL_PROBE_BYTES));
        self.outcome.paths.push(PathResult {
            physical_network_id,
            path,
            pairs: trial.pairs().count(),
            small_passed: small.count(),
            full_passed: trial.pairs().filter(|pair| trial.full(*pair)).count(),
            full_bytes: lane.full_bytes,
        });
        let room = FabricCheck::MOST_LOSSES - self.outcome.losses.len();
        let lost = trial.pairs().filter(|pair| !trial.full(*pair)).take(room);
        let losses = lost.map(|pair| Loss {
            from: self.hosts[usize::from(pair.0)],
            to: self.hosts[usize::from(pair.1)],
            physical_network_id,
            path,
            largest_bytes: trial.passed(pair),
        });
        self.outcome.losses.extend(losses.collect::<Vec<_>>());
    }

    fn finish(self, scope: &FabricScope) -> Outcome {
        let mut outcome = self.outcome;
        let absentees: Vec<_> = self.absent.into_iter().collect();
        outcome.findings.extend(absent(&self.cast, &absentees));
        outcome
            .findings
            .extend(diagnose(&self.cast, &self.verdicts));
        outcome.findings.sort();
        outcome.findings.dedup();
        if let Some(host) = scope.host_id {
            let concerns = |it: &Finding| it.host_ids.is_empty() || it.host_ids.contains(&host);
            outcome.findings.retain(concerns);
            outcome
                .losses
                .retain(|loss| loss.from == host || loss.to == host);
        }
        outcome
    }
}
