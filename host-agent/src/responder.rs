//! The task that answers what the switch asks: DHCP and router solicitations of this host's ports.
//!
//! ```text
//!   br-int --packet-in--> which port, by the switch's word --> respond() --packet-out--> br-int
//!                                      ^
//!                       Known: the plan and who is plugged, from the reconcile task
//! ```
//!
//! It has a connection of its own, so that questions wait for no bundle of flows and no flood of
//! them hides what the reconcile task has to hear. VIFs are answered in turn (`queue`). All it knows is in the plan on disk: it answers
//! while the controller is away.

mod forward;
mod places;
mod queue;

use std::collections::BTreeMap;
use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forward::{Asker, Forwarder};
use model::plan::Generation;
use model::{MacAddr, NetworkNumber, PortId};
use openflow::PortNo;
use openflow::client::{Client, Error, Options};
use openflow::message::{AsyncConfig, PacketIn, PacketOut, ToSwitch};
use queue::Queue;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tracing::debug;

use crate::binding::Binding;
use crate::observe::INTEGRATION_BRIDGE;
use crate::pipeline::answer::deliver;
use crate::pipeline::cookie::Group;
use crate::pipeline::gate;
use crate::respond::{self, Pending, PortConfig, Question, Reply, respond};
use crate::status::Remarks;
use crate::wanted::{Exit, Wanted, WantedNetwork, WantedPort};

/// The pause between attempts to reach a switch that is not there.
const RETRY: Duration = Duration::from_millis(200);

/// How often guests are told of their router anew, long before what they were told runs out.
const ADVERTISE_EVERY: Duration = Duration::from_secs(600);

/// How many answers go out before the next question is looked at.
const BATCH: usize = 64;

/// How often an operator is told of questions that were not answered.
const REMARK_EVERY: Duration = Duration::from_secs(60);

/// What the switch shall tell us of: what flows send to a controller, and nothing else.
const TOLD: AsyncConfig = AsyncConfig {
    packet_in: 1 << 1,
    port_status: 0,
    flow_removed: 0,
};

/// Who is plugged where, and what the plan says of them.
#[derive(Clone, Debug, Default)]
pub struct Known {
    wanted: Arc<Wanted>,
    /// The ports of a trunk share their number, but no network.
    ports: BTreeMap<(PortNo, NetworkNumber), PortId>,
    /// Those that wait here for their instance, likewise.
    waiting: BTreeMap<(PortNo, NetworkNumber), PortId>,
    /// The ways to other hosts.
    exits: BTreeMap<Exit, PortNo>,
    /// The ports by their zones of connection tracking.
    zones: BTreeMap<u16, PortId>,
}

impl Known {
    /// The ports that this binding plugs.
    #[must_use]
    pub fn new(wanted: &Arc<Wanted>, binding: &Binding) -> Self {
        let (mut ports, mut waiting) = (BTreeMap::new(), BTreeMap::new());
        for (id, carrier) in &binding.carriers {
            let Some(port) = wanted.ports.get(id) else {
                continue;
            };
            let places = match port.standby {
                None => &mut ports,
                Some(_) => &mut waiting,
            };
            if let Some(network) = wanted.networks.get(&port.network) {
                places.insert((carrier.port, network.number), *id);
            }
        }
        Self {
            wanted: Arc::clone(wanted),
            ports,
            waiting,
            exits: BTreeMap::new(),
            zones: BTreeMap::new(),
        }
    }

    /// The same, with the ways to other hosts and the ports' zones.
    #[must_use]
    pub fn with(self, exits: BTreeMap<Exit, PortNo>, zones: &BTreeMap<PortId, u16>) -> Self {
        let zones = zones.iter().map(|(id, zone)| (*zone, *id));
        Self {
            exits,
            zones: zones.collect(),
            ..self
        }
    }

    /// Tells the other end of a channel, if it is news.
    pub fn publish(self, sender: &watch::Sender<Arc<Self>>) {
        sender.send_if_modified(|held| {
            let same = Arc::ptr_eq(&held.wanted, &self.wanted)
                && held.ports == self.ports
                && held.waiting == self.waiting
                && held.exits == self.exits
                && held.zones == self.zones;
            if !same {
                *held = Arc::new(self);
            }
            !same
        });
    }

