//! One check, as this host takes part in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::plan::{HostPlan, PlanItem, PlanKey, PlannedPhysicalNetwork};
use model::{
    Encapsulation, PhysicalNetworkId, Probe, ProbeArrival, ProbeLane, ProbeNic, ProbeObstacle,
    ProbeOutcome, ProbePath, Role, Uplink, VlanId,
};
use openflow::client::{Client, Error, Event, Events};
use openflow::message::{PacketOut, ToSwitch};
use openflow::{Action, Field, PortNo};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;
use uuid::Uuid;

use super::bridge;
use crate::links;
use crate::observe::INTEGRATION_BRIDGE;
use crate::pipeline::probe::{VNI, is_from_fabric};
use crate::probe::{Stamp, arrival, encode};
use crate::topology::exit_name;
use crate::wanted::bridge_name;

/// What one check may ask of a host at most: lanes, frames a request, seconds, frames a second, and
/// arrivals that wait to be collected.
const MOST_LANES: usize = 4_096;
const MOST_FRAMES: usize = 50_000;
const MOST_SECONDS: u16 = 120;
const MOST_PER_SECOND: u32 = 5_000;
const MOST_ARRIVALS: usize = 500_000;

/// How often frames go out, each time as many as the pace allows.
const BEAT: Duration = Duration::from_millis(20);

/// A check that this host listens to.
pub(super) struct Listening {
    check: Uuid,
    host: u16,
    run_directory: PathBuf,
    networks: BTreeMap<PhysicalNetworkId, PlannedPhysicalNetwork>,
    seconds: u16,
    until: Instant,
    bridges: BTreeMap<String, Client>,
    ears: Vec<AbortOnDropHandle<()>>,
    lanes: BTreeMap<u16, Lane>,
    heard: Arc<Mutex<BTreeSet<ProbeArrival>>>,
}

/// A way out.
struct Lane {
    bridge: String,
    way: Way,
}

/// Frames of one size that go out together.
#[derive(Default)]
struct Burst<'a> {
    /// By the bridge that they leave by.
    waiting: BTreeMap<&'a str, Vec<ToSwitch>>,
    owed: f64,
    bytes: usize,
}

enum Way {
    Forwarded(Option<VlanId>),
    Tunnel(PortNo),
}

impl Listening {
    /// A host with this plan, under this number, in this check.
    pub(super) fn begin(
        run_directory: &Path,
        plan: Option<&HostPlan>,
        (check, host): (Uuid, u16),
    ) -> Self {
        let items = plan.iter().flat_map(|plan| &plan.items);
        let networks = items.filter_map(|(key, item)| match (key, item) {
            (PlanKey::PhysicalNetwork(id), PlanItem::PhysicalNetwork(item)) => {
                Some((*id, item.clone()))
            }
            _ => None,
        });
        Self {
            check,
            host,
            run_directory: run_directory.to_owned(),
            networks: networks.collect(),
            seconds: 0,
            until: Instant::now(),
            bridges: BTreeMap::new(),
            ears: Vec::new(),
            lanes: BTreeMap::new(),
            heard: Arc::default(),
        }
    }

    /// The same, for so many seconds.
    pub(super) fn lasting(mut self, seconds: u16) -> Self {
        self.seconds = seconds.clamp(1, MOST_SECONDS);
        self.until = Instant::now() + Duration::from_secs(self.seconds.into());
        self
    }

    pub(super) const fn until(&self) -> Instant {
        self.until
    }

    pub(super) const fn check(&self) -> Uuid {
        self.check
    }

    /// Begins to listen in these lanes.
    pub(super) async fn listen(&mut self, lanes: &[ProbeLane]) -> ProbeOutcome {
        let (mut absent, mut obstacles) = (Vec::new(), BTreeMap::new());
        for lane in lanes.iter().take(MOST_LANES) {
            if obstacles.contains_key(&lane.physical_network_id) {
                continue;
            }
            match self.open(lane).await {
                Ok(Some(open)) => _ = self.lanes.insert(lane.number, open),
                Ok(None) => absent.push(lane.number),
                Err(reason) => _ = obstacles.insert(lane.physical_network_id, reason),
            }
        }
        let named: BTreeSet<_> = lanes.iter().map(|it| it.physical_network_id).collect();
        let obstacles = obstacles.into_iter();
        ProbeOutcome::Listening {
            nics: self.nics(&named).await,
            absent,
            obstacles: obstacles
                .map(|(physical_network_id, reason)| ProbeObstacle {
                    physical_network_id,
                    reason,
                })
                .collect(),
        }
    }

