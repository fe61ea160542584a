//! The questions that wait to be answered: a short queue for each VIF, asked in turn.
//!
//! However many ask without end, who asks seldom is next: whatever is too much is dropped from the queue
//! of those who ask too much. Nothing else of the agent waits behind it.

use std::collections::{BTreeMap, VecDeque};

use futures::FutureExt;
use openflow::PortNo;
use openflow::client::{Event, Events};
use openflow::message::PacketIn;

/// How many questions of one VIF wait.
const OF_ONE: usize = 16;

/// How many of all wait, before a VIF may have no more than one.
const OF_ALL: usize = 2_048;

/// How many events are taken in one go, lest those who flood keep us from answering.
const TAKEN: usize = 4_096;

/// What waits, and what could not.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<PortNo, VecDeque<PacketIn>>,
    /// Whose turn it is next: each that waits, once.
    turns: VecDeque<PortNo>,
    length: usize,
    dropped: Dropped,
}

/// The questions that were not answered, since there were too many.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Dropped {
    /// By who asked.
    pub(super) by_port: BTreeMap<PortNo, u64>,
    /// Of nobody knows whom: how often the switch was faster than we listened.
    pub(super) overflows: u64,
}

impl Dropped {
    /// As a sentence, if there is anything to say. `name` says who is at a port of the switch.
    pub(super) fn remark(&self, name: impl Fn(PortNo) -> String) -> Option<String> {
        let worst = self.by_port.iter().max_by_key(|(_, count)| **count);
        let all: u64 = self.by_port.values().sum();
        match worst {
            Some((port, most)) => Some(format!(
                "{all} questions (DHCP, names, routers) of {} VIFs were not answered: too many came at \
                 once, {most} of them from {}",
                self.by_port.len(),
                name(*port)
            )),
            None if self.overflows > 0 => {
                Some("some questions of VIFs were not heard: too many came at once".to_owned())
            }
            None => None,
        }
    }
}

impl Queue {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Takes this event, and those that came meanwhile.
    pub(super) fn take(&mut self, first: Event, events: &mut Events) {
        self.note(first);
        self.take_more(events);
    }

    /// Takes the events that came meanwhile.
    pub(super) fn take_more(&mut self, events: &mut Events) {
        let next = || events.next().now_or_never().flatten();
        for event in std::iter::from_fn(next).take(TAKEN) {
            self.note(event);
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::PacketIn(packet) => self.add(packet),
            Event::MonitorOverflow => self.dropped.overflows += 1,
            Event::FlowsChanged(_) | Event::FlowRemoved(_) | Event::PortStatus(_) => {}
        }
    }

    fn add(&mut self, packet: PacketIn) {
        let Some(port) = packet.in_port() else { return };
        let waiting = self.waiting.entry(port).or_default();
        let room = match self.length < OF_ALL {
            true => OF_ONE,
            false => 1,
        };
        if waiting.len() >= room {
            *self.dropped.by_port.entry(port).or_default() += 1;
            return;
        }
        if waiting.is_empty() {
            self.turns.push_back(port);
        }
        waiting.push_back(packet);
        self.length += 1;
    }

    /// The next question: of each VIF one, then of each another.
    pub(super) fn next(&mut self) -> Option<PacketIn> {
        let port = self.turns.pop_front()?;
        let waiting = self.waiting.get_mut(&port)?;
        let packet = waiting.pop_front();
        match waiting.is_empty() {
            true => _ = self.waiting.remove(&port),
            false => self.turns.push_back(port),
        }
        self.length -= usize::from(packet.is_some());
        packet
    }

    /// What was dropped since it was last asked.
    pub(super) fn dropped(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use openflow::{Field, Match};

    use super::*;

    fn question(port: u32, number: u8) -> PacketIn {
        PacketIn {
            metadata: Match::new().exact(Field::InPort, port),
            data: vec![number],
            ..PacketIn::default()
        }
    }

    fn order(queue: &mut Queue) -> Vec<(u32, u8)> {
        let next = || queue.next();
        let packets = std::iter::from_fn(next);
        packets
            .map(|it| (it.in_port().unwrap().0, it.data[0]))
            .collect()
    }

    #[test]
    fn who_asks_once_is_answered_before_all_of_who_asks_without_end() {
        let mut queue = Queue::default();
        for number in 0..100 {
            queue.add(question(1, number));
        }
        queue.add(question(2, 200));
        let order = order(&mut queue);
        assert_eq!(order[..3], [(1, 0), (2, 200), (1, 1)]);
        assert_eq!(order.len(), OF_ONE + 1);
        assert!(queue.is_empty());
        let dropped = queue.dropped();
        assert_eq!(dropped.by_port, [(PortNo(1), 84)].into());
        let remark = dropped.remark(|port| format!("vif{port}")).unwrap();
        assert!(remark.starts_with("84 questions"), "{remark}");
        assert!(remark.contains("from vif1"), "{remark}");
        assert_eq!(queue.dropped().remark(|_| String::new()), None);
    }

    #[test]
    fn there_is_room_for_who_has_none_waiting_when_all_others_have_filled_it() {
        let mut queue = Queue::default();
        for port in 1..=1_000 {
            for number in 0..20 {
                queue.add(question(port, number));
            }
        }
        queue.add(question(5_000, 7));
        assert!(queue.length <= OF_ALL + 1_000);
        let place = order(&mut queue)
            .iter()
            .position(|it| *it == (5_000, 7))
            .unwrap();
        assert!(place <= 1_000, "{place}");
        assert_eq!(queue.length, 0);
    }

    #[test]
    fn what_was_not_heard_is_said() {
        let mut queue = Queue::default();
        queue.note(Event::MonitorOverflow);
        assert!(queue.dropped().remark(|_| String::new()).is_some());
    }
}
