use model::{FindingCause, NetworkId, TenantId};

use super::*;
use crate::ledger::open_to_write;
use crate::tally::Heard;

const START: i64 = 1_793_491_200;
const RATE: u32 = 64;
const FRAME: u64 = 1000;

/// A host with a port that sent so many frames, and meters that agree.
fn agreeing(frames: u64) -> HostMeters {
    let mut host = HostMeters::new(HostId::generate());
    let moved = Both {
        sent: [frames * FRAME, frames],
        received: [frames * FRAME, frames],
    };
    let port = PortMeters {
        counted: moved,
        interface: Some(moved),
        estimate: moved.sent,
        samples: frames / u64::from(RATE),
        stays: true,
        ..PortMeters::default()
    };
    host.ports.insert(PortId::generate(), port);
    host.heard = Some(Heard {
        datagrams: 300,
        samples: port.samples,
        rates: [RATE; 2],
        ..Heard::new(START, host.host)
    });
    host
}

fn causes(host: &HostMeters) -> Vec<FindingCause> {
    judge(host).into_iter().map(|(_, cause, _)| cause).collect()
}

/// What is found when something about the only port, or what was heard, is different.
fn found(change: impl FnOnce(&mut PortMeters, &mut Heard)) -> Vec<FindingCause> {
    let mut host = agreeing(1_000_000);
    let mut heard = host.heard.unwrap();
    change(host.ports.values_mut().next().unwrap(), &mut heard);
    host.heard = Some(heard);
    causes(&host)
}

#[test]
fn meters_that_agree_are_no_news() {
    assert_eq!(found(|_, _| {}), []);
    // The truth lies between what the guards let through and what the interface showed late.
    assert_eq!(
        found(|port, _| port.counted.sent = [400_000_000, 400_000]),
        []
    );
    assert_eq!(
        found(|port, _| {
            port.interface_next = port.interface.unwrap();
            port.interface = Some(Both::default());
        }),
        []
    );
}

#[test]
fn what_sampling_explains_is_no_news() {
    // 15,625 samples: nine hundredths are four deviations of clusters.
    assert_eq!(found(|port, _| port.estimate[0] = 920_000_000), []);
    assert_eq!(found(|port, _| port.estimate[0] = 1_080_000_000), []);
    // Of a few samples nothing is said at all.
    let mut host = agreeing(20_000);
    host.ports.values_mut().next().unwrap().estimate = [0, 0];
    assert_eq!(causes(&host), []);
}

#[test]
fn each_cause_is_named() {
    assert_eq!(
        found(|_, heard| heard.missing = 20),
        [FindingCause::LostDatagrams]
    );
    assert_eq!(found(|_, heard| heard.missing = 1), []);
    assert_eq!(
        found(|_, heard| heard.clock_steps = 1),
        [FindingCause::ClockStep]
    );
    // Frames are sampled at 1 in 128, and samples say 1 in 64; or the other way round.
    assert_eq!(
        found(|port, _| port.estimate[0] /= 2),
        [FindingCause::WrongRate]
    );
    assert_eq!(
        found(|port, _| port.estimate[0] *= 2),
        [FindingCause::WrongRate]
    );
    // The switch could not keep up, and said nothing; and said so.
    assert_eq!(
        found(|port, _| port.estimate[0] = 800_000_000),
        [FindingCause::SampleDrops]
    );
    let said = found(|port, heard| {
        port.estimate[0] = 400_000_000;
        heard.sample_drops = 9000;
    });
    assert_eq!(said, [FindingCause::SampleDrops; 2]);
    assert_eq!(
        found(|port, _| port.interface = Some(Both {
            received: [0, 0],
            ..port.counted
        })),
        [FindingCause::CountersBehind]
    );
}

#[test]
fn datagrams_that_an_agent_could_not_hand_on_are_told_of_those_that_were_lost() {
    let mut host = agreeing(1_000_000);
    let heard = host.heard.as_mut().unwrap();
    (heard.missing, heard.dropped_by_agent) = (20, 15);
    let [(_, _, message)] = &judge(&host)[..] else {
        panic!("one finding");
    };
    let words = "lost on the way (15 of them the host's agent could not hand on)";
    assert!(message.contains(words), "{message}");
}

#[test]
fn a_silent_agent_is_news_when_its_ports_are_not() {
    let mut host = agreeing(1_000_000);
    host.heard = None;
    assert_eq!(causes(&host), [FindingCause::SilentAgent]);
    let mut quiet = agreeing(10);
    quiet.heard = None;
    assert_eq!(causes(&quiet), []);
}

#[test]
fn a_port_that_left_is_not_held_to_its_last_reading() {
    let left = found(|port, _| {
        port.interface = Some(Both {
            received: [0, 0],
            ..port.counted
        });
        port.stays = false;
    });
    assert_eq!(left, []);
}

#[test]
fn what_is_found_is_kept_once_and_read_back_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open_to_write(&folder.path().join("usage.db")).unwrap();
    let (host, port) = (HostId::generate(), PortId::generate());
    let (network, tenant) = (NetworkId::generate(), TenantId::generate());
    let seconds = NonZeroU32::new(300).unwrap();
    let ids = [bytes(host), bytes(port), bytes(network), bytes(tenant)];
    for start in [START, START + 300] {
        connection
            .execute(
                "INSERT INTO account (tenant, interval_start, host, port, class, epoch,
                    interval_seconds, network, sent_bytes, sent_packets, received_bytes,
                    received_packets, sent_bytes_total, sent_packets_total, received_bytes_total,
                    received_packets_total, read_at, unread_seconds)
                 VALUES (?4, ?5, ?1, ?2, 3, x'', 300, ?3, 9000000, 9000, 0, 0, 0, 0, 0, 0, 0, 0)",
                params![ids[0], ids[1], ids[2], ids[3], start],
            )
            .unwrap();
    }
    let first = check(&connection, START, seconds).unwrap();
    assert_eq!(first, check(&connection, START, seconds).unwrap());
    let second = check(&connection, START + 300, seconds).unwrap();
    assert_eq!(first[0].cause, FindingCause::SilentAgent);
    // It goes on, and is news once.
    assert_eq!(news(&connection, first.clone()).unwrap(), first);
    assert_eq!(news(&connection, second.clone()).unwrap(), []);
    let all = findings(&connection, page(0)).unwrap();
    assert_eq!(all, [&second[..], &first[..]].concat());
    assert_eq!(findings(&connection, page(1)).unwrap(), first);
}

fn page(offset: u32) -> Paging {
    Paging { offset, limit: 10 }
}