    async fn nics(&self, networks: &BTreeSet<PhysicalNetworkId>) -> Vec<ProbeNic> {
        let mut nics = Vec::new();
        for network in networks.iter().filter_map(|id| self.networks.get(id)) {
            nics.push(ProbeNic {
                physical_network_id: network.id,
                mtu: least_mtu(&network.uplink).await,
                nic: network.uplink.carrier().to_string(),
            });
        }
        nics
    }

    /// The way out of a lane; none where there should be none.
    async fn open(&mut self, lane: &ProbeLane) -> Result<Option<Lane>, String> {
        match lane.path {
            ProbePath::Untagged => self.forwarded(lane.physical_network_id, None).await,
            ProbePath::Vlan { vlan } => self.forwarded(lane.physical_network_id, Some(vlan)).await,
            ProbePath::Tunnel { encapsulation } => self.tunnel(encapsulation).await,
        }
    }

    async fn forwarded(
        &mut self,
        network: PhysicalNetworkId,
        vlan: Option<VlanId>,
    ) -> Result<Option<Lane>, String> {
        let network = self.networks.get(&network);
        let network = network.ok_or("the host has not heard of it yet")?;
        let bridge = bridge_name(network.name.as_str());
        let there = bridge::socket(&self.run_directory, &bridge).exists();
        if network.role == Role::Public && !there {
            // A public network is touched by no host that has nothing on it.
            return Ok(None);
        }
        self.reach(&bridge).await?;
        let way = Way::Forwarded(vlan);
        Ok(Some(Lane { bridge, way }))
    }

    async fn tunnel(&mut self, encapsulation: Encapsulation) -> Result<Option<Lane>, String> {
        let bridge = INTEGRATION_BRIDGE.to_owned();
        let client = self.reach(&bridge).await?;
        let ports = client.ports().await.map_err(|it| says(&bridge, it))?;
        let name = exit_name(encapsulation);
        let port = ports.into_iter().find(|port| port.name == name);
        Ok(port.map(|port| Lane {
            bridge,
            way: Way::Tunnel(port.number),
        }))
    }

    /// The connection to a bridge, with somebody who listens to it.
    async fn reach(&mut self, bridge: &str) -> Result<Client, String> {
        if let Some(client) = self.bridges.get(bridge) {
            return Ok(client.clone());
        }
        let connected = bridge::connect(&self.run_directory, bridge).await;
        let (client, events) = connected.map_err(|it| says(bridge, it))?;
        // Of the integration bridge the pipeline itself has such a flow, for tunnels alone.
        if bridge != INTEGRATION_BRIDGE {
            let caught = bridge::catch(&client, self.seconds).await;
            caught.map_err(|it| says(bridge, it))?;
        }
        let ear = hear(events, self.check, self.host, Arc::clone(&self.heard));
        self.ears.push(AbortOnDropHandle::new(tokio::spawn(ear)));
        self.bridges.insert(bridge.to_owned(), client.clone());
        Ok(client)
    }

    /// Sends probes at the pace asked for.
    pub(super) async fn send(&self, probes: &[Probe], per_second: u32) -> ProbeOutcome {
        let pace = f64::from(per_second.clamp(1, MOST_PER_SECOND)) * BEAT.as_secs_f64();
        let mut burst = Burst::default();
        let frames = probes.iter().flat_map(|probe| self.frames(probe));
        for (bridge, frame) in frames.take(MOST_FRAMES) {
            let bytes = frame.data.len();
            if burst.owed >= pace || burst.bytes != bytes {
                self.flush(&mut burst).await;
                sleep(BEAT.mul_f64((burst.owed / pace).max(1.0))).await;
                (burst.owed, burst.bytes) = (0.0, bytes);
            }
            let waiting = burst.waiting.entry(bridge).or_default();
            waiting.push(ToSwitch::PacketOut(frame));
            burst.owed += 1.0;
        }
        self.flush(&mut burst).await;
        ProbeOutcome::Sent
    }

