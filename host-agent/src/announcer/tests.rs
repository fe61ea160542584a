use super::*;

fn station(port: u32) -> Station {
    Station {
        network: 7.try_into().unwrap(),
        port: PortNo(port),
        out: PortNo(99),
        mac: MacAddr::local(port.into()),
        addresses: [IpAddr::from([10, 0, 0, 5])].into(),
    }
}

fn here(stations: &[(PortId, Station)]) -> Stations {
    Stations {
        here: stations.iter().cloned().collect(),
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
    stations.here.insert(old, station(3));
    round.take(&stations, now);
    assert_eq!(round.announcements(now).len(), 1);
}

#[test]
fn an_announcement_leaves_by_the_way_to_the_fabric_alone() {
    let [packet] = packets(&station(1)).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(packet.actions, deliver(7.try_into().unwrap(), PortNo(99)));
    assert_eq!(packet.in_port, PortNo::CONTROLLER);
}
