//! Instances as network namespaces: one veth pair per VIF.

pub(crate) mod namespace;
pub(crate) mod wiring;

use std::collections::{HashMap, HashSet};
use std::io;

use ::ovsdb::{Client, Condition, Value};
use futures::future::BoxFuture;
use model::plan::{PlannedInstance, PlannedInterface};
use model::report::InstanceReport;
use model::{Driver, InstanceId};

use crate::plug::{self, DATABASE, Link, PortRow};
use crate::{Hypervisor, Reconciled};

/// How many instances are started at a time: the first of many does not wait for the last.
const BATCH: usize = 64;

/// Runs instances as network namespaces named `<prefix><part of the instance's id>`.
pub struct Netns {
    prefix: String,
    bridge: String,
    ovsdb: Client,
}

/// Why an instance is not as it should be.
#[derive(Debug, thiserror::Error)]
enum NetnsError {
    #[error("could not make the namespace")]
    Namespace(#[source] io::Error),
    #[error("could not connect {interface} to the host")]
    Pair {
        interface: String,
        #[source]
        source: io::Error,
    },
    #[error("could not configure {interface} inside")]
    Configure {
        interface: String,
        #[source]
        source: io::Error,
    },
    #[error("could not plug {interface} into the switch")]
    Plug {
        interface: String,
        #[source]
        source: ::ovsdb::Error,
    },
    #[error("could not unplug the instance from the switch")]
    Unplug(#[source] ::ovsdb::Error),
    #[error("could not remove the namespace")]
    Remove(#[source] io::Error),
}

/// The instances that could not be made right.
type Failed = HashMap<InstanceId, NetnsError>;

impl Netns {
    /// A driver whose namespaces all start with `prefix`, which no other agent on this machine may
    /// use, and whose VIFs are plugged into `bridge`.
    #[must_use]
    pub fn new(prefix: impl Into<String>, bridge: impl Into<String>, ovsdb: Client) -> Self {
        Self {
            prefix: prefix.into(),
            bridge: bridge.into(),
            ovsdb,
        }
    }

    async fn make_right(
        &self,
        wanted: &[PlannedInstance],
        settled: &[PlannedInstance],
    ) -> Reconciled {
        let leftovers = self.stop_others(wanted).await;
        let is_settled = |instance: &PlannedInstance| {
            let found = settled.binary_search_by_key(&instance.id, |it| it.id);
            found.is_ok_and(|index| settled[index] == *instance)
        };
        let unsettled = wanted.iter().filter(|instance| !is_settled(instance));
        let unsettled: Vec<&PlannedInstance> = unsettled.collect();
        let mut failed = Failed::new();
        for batch in unsettled.chunks(BATCH) {
            self.start(batch, &mut failed).await;
        }
        let reports = wanted.iter().map(|instance| {
            let reason = failed.remove(&instance.id).map(whole);
            InstanceReport {
                id: instance.id,
                running: reason.is_none(),
                handle: Some(self.handle(instance.id)),
                reason,
                departure: None,
            }
        });
        Reconciled {
            instances: reports.collect(),
            leftovers,
        }
    }

    /// Stops what is not wanted; gives what could not be.
    async fn stop_others(&self, wanted: &[PlannedInstance]) -> Vec<(String, String)> {
        let handles: HashSet<String> = wanted.iter().map(|it| self.handle(it.id)).collect();
        let names = match namespace::list(&self.prefix) {
            Ok(names) => names,
            Err(error) => return vec![(self.prefix.clone(), whole(error))],
        };
        let mut leftovers = Vec::new();
        for name in names.into_iter().filter(|name| !handles.contains(name)) {
            let stopped = self.stop(&name).await;
            leftovers.extend(stopped.err().map(|error| (name, whole(error))));
        }
        leftovers
    }

    /// The last 12 digits: in a UUID of version 7 the first ones are the time.
    fn handle(&self, id: InstanceId) -> String {
        let digits = id.uuid().simple().to_string();
        format!("{}{}", self.prefix, &digits[20..])
    }

    /// Starts some together, so that the switch is told of all of their interfaces at once.
    async fn start(&self, batch: &[&PlannedInstance], failed: &mut Failed) {
        for instance in batch {
            if let Err(error) = self.wire(instance).await {
                failed.insert(instance.id, error);
            }
        }
        // Plugged before they are configured: what an instance sends at once meets a port that is dark until
        // the agent has vouched for it, never a port that is open.
        self.plug(batch, failed).await;
        for instance in batch {
            if !failed.contains_key(&instance.id)
                && let Err(error) = self.configure(instance).await
            {
                failed.insert(instance.id, error);
            }
        }
    }

    /// Makes the namespace and the links into it.
    async fn wire(&self, instance: &PlannedInstance) -> Result<(), NetnsError> {
        let name = self.handle(instance.id);
        namespace::ensure(&name).map_err(NetnsError::Namespace)?;
        let namespace = namespace::path(&name);
        for (inside, interface) in interfaces(instance) {
            let made = wiring::ensure_pair(&namespace, interface, &inside).await;
            made.map_err(|source| NetnsError::Pair {
                interface: inside,
                source,
            })?;
        }
        Ok(())
    }

    async fn configure(&self, instance: &PlannedInstance) -> Result<(), NetnsError> {
        let namespace = namespace::path(&self.handle(instance.id));
        for (inside, interface) in interfaces(instance) {
            let configured = wiring::configure(&namespace, &inside, interface, &[]).await;
            configured.map_err(|source| NetnsError::Configure {
                interface: inside,
                source,
            })?;
        }
        Ok(())
    }

    /// Plugs in what is not plugged in yet, in one transaction. Should it be refused, each interface has one
    /// of its own, so that one that is wrong holds up no other instance.
    async fn plug(&self, batch: &[&PlannedInstance], failed: &mut Failed) {
        let plugged = self.ports_where(None).await;
        let plugged: HashSet<String> = match plugged {
            Ok(ports) => ports.into_iter().map(|port| port.name).collect(),
            // Nor is what follows answered, which says so of each.
            Err(_) => HashSet::new(),
        };
        let wired = batch.iter().filter(|it| !failed.contains_key(&it.id));
        let missing: Vec<_> = wired
            .flat_map(|instance| interfaces(instance).map(move |it| (*instance, it)))
            .filter(|(_, (_, interface))| !plugged.contains(&wiring::host_end(interface.port_id)))
            .collect();
        let links = missing.iter().map(|(it, (_, to))| self.link(it, to));
        if missing.is_empty() || self.transact(links).await.is_ok() {
            return;
        }
        for (instance, (inside, interface)) in missing {
            let alone = self.transact([self.link(instance, interface)]).await;
            if let Err(source) = alone {
                let interface = inside;
                failed.insert(instance.id, NetnsError::Plug { interface, source });
            }
        }
    }

    /// What is to be plugged in for an instance.
    fn link(&self, instance: &PlannedInstance, interface: &PlannedInterface) -> Link {
        Link {
            name: wiring::host_end(interface.port_id),
            of_interface: Value::map([
                ("iface-id".to_owned(), interface.port_id.to_string()),
                ("attached-mac".to_owned(), interface.mac.to_string()),
                ("vm-id".to_owned(), instance.id.to_string()),
                ("iface-status".to_owned(), "active".to_owned()),
            ]),
            of_port: self.mark(instance.id),
        }
    }

    async fn transact(&self, links: impl IntoIterator<Item = Link>) -> Result<(), ::ovsdb::Error> {
        let operations = plug::operations(&self.bridge, links);
        self.ovsdb.transact(DATABASE, operations).await.map(drop)
    }

    /// What our ports carry, so that they are found again when only the namespace's name is known.
    fn mark(&self, id: InstanceId) -> Value {
        Value::map([("bulkhead-namespace", self.handle(id))])
    }

    async fn stop(&self, name: &str) -> Result<(), NetnsError> {
        let ours = Value::map([("bulkhead-namespace", name)]);
        let ports = self
            .ports_where(Some(Condition::includes("external_ids", ours)))
            .await
            .map_err(NetnsError::Unplug)?;
        if !ports.is_empty() {
            let uuids = ports.iter().map(|port| port.uuid);
            let unplug = plug::removal(&self.bridge, uuids);
            let unplugged = self.ovsdb.transact(DATABASE, vec![unplug]).await;
            unplugged.map_err(NetnsError::Unplug)?;
        }
        for port in ports {
            let removed = wiring::remove_pair(&port.name).await;
            removed.map_err(NetnsError::Remove)?;
        }
        namespace::remove(name).map_err(NetnsError::Remove)
    }

    async fn ports_where(
        &self,
        condition: Option<Condition>,
    ) -> Result<Vec<PortRow>, ::ovsdb::Error> {
        plug::ports_where(&self.ovsdb, condition).await
    }
}

impl Hypervisor for Netns {
    fn driver(&self) -> Driver {
        Driver::Netns
    }

    fn reconcile<'a>(
        &'a self,
        wanted: &'a [PlannedInstance],
        settled: &'a [PlannedInstance],
    ) -> BoxFuture<'a, Reconciled> {
        Box::pin(self.make_right(wanted, settled))
    }
}

/// The interfaces of an instance, each with its name inside.
fn interfaces(instance: &PlannedInstance) -> impl Iterator<Item = (String, &PlannedInterface)> {
    let interfaces = instance.interfaces.iter().enumerate();
    interfaces.map(|(index, interface)| (format!("eth{index}"), interface))
}

/// An error with everything that caused it, as one sentence for a report.
fn whole(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
