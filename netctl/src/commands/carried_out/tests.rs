use model::Timestamp;

use super::*;

fn host(realized: u64, path: ManagementPath) -> HostTopology {
    HostTopology {
        host_id: HostId::generate(),
        name: "h1".parse().unwrap(),
        connected: true,
        realized: Some(Generation(realized)),
        uplinks: Vec::new(),
        management_path: path,
        failures: Vec::new(),
    }
}

fn reverted(seconds: i64) -> ManagementPath {
    ManagementPath::Reverted {
        at: Timestamp::from_unix_seconds(seconds),
        reason: "no session".to_owned(),
    }
}

#[test]
fn a_host_is_done_when_it_has_realized_the_change_and_is_not_on_trial() {
    let before = host(6, ManagementPath::Settled);
    let until = Timestamp::from_unix_seconds(1);
    let judge = |now: &HostTopology| standing(&before, Some(now), Generation(7));
    let is_open = |standing| matches!(standing, Standing::Open(_));
    assert_eq!(judge(&host(7, ManagementPath::Settled)), Standing::Done);
    assert!(is_open(judge(&host(6, ManagementPath::Settled))));
    assert!(is_open(judge(&host(7, ManagementPath::OnTrial { until }))));
    let mut lost = host(7, ManagementPath::Settled);
    lost.connected = false;
    assert!(is_open(judge(&lost)), "it may come back by the old way");
    let mut failing = host(7, ManagementPath::Settled);
    failing.failures = vec!["physical network x: no".to_owned()];
    assert_eq!(judge(&failing), Standing::Failed(failing.failures.clone()));
    assert_eq!(standing(&before, None, Generation(7)), Standing::Away);
    assert_eq!(standing(&lost, Some(&lost), Generation(7)), Standing::Away);
}

#[test]
fn a_change_that_was_taken_back_is_told_and_an_older_one_is_not_taken_for_it() {
    let before = host(6, reverted(1));
    let judge = |now: &HostTopology| standing(&before, Some(now), Generation(7));
    assert_eq!(judge(&host(7, reverted(1))), Standing::Done);
    let mut back = host(7, reverted(2));
    assert_eq!(judge(&back), Standing::Reverted("no session".to_owned()));
    back.connected = false;
    assert_eq!(judge(&back), Standing::Reverted("no session".to_owned()));
}

#[test]
fn seconds_are_read_with_and_without_their_unit() {
    assert_eq!("60s".parse(), Ok(Seconds(60)));
    assert_eq!("5".parse(), Ok(Seconds(5)));
    for bad in ["", "s", "-1", "1m", "60 s"] {
        assert!(bad.parse::<Seconds>().is_err(), "{bad}");
    }
}
