//! Samples of this host's switch, handed on in the session: nobody else can then speak in its name.
//!
//! ```text
//!   ovs-vswitchd --sFlow, loopback--> socket --queue, bounded--> session --mutual TLS--> controller's collector
//! ```
//!
//! What finds no room, or waited for too long because there was no session, is dropped and counted: the
//! collector is told how much, and its interface counters catch up by themselves.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use model::plan::{HostPlan, PlanItem, PlanKey};
use model::{RelayedDatagram, RelayedSamples, SampleWay};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

/// Where the switch sends its samples when they take this way.
pub const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 6344);

/// So many datagrams may wait: a second of a host that samples a lot.
const QUEUE: usize = 1024;
/// So often it is looked whether a datagram came.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Who has not looked for so long was kept from it.
const AWAY: Duration = Duration::from_millis(2000);
/// The pause after the socket failed.
const RETRY: Duration = Duration::from_secs(1);

/// A datagram, and when it came.
type Waiting = (Instant, Vec<u8>);

/// The session's end.
#[derive(Debug)]
pub struct Samples {
    waiting: mpsc::Receiver<Waiting>,
    dropped: Arc<AtomicU64>,
}

/// The socket's end.
#[derive(Debug)]
pub struct SampleRelay {
    plan: watch::Receiver<Option<Arc<HostPlan>>>,
    queue: mpsc::Sender<Waiting>,
    dropped: Arc<AtomicU64>,
}

impl SampleRelay {
    /// Both ends, for a host that does what this plan says.
    #[must_use]
    pub fn new(plan: watch::Receiver<Option<Arc<HostPlan>>>) -> (Self, Samples) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let dropped = Arc::<AtomicU64>::default();
        let relay = Self {
            plan,
            queue,
            dropped: dropped.clone(),
        };
        (relay, Samples { waiting, dropped })
    }

    /// Takes what the switch sends, for as long as the plan says that it comes this way.
    pub async fn run(mut self) {
        let mut told = false;
        // The sender of plans lives as long as the agent.
        while becomes(&mut self.plan, is_wanted).await {
            let mut plan = self.plan.clone();
            tokio::select! {
                failed = self.receive() => {
                    let Err(error) = failed;
                    if !std::mem::replace(&mut told, true) {
                        warn!(%error, "could not receive the switch's samples on {ADDRESS}; trying again");
                    }
                    sleep(RETRY).await;
                }
                _ = becomes(&mut plan, |plan| !is_wanted(plan)) => {}
            }
        }
    }

    async fn receive(&self) -> std::io::Result<std::convert::Infallible> {
        let socket = UdpSocket::bind(ADDRESS).await?;
        let mut room = vec![0; RelayedDatagram::MAX_BYTES];
        let mut looked = Instant::now();
        loop {
            let received = timeout(LOOK_EVERY, socket.recv(&mut room)).await;
            let now = Instant::now();
            let was_away = now.saturating_duration_since(looked) > AWAY;
            looked = now;
            let Ok(length) = received else { continue };
            let datagram = room.get(..length?).unwrap_or_default().to_vec();
            if was_away {
                self.drop_all(&socket, &mut room);
            } else if self.queue.try_send((now, datagram)).is_err() {
                self.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    /// Of what was in the socket while this program was kept from running nobody knows when it came.
    fn drop_all(&self, socket: &UdpSocket, room: &mut [u8]) {
        self.dropped.fetch_add(1, Relaxed);
        while socket.try_recv(room).is_ok() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }
}

/// Waits until the plan is so; false when there will be no more plans.
async fn becomes(
    plan: &mut watch::Receiver<Option<Arc<HostPlan>>>,
    so: impl FnMut(&Option<Arc<HostPlan>>) -> bool,
) -> bool {
    plan.wait_for(so).await.is_ok()
}

fn is_wanted(plan: &Option<Arc<HostPlan>>) -> bool {
    let sampling = plan
        .as_ref()
        .and_then(|it| it.items.get(&PlanKey::Sampling));
    matches!(sampling, Some(PlanItem::Sampling(it)) if it.way == SampleWay::Session)
}

impl Samples {
    /// What there is to hand on, once there is something. Loses nothing when the wait is given up.
    pub async fn next(&mut self) -> RelayedSamples {
        let mut waiting = Vec::new();
        let most = RelayedSamples::MAX_DATAGRAMS;
        if self.waiting.recv_many(&mut waiting, most).await == 0 {
            // The other end is gone, and the agent ends.
            std::future::pending::<()>().await;
        }
        let now = Instant::now();
        let (mut datagrams, mut outdated) = (Vec::new(), 0);
        for (came, bytes) in waiting {
            let waited = now.saturating_duration_since(came).as_millis();
            let waited = u32::try_from(waited).unwrap_or(u32::MAX);
            match waited <= RelayedDatagram::MAX_WAIT_MILLISECONDS {
                true => datagrams.push(RelayedDatagram {
                    waited_milliseconds: waited,
                    bytes,
                }),
                false => outdated += 1,
            }
        }
        let dropped = self.dropped.swap(0, Relaxed) + outdated;
        RelayedSamples { dropped, datagrams }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> (SampleRelay, Samples) {
        SampleRelay::new(watch::channel(None).1)
    }

    #[tokio::test]
    async fn what_waited_too_long_or_found_no_room_is_dropped_and_told() {
        let (relay, mut samples) = ends();
        let old = Instant::now().checked_sub(Duration::from_secs(3)).unwrap();
        relay.queue.try_send((old, vec![1])).unwrap();
        relay.queue.try_send((Instant::now(), vec![2])).unwrap();
        relay.dropped.fetch_add(5, Relaxed);
        let told = samples.next().await;
        assert_eq!(told.dropped, 6);
        assert_eq!(told.datagrams.len(), 1);
        assert_eq!(told.datagrams[0].bytes, [2]);
        relay.queue.try_send((Instant::now(), vec![3])).unwrap();
        assert_eq!(samples.next().await.dropped, 0);
    }

    #[tokio::test]
    async fn a_message_holds_no_more_than_it_may_and_the_queue_neither() {
        let (relay, mut samples) = ends();
        let now = Instant::now();
        let taken = (0..2 * QUEUE).filter(|_| relay.queue.try_send((now, vec![0; 1400])).is_ok());
        assert_eq!(taken.count(), QUEUE);
        let told = samples.next().await;
        assert_eq!(told.datagrams.len(), RelayedSamples::MAX_DATAGRAMS);
    }
}