    /// Who is at this port of the switch, in words.
    fn name(&self, port: PortNo) -> String {
        let mut ports = self.ports.iter();
        match ports.find(|((it, _), _)| *it == port) {
            Some((_, id)) => format!("VIF {id}"),
            None => "one that is gone".to_owned(),
        }
    }

    fn port(&self, id: &PortId) -> Option<(&WantedPort, &WantedNetwork)> {
        let port = self.wanted.ports.get(id)?;
        Some((port, self.wanted.networks.get(&port.network)?))
    }

    /// What comes of a port's question.
    fn answer(&self, packet: &PacketIn) -> Option<Answer> {
        let number = packet.in_port()?;
        // The number may by now be another port's, of another network than the flow that asks.
        let asks = Group::from_cookie(packet.cookie)?.network()?;
        let (port, network) = self.port(self.ports.get(&(number, asks))?)?;
        let [code] = packet.userdata[..] else {
            return None;
        };
        let question = Question::from_code(code)?;
        let question = Some(question).filter(|it| network.outsiders.leave_to_agent(*it))?;
        Some(
            match respond(question, &packet.data, &config(port, network))? {
                Reply::Frame(frame) => Answer::Send(packet_out(network, number, frame)),
                Reply::Ask(pending) => {
                    let place = (number, network.number);
                    let asker = *self.ports.get(&place)?;
                    Answer::Ask(Asker { place, id: asker }, pending)
                }
            },
        )
    }

    /// Which waiting port a packet comes from, and since when it waited.
    fn waiting(&self, packet: &PacketIn) -> Option<(PortId, Generation)> {
        let since = gate::heard(&packet.userdata)?;
        let network = Group::from_cookie(packet.cookie)?.network()?;
        let id = self.waiting.get(&(packet.in_port()?, network))?;
        Some((*id, since))
    }

    /// Brings a frame to who asked, unless another port has its place by now.
    fn bring(&self, asker: Asker, frame: Vec<u8>) -> Option<PacketOut> {
        let still_there = self.ports.get(&asker.place) == Some(&asker.id);
        let (_, network) = self.port(&asker.id).filter(|_| still_there)?;
        Some(packet_out(network, asker.place.0, frame))
    }

    /// What tells every port of its router.
    fn advertisements(&self) -> Vec<PacketOut> {
        let ports = self.ports.iter();
        ports
            .filter_map(|((number, _), id)| self.advertisement(*number, id))
            .collect()
    }

    /// The same for those ports only that would have been told something else before.
    fn news(&self, before: &Self) -> Vec<PacketOut> {
        let changed = self.ports.iter().filter(|(place, id)| {
            before.ports.get(place) != Some(id) || !self.says_the_same(before, id)
        });
        changed
            .filter_map(|((number, _), id)| self.advertisement(*number, id))
            .collect()
    }

    fn says_the_same(&self, before: &Self, id: &PortId) -> bool {
        let (Some((port, network)), Some((old_port, old_network))) =
            (self.port(id), before.port(id))
        else {
            return false;
        };
        port.addresses == old_port.addresses
            && network.subnets == old_network.subnets
            && network.mtu == old_network.mtu
    }

    fn advertisement(&self, number: PortNo, id: &PortId) -> Option<PacketOut> {
        let (port, network) = self.port(id)?;
        let ours = network.outsiders.leave_to_agent(Question::RouterSolicit);
        let port = ours.then_some(port)?;
        let frame = respond::advertise(&config(port, network))?;
        Some(packet_out(network, number, frame))
    }
}

/// What comes of a question.
#[derive(Debug)]
enum Answer {
    /// The switch shall send this.
    Send(PacketOut),
    /// Another resolver must be asked for this port.
    Ask(Asker, Pending),
}

fn config<'a>(port: &'a WantedPort, network: &'a WantedNetwork) -> PortConfig<'a> {
    PortConfig {
        mac: port.mac,
        gateway_mac: MacAddr::gateway(network.number),
        mtu: network.mtu,
        hostname: port.hostname.as_ref(),
        addresses: &port.addresses,
        subnets: &network.subnets,
        names: &network.names,
        routing: network.routing.as_ref().map(|it| (network.number, it)),
    }
}

fn packet_out(network: &WantedNetwork, port: PortNo, frame: Vec<u8>) -> PacketOut {
    PacketOut {
        in_port: PortNo::CONTROLLER,
        actions: deliver(network.number, port),
        data: frame,
    }
}

