//! From samples to amounts: what is billed, to whom, and what is not.
#![expect(clippy::unwrap_used, reason = "a broken example fails its test")]

#[path = "support/agent.rs"]
mod agent;

use std::net::IpAddr;

use agent::{Counters, counters, datagram, flow, host, inventory, named_counters, vif};
use flow_collector::attribute::Attribution;
use flow_collector::tally::{
    Admission, Amounts, Clock, Order, Resume, Stamp, Taken, Tally, Window,
};
use model::{Inventory, InventoryVif, Traffic};
use sflow::Datagram;

/// When the ledger of these tests was begun, in seconds since 1970.
const BEGUN: i64 = 1_000_000;
const HOST: &str = "192.0.2.1";

fn address() -> IpAddr {
    HOST.parse().unwrap()
}

/// A tally of one host, and its clock.
struct Bench {
    tally: Tally,
    inventory: Inventory,
    arrived: i64,
}

impl Bench {
    fn new(vifs: Vec<InventoryVif>) -> Self {
        let resume = Resume {
            begun: BEGUN * 1000,
            interval_start: BEGUN,
            ..Resume::default()
        };
        Self {
            tally: Tally::resume(resume),
            inventory: inventory(vec![host(HOST, vifs)]),
            arrived: BEGUN * 1000 + 500_000,
        }
    }

    /// Replaces the VIFs of the host.
    fn plug(&mut self, vifs: Vec<InventoryVif>) {
        self.inventory.hosts[0].vifs = vifs;
    }

    /// Ten seconds later, a datagram comes that was sent at once.
    fn take(&mut self, sequence: u32, samples: &[Vec<u32>]) -> Taken {
        self.arrived += 10_000;
        let uptime = sequence * 10_000;
        let bytes = datagram(sequence, uptime, samples);
        let attribution = Attribution::from(&self.inventory);
        let sender = attribution.sender(address()).unwrap();
        self.tally
            .take(sender, &Datagram::decode(&bytes).unwrap(), self.arrived)
    }

    /// What was found for this VIF in this interval, up to now.
    fn amounts(&mut self, vif: &InventoryVif) -> Option<Amounts> {
        let entries = self.tally.batch().entries;
        let found = entries.iter().rfind(|entry| entry.port == vif.port_id)?;
        assert_eq!(
            (found.network, found.tenant),
            (vif.network_id, vif.tenant_id)
        );
        Some(found.amounts)
    }
}

fn sent(bytes: u64) -> Counters {
    Counters {
        sent_bytes: bytes,
        sent_packets: 1,
        ..Counters::default()
    }
}

fn traffic(bytes: u64, packets: u64) -> Traffic {
    Traffic { bytes, packets }
}

#[test]
fn what_comes_in_at_the_switch_is_what_the_vif_sent() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    let read = Counters {
        sent_bytes: 1000,
        sent_packets: 10,
        received_bytes: 2000,
        received_packets: 20,
    };
    let taken = bench.take(1, &[counters(7, read)]);
    assert_eq!(taken.counter_samples, 1);
    let counted = bench.amounts(&vif).unwrap().counted;
    assert_eq!(counted.sent, traffic(1000, 10));
    assert_eq!(counted.received, traffic(2000, 20));
}

#[test]
fn a_lost_reading_is_made_up_for_by_the_next() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    bench.take(1, &[counters(7, sent(1000))]);
    let taken = bench.take(5, &[counters(7, sent(9000))]);
    assert_eq!(taken.missing, 3);
    assert_eq!(bench.amounts(&vif).unwrap().counted.sent.bytes, 9000);
}

#[test]
fn what_an_interface_counted_before_the_ledger_was_begun_is_not_billed() {
    let vif = vif(7, BEGUN - 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    bench.take(1, &[counters(7, sent(1_000_000))]);
    bench.take(2, &[counters(7, sent(1_000_300))]);
    assert_eq!(bench.amounts(&vif).unwrap().counted.sent.bytes, 300);
}

#[test]
fn counters_that_begin_anew_count_from_zero() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    bench.take(1, &[counters(7, sent(5000))]);
    bench.take(2, &[counters(7, sent(700))]);
    assert_eq!(bench.amounts(&vif).unwrap().counted.sent.bytes, 5700);
}

#[test]
fn a_packet_counter_that_wraps_goes_on_counting() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    let read = |bytes, packets| Counters {
        sent_packets: packets,
        ..sent(bytes)
    };
    bench.take(1, &[counters(7, read(100, u32::MAX - 5))]);
    // All ones mean that the agent does not know.
    bench.take(2, &[counters(7, read(200, u32::MAX))]);
    bench.take(3, &[counters(7, read(300, 4))]);
    let packets = bench.amounts(&vif).unwrap().counted.sent.packets;
    assert_eq!(packets, (1 << 32) + 4);
}

