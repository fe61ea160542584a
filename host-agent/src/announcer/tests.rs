use super::*;

fn station(port: u32) -> Station {
    Station {
        network: 7.try_into().unwrap(),
        port: Some(PortNo(port)),
        out: PortNo(99),
        mac: MacAddr::local(port.into()),
        addresses: [IpAddr::from([10, 0, 0, 5])].into(),
    }
}

fn here(stations: &[(PortId, Station)]) -> Stations {
    Stations {
        here: stations
            .iter()
            .map(|(id, it)| (Subject::Port(*id), it.clone()))
            .collect(),
        before: BTreeSet::new(),
    }
}

/// How many announcements are made in each of these seconds.
fn made(round: &mut Round, from: Instant) -> Vec<usize> {
    let times = (0..5).map(|second| from + Duration::from_secs(second));
    times.map(|now| round.announcements(now).len()).collect()
}

#[test]
fn a_port_that_comes_is_announced_three_times_and_then_never_again() {
    let (mut round, now) = (Round::default(), Instant::now());
    let stations = here(&[(PortId::generate(), station(1))]);
    round.take(&stations, now);
    assert_eq!(made(&mut round, now), [1, 1, 0, 1, 0]);
    round.take(&stations, now);
    assert_eq!(round.next(), None);
}

#[test]
fn a_port_that_goes_before_its_time_is_announced_no_more() {
    let (mut round, now) = (Round::default(), Instant::now());
    round.take(&here(&[(PortId::generate(), station(1))]), now);
    assert_eq!(round.announcements(now).len(), 1);
    round.take(&Stations::default(), now);
    assert_eq!(made(&mut round, now), [0; 5]);
}

#[test]
fn who_was_here_before_the_agent_is_announced_only_when_it_changes() {
    let (mut round, now) = (Round::default(), Instant::now());
    let (old, new) = (PortId::generate(), PortId::generate());
    let mut stations = here(&[(old, station(1)), (new, station(2))]);
    stations.before.insert(old);
    round.take(&stations, now);
    assert_eq!(round.announcements(now).len(), 1);
    stations.here.insert(Subject::Port(old), station(3));
    round.take(&stations, now);
    assert_eq!(round.announcements(now).len(), 1);
}

#[test]
fn an_announcement_leaves_by_the_way_to_the_fabric_alone() {
    let [packet] = packets(&station(1)).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(packet.actions, deliver(7.try_into().unwrap(), PortNo(99)));
    assert_eq!(packet.in_port, PortNo::CONTROLLER);
}

#[test]
fn an_address_outside_is_announced_where_it_came_and_not_where_it_stays_or_went() {
    let (mut round, now) = (Round::default(), Instant::now());
    let address = |last| IpAddr::from([203, 0, 113, last]);
    let with = |all: &[u8]| Stations {
        here: all
            .iter()
            .map(|last| {
                let subject = Subject::Address(7.try_into().unwrap(), address(*last));
                let station = Station {
                    port: None,
                    mac: MacAddr::public(address(*last)),
                    addresses: [address(*last)].into(),
                    ..station(0)
                };
                (subject, station)
            })
            .collect(),
        before: BTreeSet::new(),
    };
    round.take(&with(&[1]), now);
    assert_eq!(made(&mut round, now), [1, 1, 0, 1, 0]);
    let later = now + Duration::from_secs(60);
    round.take(&with(&[1, 2]), later);
    let [packet] = round.announcements(later).try_into().unwrap();
    assert_eq!(packet.data[6..12], MacAddr::public(address(2)).octets());
    round.take(&with(&[1]), later);
    assert_eq!(round.next(), None, "it went before its time");
    round.take(&with(&[1, 2]), later);
    assert_eq!(round.announcements(later).len(), 1, "it came again");
}