/// The ports that were heard while they waited for their instance, each with the plan since which.
pub type Heard = BTreeMap<PortId, Generation>;

/// Where it goes what the task hears.
#[derive(Clone, Debug)]
pub struct Ears {
    /// Which waiting ports were heard.
    heard: watch::Sender<Heard>,
    /// What an operator should know.
    remarks: Remarks,
}

impl Ears {
    /// Ears, and where it shows which waiting ports were heard.
    #[must_use]
    pub fn new(remarks: Remarks) -> (Self, watch::Receiver<Heard>) {
        let (heard, shown) = watch::channel(Heard::default());
        (Self { heard, remarks }, shown)
    }

    /// Takes note of a waiting port that was heard, and forgets those that wait no more.
    fn note(&self, known: &Known, (port, since): (PortId, Generation)) {
        self.heard.send_if_modified(|heard| {
            let still = |id: &PortId| known.waiting.values().any(|it| it == id);
            heard.retain(|id, _| still(id));
            heard.insert(port, since) != Some(since)
        });
    }
}

/// Answers for ever.
pub async fn run(run_directory: PathBuf, mut known: watch::Receiver<Arc<Known>>, ears: Ears) {
    let socket = run_directory.join(format!("{INTEGRATION_BRIDGE}.mgmt"));
    loop {
        if let Err(error) = serve(&socket, &mut known, &ears).await {
            debug!("{:#}", anyhow::Error::from(error));
        }
        sleep(RETRY).await;
    }
}

/// Answers until the connection is gone.
async fn serve(
    socket: &Path,
    known: &mut watch::Receiver<Arc<Known>>,
    ears: &Ears,
) -> Result<(), Error> {
    let client = Client::connect(socket, Options::default()).await?;
    let mut events = client.events();
    client.subscribe(TOLD).await?;
    let mut queue = Queue::default();
    let mut advertise = every(ADVERTISE_EVERY);
    let mut remark = every(REMARK_EVERY);
    let mut forwarder = Forwarder::default();
    let mut told = Arc::clone(&known.borrow_and_update());
    loop {
        queue.take_more(&mut events);
        let answers = tokio::select! {
            event = events.next(), if queue.is_empty() => {
                let Some(event) = event else { return Ok(()) };
                queue.take(event, &mut events);
                Vec::new()
            }
            () = ready(()), if !queue.is_empty() => {
                let known = Arc::clone(&known.borrow());
                answers(&known, &mut queue, (&mut forwarder, ears))
            }
            Some((asker, frame)) = forwarder.next() => {
                known.borrow().bring(asker, frame).into_iter().collect()
            }
            _ = advertise.tick() => known.borrow().advertisements(),
            _ = remark.tick() => {
                let dropped = queue.dropped().remark(|port| known.borrow().name(port));
                dropped.into_iter().for_each(|it| ears.remarks.push(it));
                Vec::new()
            }
            changed = known.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let now = Arc::clone(&known.borrow_and_update());
                let news = now.news(&told);
                told = now;
                news
            }
        };
        send(&client, answers).await?;
    }
}

/// A timer that makes up for nothing it missed.
fn every(period: Duration) -> Interval {
    let mut timer = interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

/// The answers to the questions whose turn it is.
fn answers(
    known: &Known,
    queue: &mut Queue,
    (forwarder, ears): (&mut Forwarder, &Ears),
) -> Vec<PacketOut> {
    let mut answers = Vec::new();
    let questions = std::iter::from_fn(|| queue.next()).take(BATCH);
    for packet in questions {
        if let Some(waiting) = known.waiting(&packet) {
            ears.note(known, waiting);
            continue;
        }
        match known.answer(&packet) {
            Some(Answer::Send(answer)) => answers.push(answer),
            Some(Answer::Ask(asker, pending)) => forwarder.ask(asker, pending),
            None => {}
        }
    }
    answers
}

/// Sends in batches. One that the switch refuses concerns nobody else.
async fn send(client: &Client, answers: Vec<PacketOut>) -> Result<(), Error> {
    let mut answers = answers.into_iter().map(ToSwitch::PacketOut).peekable();
    while answers.peek().is_some() {
        let batch = answers.by_ref().take(BATCH).collect();
        match client.send(batch).await {
            Ok(()) => {}
            Err(Error::Refused(refusal)) => debug!(?refusal, "the switch refused an answer"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