    async fn flush(&self, burst: &mut Burst<'_>) {
        for (bridge, frames) in std::mem::take(&mut burst.waiting) {
            let Some(client) = self.bridges.get(bridge) else {
                continue;
            };
            // What is not sent is not heard, and so is told of where it can be compared.
            if let Err(error) = client.send(frames).await {
                debug!("{}", says(bridge, error));
            }
        }
    }

    /// The frames of a probe, each with the bridge it leaves by.
    fn frames<'a>(&'a self, probe: &'a Probe) -> impl Iterator<Item = (&'a str, PacketOut)> {
        let stamp = Stamp {
            check: self.check,
            from: self.host,
            lane: probe.lane,
            bytes: probe.bytes,
        };
        let lane = self.lanes.get(&probe.lane).into_iter();
        let once = lane.flat_map(move |lane| {
            let frames = lane.way.frames(stamp, &probe.to).into_iter();
            frames.map(|frame| (lane.bridge.as_str(), frame))
        });
        let once: Vec<_> = once.collect();
        (0..probe.copies).flat_map(move |_| once.clone())
    }

    /// What was heard since it was last asked.
    pub(super) fn collect(&self) -> ProbeOutcome {
        let heard = std::mem::take(&mut *lock(&self.heard));
        ProbeOutcome::Heard {
            arrivals: heard.into_iter().collect(),
        }
    }
}

impl Way {
    fn frames(&self, stamp: Stamp, to: &[IpAddr]) -> Vec<PacketOut> {
        match self {
            Self::Forwarded(vlan) => encode(stamp, *vlan)
                .map(bridge::forward)
                .into_iter()
                .collect(),
            Self::Tunnel(port) => {
                let Some(frame) = encode(stamp, None) else {
                    return Vec::new();
                };
                let to = to.iter();
                to.map(|endpoint| through(*port, *endpoint, frame.clone()))
                    .collect()
            }
        }
    }
}

/// Sends a frame through a tunnel port to one host.
fn through(port: PortNo, endpoint: IpAddr, data: Vec<u8>) -> PacketOut {
    let destination = match endpoint {
        IpAddr::V4(endpoint) => Action::set_field(Field::TunDst, endpoint),
        IpAddr::V6(endpoint) => Action::set_field(Field::TunIpv6Dst, endpoint),
    };
    PacketOut {
        in_port: PortNo::CONTROLLER,
        actions: vec![
            destination,
            Action::set_field(Field::TunId, u64::from(VNI)),
            Action::output(port),
        ],
        data,
    }
}

/// Notes every probe of the check that a bridge tells of.
async fn hear(
    mut events: Events,
    check: Uuid,
    host: u16,
    heard: Arc<Mutex<BTreeSet<ProbeArrival>>>,
) {
    while let Some(event) = events.next().await {
        let Event::PacketIn(packet) = event else {
            continue;
        };
        let probe = is_from_fabric(&packet.userdata).then(|| arrival(&packet.data, check, host));
        let mut heard = lock(&heard);
        if let Some(arrival) = probe.flatten().filter(|_| heard.len() < MOST_ARRIVALS) {
            heard.insert(arrival);
        }
    }
}

/// The largest packet that every NIC of an uplink sends, in bytes; unknown where one's is.
async fn least_mtu(uplink: &Uplink) -> Option<u32> {
    let mut least = None;
    for nic in uplink.nics() {
        let mtu = links::mtu(nic.as_str()).await.ok()?;
        least = Some(least.map_or(mtu, |it: u32| it.min(mtu)));
    }
    least
}

fn lock(heard: &Mutex<BTreeSet<ProbeArrival>>) -> MutexGuard<'_, BTreeSet<ProbeArrival>> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn says(bridge: &str, error: Error) -> String {
    format!("{bridge}: {:#}", anyhow::Error::from(error))
}