#[test]
fn an_ifindex_reused_by_another_port_bills_neither_with_the_others_bytes() {
    let (old, new) = (vif(7, BEGUN + 1), vif(7, BEGUN + 2));
    let mut bench = Bench::new(vec![old.clone()]);
    bench.take(1, &[counters(7, sent(5000))]);
    assert_eq!(bench.amounts(&old).unwrap().counted.sent.bytes, 5000);
    bench.plug(vec![new.clone()]);
    bench.take(2, &[counters(7, sent(300))]);
    bench.take(3, &[counters(7, sent(400))]);
    assert_eq!(bench.amounts(&new).unwrap().counted.sent.bytes, 400);
    assert_eq!(bench.amounts(&old), None);
}

#[test]
fn an_interface_that_changes_hands_does_not_bring_its_past_along() {
    let (old, new) = (vif(7, BEGUN + 1), vif(7, BEGUN + 2));
    let mut bench = Bench::new(vec![old.clone()]);
    bench.take(1, &[counters(7, sent(5000))]);
    bench.plug(vec![new.clone()]);
    bench.take(2, &[counters(7, sent(6000))]);
    bench.take(3, &[counters(7, sent(6100))]);
    assert_eq!(bench.amounts(&new).unwrap().counted.sent.bytes, 100);
}

#[test]
fn an_interface_of_another_name_is_not_the_vif() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    let taken = bench.take(1, &[named_counters("vif99", 7, sent(5000))]);
    assert_eq!(taken.counter_samples, 0);
    assert_eq!(bench.amounts(&vif), None);
}

#[test]
fn interfaces_that_carry_no_port_are_nobodys() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    let taken = bench.take(1, &[counters(8, sent(5000)), flow(8, 64, 100)]);
    assert_eq!(taken, Taken::default());
    assert_eq!(bench.tally.batch().entries, []);
}

#[test]
fn the_estimate_is_of_what_the_vif_sends_without_the_fcs_that_never_was() {
    let (sender, receiver) = (vif(7, BEGUN + 1), vif(8, BEGUN + 1));
    let mut bench = Bench::new(vec![sender.clone(), receiver.clone()]);
    let taken = bench.take(1, &[flow(7, 64, 100), flow(7, 64, 1500)]);
    assert_eq!(taken.flow_samples, 2);
    let batch = bench.tally.batch();
    let [entry] = batch.entries[..] else {
        panic!("{batch:?}");
    };
    assert_eq!(entry.port, sender.port_id);
    assert_eq!(entry.amounts.sent_estimate, traffic(64 * 1600, 128));
    assert_eq!(entry.amounts.samples, 2);
}

#[test]
fn a_datagram_that_comes_twice_is_taken_once() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    let samples = [flow(7, 64, 100), counters(7, sent(1000))];
    bench.take(1, &samples);
    bench.arrived -= 9_990;
    assert!(bench.take(1, &samples).refused.is_some());
    let amounts = bench.amounts(&vif).unwrap();
    assert_eq!((amounts.samples, amounts.counted.sent.bytes), (1, 1000));
}

#[test]
fn a_frame_no_host_can_have_is_malformed() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    let taken = bench.take(1, &[flow(7, u32::MAX, 1 << 20)]);
    assert!(taken.malformed);
    assert_eq!(bench.amounts(&vif), None);
}

#[test]
fn amounts_of_an_ended_interval_stay_and_the_next_begins_at_nothing() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    bench.take(1, &[counters(7, sent(1000))]);
    bench.tally.begin(BEGUN + 300);
    bench.take(2, &[counters(7, sent(1010))]);
    let entries = bench.tally.batch().entries;
    let amounts: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry.interval_start - BEGUN,
                entry.amounts.counted.sent.bytes,
            )
        })
        .collect();
    assert_eq!(amounts, [(0, 1000), (300, 10)]);
    // A clock that is set back does not open an ended interval again.
    bench.tally.begin(BEGUN);
    bench.take(3, &[counters(7, sent(1011))]);
    let entry = bench.tally.batch().entries[0];
    assert_eq!(entry.interval_start, BEGUN + 300);
    assert_eq!(entry.amounts.counted.sent.bytes, 11);
}

