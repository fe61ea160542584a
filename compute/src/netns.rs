//! Instances as network namespaces: one veth pair per VIF.

pub(crate) mod namespace;
pub(crate) mod wiring;

use std::collections::HashSet;
use std::io;

use ::ovsdb::{Client, Condition, Value};
use futures::future::BoxFuture;
use model::plan::{PlannedInstance, PlannedInterface};
use model::report::InstanceReport;
use model::{Driver, InstanceId};

use crate::plug::{self, DATABASE, PortRow};
use crate::{Hypervisor, Reconciled};

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

    async fn make_right(&self, wanted: &[PlannedInstance]) -> Reconciled {
        let mut found = Reconciled::default();
        let handles: HashSet<String> = wanted.iter().map(|it| self.handle(it.id)).collect();
        match namespace::list(&self.prefix) {
            Ok(names) => {
                for name in names.into_iter().filter(|name| !handles.contains(name)) {
                    let stopped = self.stop(&name).await;
                    found
                        .leftovers
                        .extend(stopped.err().map(|error| (name, whole(error))));
                }
            }
            Err(error) => found.leftovers.push((self.prefix.clone(), whole(error))),
        }
        for instance in wanted {
            let reason = self.start(instance).await.err().map(whole);
            found.instances.push(InstanceReport {
                id: instance.id,
                running: reason.is_none(),
                handle: Some(self.handle(instance.id)),
                reason,
                departure: None,
            });
        }
        found
    }

    /// The last 12 digits: in a UUID of version 7 the first ones are the time.
    fn handle(&self, id: InstanceId) -> String {
        let digits = id.uuid().simple().to_string();
        format!("{}{}", self.prefix, &digits[20..])
    }

    async fn start(&self, instance: &PlannedInstance) -> Result<(), NetnsError> {
        let name = self.handle(instance.id);
        namespace::ensure(&name).map_err(NetnsError::Namespace)?;
        let namespace = namespace::path(&name);
        for (index, interface) in instance.interfaces.iter().enumerate() {
            let inside = format!("eth{index}");
            wiring::ensure_pair(&namespace, interface, &inside)
                .await
                .map_err(|source| NetnsError::Pair {
                    interface: inside.clone(),
                    source,
                })?;
            // Plugged before it is configured: what the instance sends at once meets a port that
            // is dark until the agent has vouched for it, never a port that is open.
            self.plug(instance, interface)
                .await
                .map_err(|source| NetnsError::Plug {
                    interface: inside.clone(),
                    source,
                })?;
            wiring::configure(&namespace, &inside, interface, &[])
                .await
                .map_err(|source| NetnsError::Configure {
                    interface: inside,
                    source,
                })?;
        }
        Ok(())
    }

    async fn plug(
        &self,
        instance: &PlannedInstance,
        interface: &PlannedInterface,
    ) -> Result<(), ::ovsdb::Error> {
        let name = wiring::host_end(interface.port_id);
        if !self
            .ports_where(Condition::equal("name", name.as_str()))
            .await?
            .is_empty()
        {
            return Ok(());
        }
        let external_ids = Value::map([
            ("iface-id".to_owned(), interface.port_id.to_string()),
            ("attached-mac".to_owned(), interface.mac.to_string()),
            ("vm-id".to_owned(), instance.id.to_string()),
            ("iface-status".to_owned(), "active".to_owned()),
        ]);
        let plug = plug::operations(&self.bridge, &name, external_ids, self.mark(instance.id));
        self.ovsdb.transact(DATABASE, plug).await.map(drop)
    }

    /// What our ports carry, so that they are found again when only the namespace's name is known.
    fn mark(&self, id: InstanceId) -> Value {
        Value::map([("bulkhead-namespace", self.handle(id))])
    }

    async fn stop(&self, name: &str) -> Result<(), NetnsError> {
        let ours = Value::map([("bulkhead-namespace", name)]);
        let ports = self
            .ports_where(Condition::includes("external_ids", ours))
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

    async fn ports_where(&self, condition: Condition) -> Result<Vec<PortRow>, ::ovsdb::Error> {
        plug::ports_where(&self.ovsdb, condition).await
    }
}

impl Hypervisor for Netns {
    fn driver(&self) -> Driver {
        Driver::Netns
    }

    fn reconcile<'a>(&'a self, wanted: &'a [PlannedInstance]) -> BoxFuture<'a, Reconciled> {
        Box::pin(self.make_right(wanted))
    }
}

/// An error with everything that caused it, as one sentence for a report.
fn whole(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
