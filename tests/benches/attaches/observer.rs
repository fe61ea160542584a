//! Hears of every VIF of a host twice: when its interface appears in OVSDB, and when the agent says that
//! its flows are confirmed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ovsdb::{Client, Monitor, MonitorRequest};
use tests::Pool;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// When a VIF appeared, and when it was active, by its port.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    appeared: HashMap<String, Instant>,
    active: HashMap<String, Instant>,
}

impl Seen {
    /// How many are active.
    pub(super) fn active(&self) -> usize {
        self.active.len()
    }

    /// How long each took, the shortest first.
    pub(super) fn times(&self) -> Vec<Duration> {
        let took = self.active.iter().map(|(port, active)| {
            let appeared = self.appeared.get(port);
            appeared.map_or(Duration::ZERO, |appeared| *active - *appeared)
        });
        let mut times: Vec<_> = took.collect();
        times.sort_unstable();
        times
    }

    /// When the last one was active.
    pub(super) fn end(&self) -> Option<Instant> {
        self.active.values().max().copied()
    }

    fn look(&mut self, monitor: &Monitor, now: Instant) {
        let replica = monitor.snapshot();
        for (_, row) in replica.table("Interface").iter() {
            let ids = row.get("external_ids");
            let get = |key| ids.and_then(|ids| ids.map_get(key));
            let Some(port) = get("iface-id") else {
                continue;
            };
            self.appeared.entry(port.to_owned()).or_insert(now);
            if get("bulkhead-active").is_some() {
                self.active.entry(port.to_owned()).or_insert(now);
            }
        }
    }
}

/// Watches until it is dropped.
pub(super) struct Observer {
    seen: watch::Receiver<Seen>,
}

impl Observer {
    pub(super) fn start(pool: &Pool, client: &Client) -> Self {
        let request = MonitorRequest::new().table("Interface", ["name", "external_ids"]);
        let monitor = pool.wait(client.monitor("Open_vSwitch", request));
        let mut monitor = monitor.unwrap_or_else(|e| panic!("{e}"));
        let (sender, seen) = watch::channel(Seen::default());
        pool.wait(async {
            tokio::spawn(async move {
                let mut seen = Seen::default();
                while monitor.changed().await.is_ok() {
                    seen.look(&monitor, Instant::now());
                    if sender.send(seen.clone()).is_err() {
                        return;
                    }
                }
            });
        });
        Self { seen }
    }

    /// Waits until so many are active.
    pub(super) async fn active(&mut self, count: usize) -> Seen {
        loop {
            let seen = self.seen.borrow_and_update().clone();
            if seen.active() >= count {
                return seen;
            }
            let changed = timeout(PATIENCE, self.seen.changed()).await;
            let active = seen.active();
            assert!(changed.is_ok(), "{active} of {count} VIFs became active");
        }
    }
}
