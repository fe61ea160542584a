//! The task that knows the guests of this host, and names their interfaces' ports where they do not.
//!
//! ```text
//!   libvirt --Seen--+
//!   hook: Starting -+--> adopt (pure) --> OVSDB: iface-id
//!   plan, OVSDB ----+--> Watched --> the reports
//!   containers -----+
//! ```

mod adopt;
mod contained;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use compute::libvirt::domain::Domain;
use compute::libvirt::{Daemon, Seen};
use model::plan::{HostPlan, PlanItem};
use model::{DriverFound, Guest, GuestState, MacAddr, PortId};
use ovsdb::{Client, Condition, Monitor, Mutator, Operation, Uuid, Value};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::observe::{DATABASE, INTEGRATION_BRIDGE};
use crate::status::Remarks;
use adopt::Adoption;

/// The driver's name in reports.
const LIBVIRT: &str = "libvirt";

/// How often everything is looked at again when nothing calls for it.
const AGAIN: Duration = Duration::from_secs(30);

/// What a failed change of the database waits for.
const RETRY: Duration = Duration::from_secs(1);

/// Guests whose start is held, which libvirt does not speak of meanwhile.
pub type Starting = BTreeMap<Uuid, Domain>;

/// What is known of guests, for the reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Who is behind each interface on the host, by its name.
    pub behind: BTreeMap<String, Guest>,
    /// The hypervisors that were found here.
    pub drivers: Vec<DriverFound>,
}

/// The ports that may be plugged here, by their Ethernet address.
type Planned = BTreeMap<MacAddr, Vec<PortId>>;

/// The task.
pub struct Guests {
    /// What libvirt runs.
    pub seen: watch::Receiver<Seen>,
    /// What is about to run.
    pub starting: watch::Receiver<Starting>,
    /// The newest plan.
    pub plan: watch::Receiver<Option<Arc<HostPlan>>>,
    /// The switch's database.
    pub ovsdb: Client,
    /// What is in it.
    pub monitor: Monitor,
    /// What came of it.
    pub watched: watch::Sender<Watched>,
    /// What else an operator should know.
    pub remarks: Remarks,
}

impl Guests {
    /// Looks after guests, for ever; ends when the database client does.
    pub async fn run(mut self) {
        let mut planned = Planned::new();
        loop {
            if self.plan.has_changed().unwrap_or(false) || planned.is_empty() {
                let plan = self.plan.borrow_and_update().clone();
                planned = plan.map(|plan| by_mac(&plan)).unwrap_or_default();
            }
            let adopted = self.look(&planned).await;
            let wait = match adopted {
                Ok(()) => AGAIN,
                Err(error) => {
                    let error = anyhow::Error::from(error);
                    warn!("could not name the ports of guests' interfaces: {error:#}");
                    RETRY
                }
            };
            if let Ok(Err(_)) = timeout(wait, self.woken()).await {
                return;
            }
        }
    }

    async fn woken(&mut self) -> Result<(), ovsdb::Error> {
        tokio::select! {
            changed = self.monitor.changed() => changed,
            Ok(()) = self.seen.changed() => Ok(()),
            Ok(()) = self.starting.changed() => Ok(()),
            Ok(()) = self.plan.changed() => {
                self.plan.mark_changed();
                Ok(())
            }
        }
    }

    async fn look(&mut self, planned: &Planned) -> Result<(), ovsdb::Error> {
        let seen = self.seen.borrow_and_update().clone();
        let starting = self.starting.borrow_and_update().clone();
        let mut watched = watched(&seen, &starting);
        contained::add(
            &compute::container::plugged(&self.monitor.snapshot()),
            &mut watched,
        );
        self.watched.send_if_modified(|before| {
            let changed = *before != watched;
            *before = watched;
            changed
        });
        let running = seen.guests.values().map(|guest| &guest.domain);
        // What is about to run is as the hook says, whatever libvirt said of an earlier run.
        let running = running.filter(|domain| !starting.contains_key(&domain.uuid));
        let domains = running.chain(starting.values());
        let vifs = compute::ovsdb::vifs(&self.monitor.snapshot(), INTEGRATION_BRIDGE);
        let adoptions = adopt::adoptions(domains, &vifs, planned);
        if adoptions.is_empty() {
            return Ok(());
        }
        let operations = adoptions.iter().flat_map(operations).collect();
        self.ovsdb.transact(DATABASE, operations).await?;
        for adoption in adoptions {
            info!(adoption.interface, port.id = %adoption.port, "{adoption}");
            self.remarks.push(adoption.to_string());
        }
        Ok(())
    }
}

fn operations(adoption: &Adoption) -> [Operation; 2] {
    let ids = [
        ("iface-id", adoption.port.to_string()),
        ("attached-mac", adoption.mac.to_string()),
        ("vm-id", adoption.guest.to_string()),
    ];
    let row = || Operation::mutate("Interface").where_(Condition::equal("_uuid", adoption.row));
    // What is there already is not replaced by an insertion.
    let gone = Value::set(ids.iter().map(|(key, _)| *key));
    [
        row().mutation("external_ids", Mutator::Delete, gone).into(),
        row()
            .mutation("external_ids", Mutator::Insert, Value::map(ids))
            .into(),
    ]
}

/// Sub-ports are carried by their trunk's interface and have none of their own.
fn by_mac(plan: &HostPlan) -> Planned {
    let mut planned = Planned::new();
    for item in plan.items.values() {
        if let PlanItem::Port(port) = item
            && port.on_trunk.is_none()
        {
            planned.entry(port.mac).or_default().push(port.id);
        }
    }
    planned
}

fn watched(seen: &Seen, starting: &Starting) -> Watched {
    let running = seen.guests.values();
    let running = running.filter(|guest| !starting.contains_key(&guest.domain.uuid));
    let running = running.map(|guest| (&guest.domain, guest.state));
    let held = starting.values().map(|it| (it, GuestState::Starting));
    let mut behind = BTreeMap::new();
    for (domain, state) in running.chain(held) {
        let links = domain.interfaces.iter().filter_map(|it| it.link.as_ref());
        let guest = Guest {
            driver: LIBVIRT.to_owned(),
            name: domain.name.clone(),
            uuid: domain.uuid,
            state,
        };
        behind.extend(links.map(|link| (link.clone(), guest.clone())));
    }
    let (version, reason) = match &seen.daemon {
        Daemon::Absent => {
            let drivers = Vec::new();
            return Watched { behind, drivers };
        }
        Daemon::Here { version } => (Some(version.clone()), None),
        Daemon::Away { reason } => (None, Some(reason.clone())),
    };
    let drivers = vec![DriverFound {
        name: LIBVIRT.to_owned(),
        version,
        guests: seen.guests.len(),
        reason,
    }];
    Watched { behind, drivers }
}