#[test]
fn a_datagram_from_another_address_is_nobodys_whatever_it_says_inside() {
    // The agent's address inside the datagrams of these tests.
    let claimed = host("203.0.113.9", vec![vif(7, BEGUN + 1)]);
    let attribution = Attribution::from(&inventory(vec![claimed]));
    assert!(attribution.sender("203.0.113.9".parse().unwrap()).is_some());
    assert!(attribution.sender(address()).is_none());
}

#[test]
fn an_address_of_two_hosts_with_vifs_is_nobodys() {
    let (first, second) = (host(HOST, vec![vif(7, 1)]), host(HOST, vec![vif(7, 1)]));
    let bare = host(HOST, Vec::new());
    let sender = |hosts| {
        let attribution = Attribution::from(&inventory(hosts));
        attribution.sender(address()).map(|sender| sender.host)
    };
    assert_eq!(sender(vec![first.clone(), second.clone()]), None);
    assert_eq!(sender(vec![bare, second.clone()]), Some(second.id));
}

#[test]
fn an_ipv4_address_heard_by_an_ipv6_socket_is_the_same_address() {
    let known = host(HOST, vec![vif(7, 1)]);
    let attribution = Attribution::from(&inventory(vec![known]));
    let mapped = "::ffff:192.0.2.1".parse().unwrap();
    assert!(attribution.sender(mapped).is_some());
}

#[test]
fn of_two_vifs_at_one_ifindex_the_newer_is_meant() {
    let (old, new) = (vif(7, 1), vif(7, 2));
    for vifs in [[old.clone(), new.clone()], [new.clone(), old]] {
        let attribution = Attribution::from(&inventory(vec![host(HOST, vifs.to_vec())]));
        let found = attribution.sender(address()).unwrap().vif(7).unwrap();
        assert_eq!(found.port_id, new.port_id);
    }
}

#[test]
fn order_is_told_by_the_agents_start_and_the_sequence() {
    let stamp = |arrived, uptime, sequence| Stamp {
        arrived,
        uptime,
        sequence,
    };
    let newest = stamp(100_000, 50_000, 50);
    let expected = [
        (stamp(101_000, 51_000, 51), Order::Later(1)),
        (stamp(101_000, 50_000, 53), Order::Later(3)),
        (stamp(100_400, 50_000, 50), Order::NotLater(0)),
        (stamp(100_400, 49_000, 48), Order::NotLater(2)),
        (stamp(102_000, 1_000, 1), Order::Restarted),
        // What was held up comes all at once.
        (stamp(100_100, 80_000, 80), Order::Later(30)),
        // Our clock was set back: time will tell, the sequence does already.
        (stamp(60_000, 51_000, 51), Order::Later(1)),
        // Our clock was set forward by an hour.
        (stamp(3_700_000, 51_000, 51), Order::Restarted),
    ];
    for (stamp, order) in expected {
        assert_eq!(stamp.order(newest), order, "{stamp:?}");
    }
    let wrapping = stamp(100_000, u32::MAX - 500, u32::MAX);
    let wrapped = stamp(101_000, 499, 0);
    assert_ne!(wrapped.order(wrapping), Order::NotLater(1));
}

#[test]
fn a_window_takes_each_datagram_once_and_the_late_ones_too() {
    let stamp = |sequence: u32| Stamp {
        arrived: i64::from(sequence) * 10,
        uptime: sequence * 10,
        sequence,
    };
    let mut window = Window::new(stamp(100));
    assert_eq!(window.admit(stamp(103)), Admission::New { missing: 2 });
    assert_eq!(window.admit(stamp(101)), Admission::Late);
    assert_eq!(window.admit(stamp(101)), Admission::Duplicate);
    assert_eq!(window.admit(stamp(100)), Admission::Duplicate);
    assert_eq!(window.admit(stamp(103)), Admission::Duplicate);
    assert_eq!(window.admit(stamp(180)), Admission::New { missing: 76 });
    assert_eq!(window.admit(stamp(102)), Admission::Outdated);
}

#[test]
fn a_late_datagram_of_an_agent_that_has_started_anew_is_refused() {
    let stamp = |arrived, uptime, sequence| Stamp {
        arrived,
        uptime,
        sequence,
    };
    let mut window = Window::new(stamp(100_000, 50_000, 50));
    let restarted = window.admit(stamp(102_000, 1_000, 1));
    assert_eq!(restarted, Admission::Restarted);
    assert_eq!(
        window.admit(stamp(102_100, 51_000, 51)),
        Admission::Outdated
    );
    let next = window.admit(stamp(102_200, 1_000, 2));
    assert_eq!(next, Admission::New { missing: 0 });
}

