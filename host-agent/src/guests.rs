//! The task that knows the guests of this host, and names their interfaces' ports where they do not.
//!
//! ```text
//!   libvirt, XenAPI: Seen
//!                   |
//!   hooks: Starting +--> adopt (pure) --> OVSDB: iface-id
//!   plan, OVSDB ----+--> Watched --> the reports
//!   containers -----+
//! ```

mod adopt;
mod announced;
mod contained;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use compute::libvirt::Kind;
use compute::libvirt::domain::Domain;
use compute::ovsdb::AnnouncedGuest;
use compute::seen::{Daemon, Seen, SeenGuest};
use model::plan::{HostPlan, PlanItem};
use model::{DriverFound, Guest, GuestState, MacAddr, NetworkId, PortId};
use ovsdb::{Client, Condition, Monitor, Mutator, Operation, Uuid, Value};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::observe::{DATABASE, INTEGRATION_BRIDGE};
use crate::status::Remarks;
use adopt::Adoption;

/// The drivers' names in reports; libvirt's are below.
pub(crate) const XEN: &str = "xen";
const XENAPI: &str = "xenapi";

/// What a driver of libvirt's is called in reports.
pub(crate) const fn libvirt(kind: Kind) -> &'static str {
    match kind {
        Kind::Qemu => "libvirt",
        Kind::Lxc => "libvirt-lxc",
    }
}

/// How often everything is looked at again when nothing calls for it.
const AGAIN: Duration = Duration::from_secs(30);

/// What a failed change of the database waits for.
const RETRY: Duration = Duration::from_secs(1);

/// What is held until its VIFs are active: guests of libvirt by their identifier, since libvirt does not
/// speak of them meanwhile, and each VIF of Xen's by one of its own.
pub type Starting = BTreeMap<Uuid, Beginning>;

/// A guest that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Which driver's it is.
    pub driver: &'static str,
    /// How it is described.
    pub domain: Domain,
}

/// What is known of guests, for the reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Who is behind each interface on the host, by its name.
    pub behind: BTreeMap<String, Guest>,
    /// The hypervisors that were found here.
    pub drivers: Vec<DriverFound>,
}

/// The ports that may be plugged here, and the network of each, by their Ethernet address.
type Planned = BTreeMap<MacAddr, Vec<(PortId, NetworkId)>>;

/// The task.
pub struct Guests {
    /// What machines libvirt runs.
    pub libvirt_qemu: watch::Receiver<Seen>,
    /// What containers libvirt runs.
    pub libvirt_lxc: watch::Receiver<Seen>,
    /// What XenAPI's toolstack runs.
    pub xenapi: watch::Receiver<Seen>,
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
            Ok(()) = self.libvirt_qemu.changed() => Ok(()),
            Ok(()) = self.libvirt_lxc.changed() => Ok(()),
            Ok(()) = self.xenapi.changed() => Ok(()),
            Ok(()) = self.starting.changed() => Ok(()),
            Ok(()) = self.plan.changed() => {
                self.plan.mark_changed();
                Ok(())
            }
        }
    }

    async fn look(&mut self, planned: &Planned) -> Result<(), ovsdb::Error> {
        let seen = [
            (
                libvirt(Kind::Qemu),
                self.libvirt_qemu.borrow_and_update().clone(),
            ),
            (
                libvirt(Kind::Lxc),
                self.libvirt_lxc.borrow_and_update().clone(),
            ),
            (XENAPI, self.xenapi.borrow_and_update().clone()),
        ];
        let starting = self.starting.borrow_and_update().clone();
        let replica = self.monitor.snapshot();
        let announced = compute::ovsdb::announced_guests(&replica, INTEGRATION_BRIDGE);
        let mut watched = watched(&seen, &starting, &announced);
        contained::add(&compute::container::plugged(&replica), &mut watched);
        self.watched.send_if_modified(|before| {
            let changed = *before != watched;
            *before = watched;
            changed
        });
        let domains = running(&seen, &starting).map(|(_, guest)| &guest.domain);
        let domains = domains.chain(starting.values().map(|it| &it.domain));
        let plugged: Vec<Domain> = announced.iter().filter_map(announced::domain).collect();
        let domains = domains.chain(&plugged);
        let vifs = compute::ovsdb::vifs(&replica, INTEGRATION_BRIDGE);
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
            let known = planned.entry(port.mac).or_default();
            known.push((port.id, port.network_id));
        }
    }
    planned
}

/// What runs, and whose it is. What is about to run is as its hook says, whatever was said of an earlier
/// run.
fn running<'a>(
    seen: &'a [(&'static str, Seen)],
    starting: &'a Starting,
) -> impl Iterator<Item = (&'static str, &'a SeenGuest)> {
    let all = seen.iter();
    let all = all.flat_map(|(driver, seen)| seen.guests.values().map(|guest| (*driver, guest)));
    all.filter(|(_, guest)| !starting.contains_key(&guest.domain.uuid))
}

fn watched(
    seen: &[(&'static str, Seen)],
    starting: &Starting,
    announced: &[AnnouncedGuest],
) -> Watched {
    // Who knows more comes later.
    let mut behind = announced::behind(announced);
    let running = running(seen, starting);
    let running = running.map(|(driver, guest)| (driver, &guest.domain, guest.state));
    let held = starting.values();
    let held = held.map(|it| (it.driver, &it.domain, GuestState::Starting));
    for (driver, domain, state) in running.chain(held) {
        let links = domain.interfaces.iter().filter_map(|it| it.link.as_ref());
        let guest = Guest {
            driver: driver.to_owned(),
            name: domain.name.clone(),
            uuid: domain.uuid,
            state,
        };
        behind.extend(links.map(|link| (link.clone(), guest.clone())));
    }
    let found = seen.iter().filter_map(|(name, seen)| found(name, seen));
    let drivers = found.chain(announced::driver(announced)).collect();
    Watched { behind, drivers }
}

/// How it stands with a driver, if it was ever there.
fn found(name: &str, seen: &Seen) -> Option<DriverFound> {
    let (version, reason) = match &seen.daemon {
        Daemon::Absent => return None,
        Daemon::Here { version } => (Some(version.clone()), None),
        Daemon::Away { reason } => (None, Some(reason.clone())),
    };
    Some(DriverFound {
        name: name.to_owned(),
        version,
        guests: seen.guests.len(),
        reason,
    })
}
