//! The hosts: plans out, reports in.
//!
//! ```text
//!   writer --intent_changed--> outbox of each open session --session--> agent
//!                                                                        |
//!   writer <--binder-- ports to judge <--+-- observed <--session-- report
//!                                        |
//!                        inventory <-----+-----> events
//! ```
//!
//! [`session`] speaks with one host, `outbox` holds what it has still to be sent, `observed` what
//! it said; `sighting` and `binder` let ports follow their interfaces.

mod asked;
pub(crate) mod binder;
pub(crate) mod changes;
mod events;
pub mod identity;
pub(crate) mod inventory;
pub(crate) mod leaving;
pub(crate) mod migrating;
mod observed;
mod outbox;
mod path;
mod plugs;
mod probing;
pub mod session;
pub(crate) mod sighting;
mod states;
mod suspects;
mod traces;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::session::FromController;
use arc_swap::ArcSwap;
use model::plan::Generation;
use model::report::HostReport;
use model::{
    Event, EventKind, HostId, HostTraceOutcome, Inventory, MeterFinding, PlugOutcome, PortId,
    Tunnel, TunnelState,
};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::asked::Asked;
use self::changes::{Changes, Published};
use self::events::Events;
pub(crate) use self::observed::{Observed, SeenHost};
use self::outbox::{Dirty, Outbox};
use self::probing::Probing;
use self::suspects::Suspects;
use crate::intent::Intent;
use crate::journal::Journal;
use crate::object::Key;

/// Everything about the hosts that is not intent.
pub struct Fleet {
    outboxes: Mutex<Outboxes>,
    /// What the hosts said; changed under its lock, read from the copy beside it.
    observing: Mutex<Observed>,
    observed: ArcSwap<Observed>,
    changes: Mutex<Changes>,
    events: Events,
    suspects: Suspects,
    probing: Probing,
    traces: Asked<HostTraceOutcome>,
    plugs: Asked<PlugOutcome>,
    inventory: watch::Sender<Arc<Inventory>>,
    inventory_changed: Notify,
}

/// The newest intent, and what each open session has still to be sent of it. They change
/// together, so that one generation is always one and the same plan.
#[derive(Default)]
struct Outboxes {
    intent: Arc<Intent>,
    open: HashMap<HostId, Outbox>,
    last_session: u64,
}

/// An open session's end of its outbox.
pub(crate) struct Opened {
    session: u64,
    wake: Arc<Notify>,
    replaced: CancellationToken,
    /// What checks of the fabric, traces and operators ask the host for.
    requests: tokio::sync::Mutex<mpsc::Receiver<FromController>>,
}

impl Default for Fleet {
    fn default() -> Self {
        // Revisions go on increasing after a restart, for whoever compares them.
        let revision = model::Timestamp::now().unix_milliseconds().unsigned_abs();
        let hosts = Vec::new();
        Self {
            outboxes: Mutex::default(),
            observing: Mutex::default(),
            observed: ArcSwap::default(),
            changes: Mutex::default(),
            events: Events::default(),
            suspects: Suspects::default(),
            probing: Probing::default(),
            traces: Asked::default(),
            plugs: Asked::default(),
            inventory: watch::Sender::new(Arc::new(Inventory {
                revision,
                hosts,
                ..Inventory::default()
            })),
            inventory_changed: Notify::new(),
        }
    }
}

/// What everybody may know.
impl Fleet {
    /// What the hosts last said.
    pub(crate) fn observed(&self) -> Arc<Observed> {
        self.observed.load_full()
    }

    /// Something happened that concerns no single host.
    pub(crate) fn note(&self, kind: EventKind, message: String) {
        self.events.note(kind, message);
    }

    /// Something happened that may happen often, on a host or on none: bounded.
    pub(crate) fn tell_of(&self, kind: EventKind, host: Option<HostId>, message: String) {
        self.events.add(kind, host, message);
    }

    /// Where everything is told.
    pub(crate) const fn journal(&self) -> &Arc<Journal> {
        self.events.journal()
    }

    /// The newest events that operators are told, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events.all()
    }

    /// The newest inventory, and every one after it.
    #[must_use]
    pub fn inventory(&self) -> watch::Receiver<Arc<Inventory>> {
        self.inventory.subscribe()
    }

    /// The newest intent that plans are made from.
    pub(crate) fn intent(&self) -> Arc<Intent> {
        self.outboxes().intent.clone()
    }
}

