//! Asks other resolvers on behalf of ports, from the host's own network.
//!
//! A port cannot choose whom: the operator gave the resolvers to its subnet. Nor can it choose what is
//! said: one question, made anew here. Each is asked from a socket of its own, connected to the one
//! resolver, so from a port that nobody can guess; and under a number that nobody can guess. Whatever
//! else arrives is ignored. How many questions wait is bounded, for each port and for all.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use model::{NetworkNumber, PortId};
use openflow::PortNo;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::respond::Pending;

/// How many questions of one port wait at most, and of all together. Whoever asks more asks again.
const WAITING_PER_PORT: usize = 32;
const WAITING: usize = 1024;

/// How long each resolver is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many packets that answer nothing are looked at, for one question.
const STRAYS_MAX: usize = 64;

/// The largest answer that is received: more is cut off, and is then too long for any port.
const ANSWER_BYTES: usize = 4096;

const DNS: u16 = 53;

/// The port that asked, and where it was then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) place: (PortNo, NetworkNumber),
    pub(super) id: PortId,
}

/// The questions that wait for an answer.
#[derive(Default)]
pub(super) struct Forwarder {
    waiting: HashMap<PortId, usize>,
    tasks: JoinSet<(Asker, Option<Vec<u8>>)>,
    random: RandomState,
    asked: u64,
}

impl Forwarder {
    /// Asks, unless too many questions wait already.
    pub(super) fn ask(&mut self, asker: Asker, pending: Pending) {
        let waiting = self.waiting.entry(asker.id).or_default();
        if *waiting >= WAITING_PER_PORT || self.tasks.len() >= WAITING {
            return;
        }
        *waiting += 1;
        let numbers = self.numbers(pending.resolvers.len());
        self.tasks.spawn(async move {
            let answer = ask_each(&pending, &numbers).await;
            (asker, pending.reply(answer.as_deref()))
        });
    }

    /// The next frame to bring to somebody; ends when nothing waits.
    pub(super) async fn next(&mut self) -> Option<(Asker, Vec<u8>)> {
        loop {
            // A question whose task died is answered by nobody, and asked again.
            let Ok((asker, frame)) = self.tasks.join_next().await? else {
                continue;
            };
            if let Some(waiting) = self.waiting.get_mut(&asker.id) {
                *waiting -= 1;
                if *waiting == 0 {
                    self.waiting.remove(&asker.id);
                }
            }
            if let Some(frame) = frame {
                return Some((asker, frame));
            }
        }
    }

    /// Numbers for questions, from a keyed hash whose key is random and never told.
    fn numbers(&mut self, count: usize) -> Vec<u16> {
        let mut numbers = Vec::with_capacity(count);
        for _ in 0..count {
            self.asked = self.asked.wrapping_add(1);
            let [a, b, ..] = self.random.hash_one(self.asked).to_be_bytes();
            numbers.push(u16::from_be_bytes([a, b]));
        }
        numbers
    }
}

/// What the first resolver that answers says.
async fn ask_each(pending: &Pending, numbers: &[u16]) -> Option<Vec<u8>> {
    for (resolver, number) in pending.resolvers.iter().zip(numbers) {
        let asked = timeout(PATIENCE, ask_one(pending, *resolver, *number)).await;
        if let Ok(Some(answer)) = asked {
            return Some(answer);
        }
    }
    None
}

async fn ask_one(pending: &Pending, resolver: IpAddr, number: u16) -> Option<Vec<u8>> {
    let own: IpAddr = match resolver {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((own, 0)).await.ok()?;
    socket.connect((resolver, DNS)).await.ok()?;
    socket.send(&pending.question(number)?).await.ok()?;
    let mut buffer = [0; ANSWER_BYTES];
    for _ in 0..STRAYS_MAX {
        let length = socket.recv(&mut buffer).await.ok()?;
        let answer = buffer.get(..length)?;
        if pending.is_answered_by(answer, number) {
            return Some(answer.to_vec());
        }
    }
    None
}
