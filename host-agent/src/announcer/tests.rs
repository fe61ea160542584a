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
        before: None,
    }
}

/// How many milliseconds later each announcement is made.
fn made(round: &mut Round, from: Instant) -> Vec<u128> {
    let mut made = Vec::new();
    while let Some(at) = round.next() {
        made.extend(
            round
                .announcements(at)
                .iter()
                .map(|_| (at - from).as_millis()),
        );
    }
    made
}

#[test]
fn a_port_that_comes_is_announced_five_times_and_then_never_again() {
    let (mut round, now) = (Round::default(), Instant::now());
    let stations = here(&[(PortId::generate(), station(1))]);
    round.take(&stations, now);
    assert_eq!(made(&mut round, now), [0, 20, 100, 500, 2_500]);
    round.take(&stations, now);
    assert_eq!(round.next(), None);
}

#[test]
fn a_port_that_goes_before_its_time_is_announced_no_more() {
    let (mut round, now) = (Round::default(), Instant::now());
    round.take(&here(&[(PortId::generate(), station(1))]), now);
    assert_eq!(round.announcements(now).len(), 1);
    round.take(&Stations::default(), now);
    assert_eq!(made(&mut round, now), [0; 0]);
}

#[test]
fn who_was_here_before_the_agent_is_announced_only_when_it_changes() {
    let (mut round, now) = (Round::default(), Instant::now());
    let (old, new) = (PortId::generate(), PortId::generate());
    let mut stations = here(&[(old, station(1)), (new, station(2))]);
    stations.before = Some([old].into());
    round.take(&stations, now);
    assert_eq!(round.announcements(now).len(), 1);
    stations.here.insert(Subject::Port(old), station(3));
    round.take(&stations, now);
    assert_eq!(round.announcements(now).len(), 1);
}

#[test]
fn a_port_that_waited_here_in_the_dark_is_announced_when_it_is_lit() {
    let (sender, stations) = watch::channel(Arc::default());
    let (mut round, now) = (Round::default(), Instant::now());
    let id = PortId::generate();
    // It is bound before it is lit: by then the agent saw it there more than once.
    for (before, lit) in [(None, false), (Some(id), false), (Some(id), true)] {
        let lit = lit.then(|| (id, station(1)));
        let before = Some(before.into_iter().collect());
        let now_here = here(lit.as_slice());
        Stations { before, ..now_here }.publish(&sender);
        round.take(&stations.borrow(), now);
    }
    assert_eq!(round.announcements(now).len(), 1);
}

#[test]
fn an_announcement_leaves_by_the_way_to_the_fabric_alone() {
    let [packet] = packets(&station(1), Form::Request)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
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
        before: None,
    };
    round.take(&with(&[1]), now);
    assert_eq!(made(&mut round, now), [0, 20, 100, 500, 2_500]);
    let later = now + Duration::from_secs(60);
    round.take(&with(&[1, 2]), later);
    let [packet] = round.announcements(later).try_into().unwrap();
    assert_eq!(packet.data[6..12], MacAddr::public(address(2)).octets());
    round.take(&with(&[1]), later);
    assert_eq!(round.next(), None, "it went before its time");
    round.take(&with(&[1, 2]), later);
    assert_eq!(round.announcements(later).len(), 1, "it came again");
}
