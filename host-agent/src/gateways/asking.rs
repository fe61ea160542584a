//! The task that asks external networks for addresses that this host would take.
//!
//! ```text
//!   reconcile --what to ask for--> ARP, every 40 ms, out to the external network
//!       ^                                                |
//!       +-- free: asked three times, and no answer  <----+   an answer: asked again a little later
//! ```
//!
//! It has a connection of its own, so that questions wait for no bundle of flows.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::MacAddr;
use openflow::PortNo;
use openflow::client::{Client, Error, Event, Options};
use openflow::message::{AsyncConfig, PacketIn, PacketOut, ToSwitch};
use openflow::protocol::ETH_ARP;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::debug;

use super::{Key, Word};
use crate::observe::INTEGRATION_BRIDGE;
use crate::pipeline::answer::deliver;
use crate::pipeline::claim::is_about_one;
use crate::pipeline::cookie::Group;

/// The pause between attempts to reach a switch that is not there.
const RETRY: Duration = Duration::from_millis(200);
/// How often an address is asked for.
const PACE: Duration = Duration::from_millis(40);
/// How long nobody may answer until it is free.
const QUIET: Duration = Duration::from_millis(120);
/// How long after an answer it is asked for again.
const PAUSE: Duration = Duration::from_millis(200);

const REQUEST: [u8; 2] = [0, 1];
const REPLY: [u8; 2] = [0, 2];
const BROADCAST: [u8; 6] = [0xff; 6];

/// What the switch shall tell us of: what flows send to a controller, and nothing else.
const TOLD: AsyncConfig = AsyncConfig {
    packet_in: 1 << 1,
    port_status: 0,
    flow_removed: 0,
};

/// How an address is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The way out to the external network.
    pub out: PortNo,
    /// Who asks.
    pub mac: MacAddr,
}

/// What is to be asked for.
pub type Questions = BTreeMap<Key, Question>;

/// How it stands with one question.
#[derive(Clone, Copy, Debug)]
struct Silence {
    /// When it was first asked after the last answer.
    since: Option<Instant>,
    /// When it is asked next.
    next: Instant,
}

/// Every question that is open.
#[derive(Debug, Default)]
struct Round(BTreeMap<Key, Silence>);

/// What a packet from the external network says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// Somebody has the address.
    Taken(Key),
    /// Another gateway host would take it.
    AskedFor(Key),
}

impl Round {
    /// These are open now.
    fn take(&mut self, questions: &Questions, now: Instant) {
        self.0.retain(|key, _| questions.contains_key(key));
        for key in questions.keys() {
            self.0.entry(*key).or_insert(Silence {
                since: None,
                next: now,
            });
        }
    }

    fn answered(&mut self, key: Key, now: Instant) {
        if let Some(silence) = self.0.get_mut(&key) {
            *silence = Silence {
                since: None,
                next: now + PAUSE,
            };
        }
    }

    /// What is asked now.
    fn due(&mut self, now: Instant) -> Vec<Key> {
        let due = self.0.iter_mut().filter(|(_, silence)| silence.next <= now);
        due.map(|(key, silence)| {
            silence.since.get_or_insert(now);
            *key
        })
        .collect()
    }

    /// What nobody answered for long enough, each with when it was first asked. From here on it is
    /// listened for anew.
    fn free(&mut self, now: Instant) -> BTreeMap<Key, Instant> {
        let mut free = BTreeMap::new();
        for (key, silence) in &mut self.0 {
            if let Some(since) = silence.since.filter(|since| now >= *since + QUIET) {
                free.insert(*key, since);
                silence.since = None;
            }
        }
        free
    }
}

/// What the reconcile task has of this one.
#[derive(Debug)]
pub struct Line {
    /// What is to be asked for.
    pub questions: watch::Sender<Arc<Questions>>,
    /// What was heard.
    pub word: watch::Receiver<Word>,
}

/// The task, and the line to it.
pub fn start(run_directory: PathBuf) -> (impl Future<Output = ()>, Line) {
    let (sender, questions) = watch::channel(Arc::default());
    let (heard, word) = watch::channel(Word::default());
    let line = Line {
        questions: sender,
        word,
    };
    (run(run_directory, questions, heard), line)
}

/// Asks for ever.
async fn run(
    run_directory: PathBuf,
    mut questions: watch::Receiver<Arc<Questions>>,
    word: watch::Sender<Word>,
) {
    let socket = run_directory.join(format!("{INTEGRATION_BRIDGE}.mgmt"));
    loop {
        if let Err(error) = serve(&socket, &mut questions, &word).await {
            debug!("{:#}", anyhow::Error::from(error));
        }
        sleep(RETRY).await;
    }
}

/// Asks until the connection is gone.
async fn serve(
    socket: &Path,
    questions: &mut watch::Receiver<Arc<Questions>>,
    word: &watch::Sender<Word>,
) -> Result<(), Error> {
    let client = Client::connect(socket, Options::default()).await?;
    let mut events = client.events();
    client.subscribe(TOLD).await?;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut round = Round::default();
    questions.mark_changed();
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { return Ok(()) };
                hear(&event, &mut round, word);
            }
            changed = questions.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                round.take(&questions.borrow_and_update(), Instant::now());
                pace.reset_immediately();
            }
            _ = pace.tick(), if !round.0.is_empty() => {
                tell(round.free(Instant::now()), word);
                let open = Arc::clone(&questions.borrow());
                ask(&client, &open, round.due(Instant::now())).await?;
            }
        }
    }
}