#[test]
fn a_wild_sequence_number_does_not_lock_the_agent_out() {
    let stamp = |arrived: i64, sequence: u32| Stamp {
        arrived,
        uptime: u32::try_from(arrived).unwrap(),
        sequence,
    };
    let mut window = Window::new(stamp(100_000, 50));
    // Damaged on the way, or from somebody who plays the agent.
    let wild = window.admit(stamp(101_000, 50 + (1 << 30)));
    assert_eq!(wild, Admission::Stray);
    let sober = window.admit(stamp(102_000, 52));
    assert_eq!(sober, Admission::New { missing: 1 });
    // Of another run, and too far ahead for that.
    let future = Stamp {
        uptime: 4_000_000_000,
        ..stamp(103_000, 2000)
    };
    assert_eq!(window.admit(future), Admission::Stray);
    // But when it goes on there, it is where the agent is.
    assert_eq!(window.admit(stamp(104_000, 900_000)), Admission::Stray);
    let there = window.admit(stamp(105_000, 900_001));
    assert_eq!(there, Admission::New { missing: 0 });
    // After an outage of a few minutes it is believed at once.
    let back = window.admit(stamp(400_000, 903_001));
    assert_eq!(back, Admission::New { missing: 2999 });
}

const fn stamp(arrived: i64, uptime: u32, sequence: u32) -> Stamp {
    Stamp {
        arrived,
        uptime,
        sequence,
    }
}

#[test]
fn what_follows_in_sequence_is_no_agent_that_started_anew_whatever_clocks_say() {
    for arrived in [3_700_000, 60_000, 101_000] {
        let mut window = Window::new(stamp(100_000, 50_000, 50));
        let next = window.admit(stamp(arrived, 51_000, 51));
        assert_eq!(next, Admission::New { missing: 0 });
    }
    let mut window = Window::new(stamp(100_000, 50_000, 50));
    let anew = window.admit(stamp(102_000, 1_000, 1));
    assert_eq!(anew, Admission::Restarted);
}

/// How often a clock was set, by datagrams of one run of an agent: `(arrived, uptime)` in seconds.
fn clock_steps(datagrams: impl IntoIterator<Item = (i64, u32)>) -> usize {
    let mut datagrams = datagrams.into_iter();
    let stamp = |(arrived, uptime): (i64, u32)| stamp(arrived * 1000, uptime * 1000, uptime);
    let mut clock = Clock::new(stamp(datagrams.next().unwrap()));
    datagrams.filter(|it| clock.was_set(stamp(*it))).count()
}

#[test]
fn a_clock_that_was_set_stays_set_and_is_told_once() {
    for by in [5, 3600, -5, -3600] {
        let steady = (0..50).map(|at| (100 + at, 50 + u32::try_from(at).unwrap()));
        let set = (50..100).map(|at| (100 + at + by, 50 + u32::try_from(at).unwrap()));
        assert_eq!(clock_steps(steady.clone().chain(set)), 1, "{by}");
        assert_eq!(clock_steps(steady), 0);
    }
}

#[test]
fn datagrams_that_were_held_up_are_no_clock_that_was_set() {
    let second = |at: u32| (100 + i64::from(at), at);
    for held in [5, 60, 600] {
        // The collector, or who hands them on, was stopped: they come all at once, and go on.
        let steady = (0..50).map(second);
        let goes_on = 50 + held;
        let at_once = (50..goes_on).map(|at| (second(goes_on).0, at));
        let after = (goes_on..goes_on + 60).map(second);
        let all = steady.clone().chain(at_once.clone()).chain(after);
        assert_eq!(clock_steps(all), 0, "{held}");
        // And all but the oldest of them were dropped.
        let after = (goes_on + 30..goes_on + 60).map(second);
        let all = steady.clone().chain(at_once.take(1)).chain(after.clone());
        assert_eq!(clock_steps(all), 0, "{held}");
        // The switch was stopped: its first datagram has the uptime of when it was.
        let stale = [(second(goes_on).0, 50)];
        let all = steady.chain(stale).chain(after);
        assert_eq!(clock_steps(all), 0, "{held}");
    }
}

#[test]
fn clocks_that_drift_are_not_set() {
    let drifting = (0..200_000).map(|at| (100 + i64::from(at) + i64::from(at / 1000), at));
    assert_eq!(clock_steps(drifting), 0);
}

/// A flow sample with its own number.
fn numbered(sequence: u32, length: u32) -> Vec<u32> {
    let mut sample = flow(7, 64, length);
    sample[2] = sequence;
    sample
}

