//! The task that announces what came to this host: ports, and addresses of external networks.
//!
//! ```text
//!   a port moves here, silent ---> its flows are in the switch ---> announced, five times
//!                                                                     |
//!                      physical switches, br-<name> and neighbours  <-+  know where it is now
//! ```
//!
//! On a VLAN, and on what has no tag, switches send frames to where they last heard an address. Until a
//! port that moved speaks, that is its old host. So this host speaks for it, towards the fabric alone:
//! ports here know where it is from their flows. Overlays need none of this: flows say where ports are.
//! The same goes for an address outside that a router has here: each is behind an Ethernet address that
//! comes along with it.
//!
//! [`stations`] says who is to be announced, `Round` when, both purely. A port that this host's switch
//! carried before the agent started is not announced again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::{MacAddr, NetworkNumber, PortId};
use openflow::PortNo;
use openflow::client::{Client, Error, Options};
use openflow::message::{PacketOut, ToSwitch};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use crate::observe::INTEGRATION_BRIDGE;
use crate::pipeline::answer::deliver;
use crate::pipeline::{Mark, NetworkView, Outsiders, Reach, View};
use crate::respond::{Form, announce};

/// The pause between attempts to reach a switch that is not there.
const RETRY: Duration = Duration::from_millis(200);

/// How long after the one before each announcement is made, and how: one may be lost, and switches further
/// away may forward nothing yet.
///
/// Where Open vSwitch is a switch of the fabric, the first makes it look at all of its flows, and credit the
/// last frames from the old host, by which it takes the port to be back there. Of a frame like one it has seen
/// it learns half a second later only. So the next two follow soon, and are other frames.
const ANNOUNCEMENTS: [(Duration, Form); 5] = [
    (Duration::ZERO, Form::Request),
    (Duration::from_millis(20), Form::Reverse),
    (Duration::from_millis(80), Form::Reply),
    (Duration::from_millis(400), Form::Request),
    (Duration::from_secs(2), Form::Reply),
];

/// How many frames go out before others get their turn.
const BATCH: usize = 64;

/// What is announced as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A port.
    Port(PortId),
    /// An address of an external network that a router has.
    Address(NetworkNumber, IpAddr),
    /// The host itself, where other hosts of an external network send it what they answer for.
    Host(NetworkNumber),
}

/// An Ethernet address on a network where switches learn, and the IP addresses behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    network: NetworkNumber,
    /// A port's own number in the switch.
    port: Option<PortNo>,
    /// The way to the fabric.
    out: PortNo,
    mac: MacAddr,
    addresses: Arc<[IpAddr]>,
}

/// Who is active here, as far as switches learn from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stations {
    /// They.
    pub here: BTreeMap<Subject, Station>,
    /// Ports that were here before the agent; not known until it first looked.
    pub before: Option<BTreeSet<PortId>>,
}

impl Stations {
    /// Tells the other end of a channel, if it is news. Who was here before the agent was so when it
    /// first looked, whether or not that was anybody: a port that waited in the dark since is new.
    pub fn publish(self, sender: &watch::Sender<Arc<Self>>) {
        sender.send_if_modified(|held| {
            let news = held.here != self.here;
            if news || held.before.is_none() {
                let before = held.before.clone().or(self.before);
                let here = self.here;
                *held = Arc::new(Self { here, before });
            }
            news
        });
    }
}

/// Who is to be announced, of all that are here.
#[must_use]
pub fn stations<'a>(views: impl Iterator<Item = &'a View>) -> BTreeMap<Subject, Station> {
    let networks = views.filter_map(|view| match view {
        View::Network(view) => Some(view),
        View::SecurityGroup(_) => None,
    });
    let ways = networks.filter_map(|view| Some((view, view.uplink?)));
    // In an overlay the plan says where everybody is.
    let learnt = ways.filter(|(_, uplink)| !matches!(uplink.mark, Mark::Vni(_)));
    let stations = learnt.flat_map(|(view, uplink)| {
        let addresses = addresses(view, uplink.port);
        ports(view, uplink.port).chain(addresses)
    });
    stations.collect()
}

/// Where ports reach only what answers here, nobody on the fabric has anything to do with them.
fn ports(view: &NetworkView, out: PortNo) -> impl Iterator<Item = (Subject, Station)> + '_ {
    let apart = view.outsiders == Outsiders::None && view.reach != Reach::Everybody;
    let locals = view.locals.iter().filter(move |_| !apart);
    locals.map(move |local| {
        let station = Station {
            network: view.number,
            port: Some(local.port),
            out,
            mac: local.mac,
            addresses: Arc::clone(&local.addresses),
        };
        (Subject::Port(local.id), station)
    })
}