fn hear(event: &Event, round: &mut Round, word: &watch::Sender<Word>) {
    let Event::PacketIn(packet) = event else {
        return;
    };
    let now = Instant::now();
    match heard(packet) {
        Some(Heard::Taken(key)) => round.answered(key, now),
        Some(Heard::AskedFor(key)) => word.send_modify(|word| {
            word.asked_for.insert(key, now);
        }),
        None => {}
    }
}

fn tell(free: BTreeMap<Key, Instant>, word: &watch::Sender<Word>) {
    if !free.is_empty() {
        word.send_modify(|word| word.free.extend(free));
    }
}

async fn ask(client: &Client, questions: &Questions, due: Vec<Key>) -> Result<(), Error> {
    let frames = due.into_iter().filter_map(|key| {
        let question = questions.get(&key)?;
        Some(ToSwitch::PacketOut(PacketOut {
            in_port: PortNo::CONTROLLER,
            actions: deliver(key.0, question.out),
            data: request(question.mac, key.1),
        }))
    });
    let frames: Vec<ToSwitch> = frames.collect();
    if frames.is_empty() {
        return Ok(());
    }
    match client.send(frames).await {
        // The way out may just have gone.
        Ok(()) | Err(Error::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether anybody has this address (RFC 5227 §2.1.1).
fn request(mac: MacAddr, address: Ipv4Addr) -> Vec<u8> {
    let ethernet = [&BROADCAST[..], &mac.octets(), &ETH_ARP.to_be_bytes()].concat();
    let head = [&[0, 1, 8, 0, 6, 4][..], &REQUEST].concat();
    let own = [&mac.octets()[..], &[0; 4]].concat();
    [ethernet, head, own, vec![0; 6], address.octets().to_vec()].concat()
}

/// Only flows that name an address send such packets; whatever else a packet says is nothing.
fn heard(packet: &PacketIn) -> Option<Heard> {
    if !is_about_one(&packet.userdata) {
        return None;
    }
    let network = Group::from_cookie(packet.cookie)?.network()?;
    let (_, arp) = packet.data.split_at_checked(14)?;
    let address = |at: usize| {
        let octets: [u8; 4] = arp.get(at..at + 4)?.try_into().ok()?;
        Some((network, Ipv4Addr::from(octets)))
    };
    match <[u8; 2]>::try_from(arp.get(6..8)?).ok()? {
        REPLY => Some(Heard::Taken(address(14)?)),
        REQUEST => Some(Heard::AskedFor(address(24)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: fn() -> Key = || (7.try_into().unwrap(), Ipv4Addr::new(203, 0, 113, 9));

    fn open() -> Questions {
        let question = Question {
            out: PortNo(9),
            mac: [0x0a, 0xbe, 0, 0, 0, 1].try_into().unwrap(),
        };
        [(KEY(), question)].into()
    }

    #[test]
    fn an_address_is_free_once_nobody_answered_for_it_and_not_while_somebody_does() {
        let mut round = Round::default();
        let start = Instant::now();
        round.take(&open(), start);
        assert_eq!(round.due(start), [KEY()]);
        round.answered(KEY(), start);
        assert_eq!(round.due(start + PACE), []);
        assert!(round.free(start + QUIET).is_empty(), "somebody has it");
        let again = start + PAUSE;
        assert_eq!(round.due(again), [KEY()]);
        assert!(round.free(again + PACE).is_empty(), "too soon");
        assert_eq!(round.free(again + QUIET), [(KEY(), again)].into());
        assert!(round.free(again + QUIET).is_empty(), "told once");
        round.take(&Questions::new(), again);
        assert_eq!(round.due(again + QUIET), []);
    }

    #[test]
    fn what_is_no_question_and_no_answer_says_nothing() {
        let cookie = Group::of(KEY().0).cookie();
        let packet = |data: Vec<u8>, userdata: &[u8]| PacketIn {
            cookie,
            userdata: userdata.to_vec(),
            data,
            ..PacketIn::default()
        };
        let frame = request([0x0a, 0xbe, 0, 0, 0, 1].try_into().unwrap(), KEY().1);
        let whole = packet(frame.clone(), &[0xb6]);
        assert_eq!(heard(&whole), Some(Heard::AskedFor(KEY())));
        assert_eq!(heard(&packet(frame.clone(), &[1])), None);
        for end in 0..frame.len() {
            assert_eq!(heard(&packet(frame[..end].to_vec(), &[0xb6])), None);
        }
        let mut reply = frame;
        reply[21] = 2;
        let nobody = (KEY().0, Ipv4Addr::UNSPECIFIED);
        assert_eq!(heard(&packet(reply, &[0xb6])), Some(Heard::Taken(nobody)));
    }
}