#[test]
fn an_estimate_is_put_right_for_samples_that_never_came_when_its_interval_ends() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    bench.take(1, &[numbered(1, 100), numbered(2, 100)]);
    // Three datagrams with four samples are lost.
    bench.take(5, &[numbered(7, 100), numbered(8, 100)]);
    let open = bench.amounts(&vif).unwrap();
    assert_eq!((open.samples, open.sent_estimate.packets), (4, 4 * 64));
    bench.tally.begin(i64::from(u32::MAX));
    let ended = bench.tally.batch();
    let [entry] = &ended.entries[..] else {
        panic!("{ended:?}");
    };
    assert_eq!(entry.amounts.samples, 4);
    assert_eq!(entry.amounts.sent_estimate, traffic(8 * 64 * 100, 8 * 64));
    let heard = ended.heard.iter().find(|it| it.samples > 0).unwrap();
    assert_eq!((heard.datagrams, heard.missing), (2, 3));
    assert_eq!((heard.samples, heard.samples_missing), (4, 4));
}

#[test]
fn a_host_with_as_many_sources_of_samples_as_are_followed_loses_none_unseen() {
    /// As many are followed; a host has one a bridge.
    const SOURCES: u32 = 64;
    let mut bench = Bench::new(vec![vif(7, BEGUN + 1)]);
    let of_all = |sequence| {
        let sources = (1..=SOURCES).map(|source| {
            let mut sample = numbered(sequence, 100);
            sample[3] = source;
            sample
        });
        sources.collect::<Vec<_>>()
    };
    bench.take(1, &of_all(1));
    bench.take(2, &of_all(3));
    bench.take(3, &of_all(4));
    bench.tally.begin(i64::from(u32::MAX));
    let ended = bench.tally.batch();
    let heard = ended.heard.iter().find(|it| it.samples > 0).unwrap();
    assert_eq!(heard.samples_missing, u64::from(SOURCES), "one of each");
}

#[test]
fn samples_that_come_late_are_not_made_up_for() {
    let vif = vif(7, BEGUN + 1);
    let mut bench = Bench::new(vec![vif.clone()]);
    bench.take(1, &[numbered(1, 100)]);
    bench.take(3, &[numbered(3, 100)]);
    bench.take(2, &[numbered(2, 100)]);
    bench.tally.begin(i64::from(u32::MAX));
    let ended = bench.tally.batch();
    assert_eq!(ended.entries[0].amounts.sent_estimate.packets, 3 * 64);
    let heard = ended.heard.iter().find(|it| it.samples > 0).unwrap();
    assert_eq!((heard.missing, heard.samples_missing), (0, 0));
}

#[test]
fn whoever_played_the_agent_for_a_while_does_not_lock_it_out() {
    let stamp = |arrived, uptime, sequence| Stamp {
        arrived,
        uptime,
        sequence,
    };
    let mut window = Window::new(stamp(100_000, 50_000, 50));
    // Somebody goes on far ahead, as if the agent had been up for long.
    assert_eq!(
        window.admit(stamp(100_100, 900_000, 9000)),
        Admission::Stray
    );
    let taken = window.admit(stamp(100_200, 900_100, 9001));
    assert_eq!(taken, Admission::New { missing: 0 });
    // While that goes on, the agent is behind; when it ends, it is heard again.
    assert_eq!(
        window.admit(stamp(101_000, 51_000, 51)),
        Admission::Outdated
    );
    assert_eq!(window.admit(stamp(104_000, 54_000, 54)), Admission::Stray);
    let heard = window.admit(stamp(105_000, 55_000, 55));
    assert_eq!(heard, Admission::New { missing: 0 });

    // And if they knew for how long it has been up.
    let forged = window.admit(stamp(106_000, 56_000, 956));
    assert_eq!(forged, Admission::New { missing: 900 });
    assert_eq!(
        window.admit(stamp(107_000, 57_000, 57)),
        Admission::Outdated
    );
    assert_eq!(window.admit(stamp(109_000, 59_000, 59)), Admission::Stray);
    let heard = window.admit(stamp(110_000, 60_000, 60));
    assert_eq!(heard, Admission::New { missing: 0 });
}

#[test]
fn what_is_replayed_while_the_agent_speaks_is_refused() {
    let stamp = |arrived, sequence: u32| Stamp {
        arrived,
        uptime: sequence * 1000,
        sequence,
    };
    let mut window = Window::new(stamp(900_000, 900));
    for second in 1..60u32 {
        let now = 900_000 + i64::from(second) * 1000;
        let said = window.admit(stamp(now, 900 + second));
        assert_eq!(said, Admission::New { missing: 0 });
        assert_eq!(
            window.admit(stamp(now + 100, 100 + second)),
            Admission::Outdated
        );
    }
}