/// What the writer and the binder say.
impl Fleet {
    /// The intent that the controller starts with.
    pub(crate) fn start_with(&self, intent: Arc<Intent>) {
        self.changes().begin(intent.revision);
        self.outboxes().intent = intent;
    }

    /// The intent changed: each host that sees a difference is to be sent it, no other.
    pub(crate) fn intent_changed(&self, published: &[Published<'_>], newest: &Arc<Intent>) {
        let mut touched = BTreeSet::new();
        let mut changes = self.changes();
        for one in published {
            let items = one.touched();
            changes.add(one.change, &items);
            touched.extend(items);
        }
        drop(changes);
        let mut outboxes = self.outboxes();
        outboxes.intent = newest.clone();
        for (host, key) in touched {
            if let Some(outbox) = outboxes.open.get_mut(&host) {
                outbox.dirty.add(key);
                outbox.wake.notify_one();
            }
        }
        drop(outboxes);
        if let Some(first) = published.first() {
            let steps = published.iter().flat_map(|it| &it.change.steps);
            let written: Vec<Key> = steps.map(|step| step.write.key()).collect();
            self.ports_written(first.before, newest, &written);
        }
    }

    /// A port that has an interface somewhere may belong elsewhere now, and be billed elsewhere.
    fn ports_written(&self, before: &Intent, after: &Intent, written: &[Key]) {
        let observed = self.observed();
        let ports = written.iter().filter_map(|key| match key {
            Key::Port(id) => Some(*id),
            _ => None,
        });
        let seen = ports.filter(|port| observed.sightings(*port).next().is_some());
        let seen: Vec<PortId> = seen.collect();
        if seen.is_empty() {
            return;
        }
        let host = |intent: &Intent, port| intent.ports.get(port).and_then(|port| port.host_id);
        for port in &seen {
            let (was, is) = (host(before, port), host(after, port));
            if let Some(host) = is.filter(|_| was != is) {
                self.port_bound(*port, host);
            }
        }
        self.suspects.add(seen);
        self.inventory_changed.notify_one();
    }

    fn port_bound(&self, port: PortId, host: HostId) {
        if self.observe(|observed| observed.bound(port, host)) {
            let message = format!("port {port} is bound to the host where its interface is");
            self.events.add(EventKind::PortBound, host, message);
        }
    }

    /// Tells operators what a check of the fabric found.
    pub(crate) fn tell_of_fabric(&self, kind: EventKind, host: Option<HostId>, message: &str) {
        self.events.add(kind, host, message);
    }

    /// Tells operators where meters disagree, for as long as the collector finds such.
    pub(crate) async fn tell_of_meters(self: Arc<Self>, mut found: Receiver<MeterFinding>) {
        loop {
            match found.recv().await {
                Ok(finding) => {
                    let port = finding.port_id.map(|id| format!("port {id}: "));
                    let (port, cause) = (port.unwrap_or_default(), finding.cause);
                    let from = finding.interval_start;
                    let message = format!("{port}{cause} from {from} on: {}", finding.message);
                    self.events
                        .add(EventKind::MetersDisagree, finding.host_id, message);
                }
                // The ledger has those that were too many.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Tells operators something of an interface, unless it was the last they were told of it.
    fn tell(&self, kind: EventKind, host: HostId, interface: &str, message: String) {
        if self.observe(|observed| observed.tell(host, interface, kind)) {
            self.events.add(kind, host, message);
        }
    }
}

/// What sessions say.
impl Fleet {
    /// A session of this host opened; it takes the place of an older one.
    fn open(&self, host: HostId, address: IpAddr, agent_version: String) -> Opened {
        let mut outboxes = self.outboxes();
        // Under the lock, as in `close`: whichever comes last must have the last word.
        self.observe(|observed| observed.connected_from(host, address, agent_version));
        self.inventory_changed.notify_one();
        outboxes.last_session += 1;
        let (sender, requests) = mpsc::channel(probing::REQUESTS);
        let opened = Opened {
            session: outboxes.last_session,
            requests: requests.into(),
            wake: Arc::default(),
            replaced: CancellationToken::new(),
        };
        let older = outboxes.open.insert(
            host,
            Outbox {
                session: opened.session,
                dirty: Dirty::Whole,
                wake: opened.wake.clone(),
                requests: sender,
                replaced: opened.replaced.clone(),
            },
        );
        if let Some(older) = older {
            older.replaced.cancel();
        }
        opened
    }

    /// The session ended. Gives whether it was the host's newest: then the host is lost.
    fn close(&self, host: HostId, opened: &Opened) -> bool {
        let mut outboxes = self.outboxes();
        let newest = outboxes.open.get(&host).map(|outbox| outbox.session);
        if newest != Some(opened.session) {
            return false;
        }
        outboxes.open.remove(&host);
        // Still under the lock: a session that opens now must not be taken for lost.
        let ports = self.observe(|observed| observed.lost(host));
        drop(outboxes);
        self.suspects.add(ports);
        true
    }

    /// What the session is to send now, and the intent to make it from.
    fn take(&self, host: HostId, opened: &Opened) -> (Dirty, Arc<Intent>) {
        let mut outboxes = self.outboxes();
        let intent = outboxes.intent.clone();
        let outbox = outboxes.open.get_mut(&host);
        let own = outbox.filter(|outbox| outbox.session == opened.session);
        let dirty = own.map(|own| std::mem::replace(&mut own.dirty, Dirty::nothing()));
        (dirty.unwrap_or_else(Dirty::nothing), intent)
    }

    /// The session is to send the whole plan again.
    fn start_over(&self, host: HostId, opened: &Opened) {
        let mut outboxes = self.outboxes();
        let outbox = outboxes.open.get_mut(&host);
        if let Some(own) = outbox.filter(|outbox| outbox.session == opened.session) {
            own.dirty = Dirty::Whole;
            own.wake.notify_one();
        }
    }

    fn planned(&self, host: HostId, generation: Generation) {
        self.observe(|observed| observed.planned(host, generation));
    }

    /// Nothing of the intent up to this revision is still to be sent to the host.
    fn considered(&self, host: HostId, revision: u64) {
        self.observe(|observed| observed.considered(host, revision));
    }

    fn heard(&self, host: HostId) {
        self.observe(|observed| observed.heard(host));
    }

    /// Takes in what a host says of itself.
    fn report(&self, host: HostId, mut report: HostReport) {
        let remarks = std::mem::take(&mut report.remarks);
        let news = self.observe(|observed| observed.absorb(host, report));
        self.tell_states(host, &news.states);
        for remark in remarks {
            self.events.add(EventKind::Remark, host, remark);
        }
        if let Some((before, now)) = news.path
            && let Some((kind, message)) = path::told(&before, &now)
        {
            self.events.add(kind, host, message);
        }
        for failure in news.failures {
            self.events.add(EventKind::ItemFailed, host, failure);
        }
        for (interface, iface_id) in news.nameless {
            let message =
                format!("interface {interface} has iface-id {iface_id:?}, which is no port");
            self.events.add(EventKind::UnknownVif, host, message);
        }
        for tunnel in news.tunnels {
            self.tunnel_turned(host, &tunnel);
        }
        if news.truncated {
            let message = "the host reports more than is looked at; the rest is left out";
            self.events.add(EventKind::Remark, host, message);
        }
        self.suspects.add(news.ports);
        self.inventory_changed.notify_one();
    }

    /// A tunnel went down or came up again.
    fn tunnel_turned(&self, host: HostId, tunnel: &Tunnel) {
        let (kind, state) = match tunnel.state {
            TunnelState::Up => (EventKind::TunnelUp, "up again"),
            _ => (EventKind::TunnelDown, "down"),
        };
        let intent = self.intent();
        let peer = intent.host_with_endpoint(tunnel.peer);
        let peer = peer.map_or("a host that is gone", |host| host.name.as_str());
        let (encapsulation, endpoint) = (tunnel.kind, tunnel.peer);
        let reason = tunnel.diagnostic.as_deref();
        let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
        let message =
            format!("the {encapsulation} tunnel to {peer} ({endpoint}) is {state}{reason}");
        self.events.add(kind, host, message);
    }

    fn observe<T>(&self, change: impl FnOnce(&mut Observed) -> T) -> T {
        let mut observing = self
            .observing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut observing);
        self.observed.store(Arc::new(observing.clone()));
        outcome
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outboxes(&self) -> MutexGuard<'_, Outboxes> {
        self.outboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