/// The addresses of an external network that routers have here.
fn addresses(view: &NetworkView, out: PortNo) -> impl Iterator<Item = (Subject, Station)> + '_ {
    let station = move |mac, addresses| Station {
        network: view.number,
        port: None,
        out,
        mac,
        addresses,
    };
    let addresses = view.outside.addresses().map(move |address| {
        let station = station(MacAddr::public(address), [address].into());
        (Subject::Address(view.number, address), station)
    });
    let host = view.outside.own_mac();
    let host = host.map(|mac| (Subject::Host(view.number), station(mac, [].into())));
    addresses.chain(host)
}

/// Who was announced, and who is to be announced when.
#[derive(Debug, Default)]
struct Round {
    told: BTreeMap<Subject, Station>,
    /// How often each was announced, and when it is next.
    due: BTreeMap<Subject, (usize, Instant)>,
    begun: bool,
}

impl Round {
    /// Takes note of who is here now.
    fn take(&mut self, stations: &Stations, now: Instant) {
        self.told.retain(|it, _| stations.here.contains_key(it));
        self.due.retain(|it, _| stations.here.contains_key(it));
        for (subject, station) in &stations.here {
            let before = self.told.insert(*subject, station.clone());
            let was_here = match subject {
                Subject::Port(id) => stations.before.iter().any(|it| it.contains(id)),
                Subject::Address(..) | Subject::Host(_) => false,
            };
            let known = !self.begun && was_here;
            if before.as_ref() != Some(station) && !known {
                self.due.insert(*subject, (0, now));
            }
        }
        self.begun |= !stations.here.is_empty();
    }

    fn next(&self) -> Option<Instant> {
        self.due.values().map(|(_, at)| *at).min()
    }

    /// What is to be announced now.
    fn announcements(&mut self, now: Instant) -> Vec<PacketOut> {
        let mut announcements = Vec::new();
        let told = &self.told;
        self.due.retain(|subject, (times, at)| {
            if *at > now {
                return true;
            }
            let station = told.get(subject).zip(ANNOUNCEMENTS.get(*times));
            let frames = station.map(|(station, (_, form))| packets(station, *form));
            announcements.extend(frames.into_iter().flatten());
            *times += 1;
            let next = ANNOUNCEMENTS.get(*times);
            next.is_some_and(|(after, _)| {
                *at = now + *after;
                true
            })
        });
        announcements
    }
}

/// Out to the fabric as a frame of its network, and nowhere else.
fn packets(station: &Station, form: Form) -> impl Iterator<Item = PacketOut> {
    let actions = deliver(station.network, station.out);
    let frames = announce(station.mac, &station.addresses, form).into_iter();
    frames.map(move |data| PacketOut {
        in_port: PortNo::CONTROLLER,
        actions: actions.clone(),
        data,
    })
}

/// Announces for ever.
pub async fn run(run_directory: PathBuf, mut stations: watch::Receiver<Arc<Stations>>) {
    let socket = run_directory.join(format!("{INTEGRATION_BRIDGE}.mgmt"));
    let mut round = Round::default();
    loop {
        if let Err(error) = serve(&socket, &mut round, &mut stations).await {
            debug!("{:#}", anyhow::Error::from(error));
        }
        sleep(RETRY).await;
    }
}

/// Announces until the connection is gone.
async fn serve(
    socket: &Path,
    round: &mut Round,
    stations: &mut watch::Receiver<Arc<Stations>>,
) -> Result<(), Error> {
    let client = Client::connect(socket, Options::default()).await?;
    stations.mark_changed();
    loop {
        let next = round.next();
        let due = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = stations.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let now = Arc::clone(&stations.borrow_and_update());
                round.take(&now, Instant::now());
            }
            () = due => {}
        }
        send(&client, round.announcements(Instant::now())).await?;
    }
}

/// One that the switch refuses concerns nobody else.
async fn send(client: &Client, announcements: Vec<PacketOut>) -> Result<(), Error> {
    let mut announcements = announcements
        .into_iter()
        .map(ToSwitch::PacketOut)
        .peekable();
    while announcements.peek().is_some() {
        let batch = announcements.by_ref().take(BATCH).collect();
        match client.send(batch).await {
            Ok(()) => {}
            Err(Error::Refused(refusal)) => debug!(?refusal, "the switch refused an announcement"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
