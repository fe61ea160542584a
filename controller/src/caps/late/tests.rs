use model::{CapId, HostId};

use super::*;
use crate::service::tests::capped;

const OK: Result<(), LookError> = Ok(());

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_795_388_400 + seconds)
}

struct Bench {
    folder: tempfile::TempDir,
    intent: Intent,
    host: HostId,
}

impl Bench {
    fn new() -> Self {
        let (intent, host, _): (_, _, CapId) = capped();
        Self {
            folder: tempfile::tempdir().unwrap(),
            intent,
            host,
        }
    }

    fn resume(&self) -> Lateness {
        Lateness::resume(self.folder.path().to_owned())
    }

    fn judge(&self, lateness: &mut Lateness, seconds: i64) -> Vec<Late> {
        lateness.judge((&self.intent, &[self.host]), at(seconds), &OK)
    }
}

#[test]
fn who_was_away_for_longer_than_was_promised_says_so_once() {
    let bench = Bench::new();
    let mut first = bench.resume();
    for seconds in 0..100 {
        assert_eq!(bench.judge(&mut first, seconds), []);
    }
    let mut soon = bench.resume();
    assert_eq!(bench.judge(&mut soon, 130), []);
    let mut late = bench.resume();
    let said = bench.judge(&mut late, 1_000);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].host, None);
    assert!(said[0].message.starts_with("nobody looked at caps from"));
    assert_eq!(bench.judge(&mut late, 1_005), []);
}

#[test]
fn nobody_is_late_for_caps_that_are_not_there() {
    let bench = Bench::new();
    let none = Intent::default();
    assert_eq!(bench.resume().judge((&none, &[]), at(0), &OK), []);
    let mut later = bench.resume();
    assert_eq!(later.judge((&none, &[]), at(5_000), &OK), []);
    assert_eq!(bench.judge(&mut later, 5_005), []);
}

#[test]
fn a_note_that_is_torn_or_of_the_future_is_no_reason_to_fail() {
    let bench = Bench::new();
    for text in ["", "2026-", "9999-01-01T00:00:00Z", "\0\0"] {
        fs::write(bench.folder.path().join("caps.seen"), text).unwrap();
        let mut lateness = bench.resume();
        assert_eq!(bench.judge(&mut lateness, 0), [], "{text:?}");
        assert_eq!(lateness.noted, Some(at(0)));
    }
}

#[test]
fn a_ledger_that_does_not_answer_is_told_of_when_it_has_lasted() {
    let bench = Bench::new();
    let mut lateness = bench.resume();
    let failed = Err(LookError::NoLedger);
    let mut judge = |seconds, outcome: &Result<(), LookError>| {
        let late = lateness.judge((&bench.intent, &[bench.host]), at(seconds), outcome);
        late.len()
    };
    assert_eq!([0, 30, 59].map(|it| judge(it, &failed)), [0, 0, 0]);
    assert_eq!([60, 65, 500].map(|it| judge(it, &failed)), [1, 0, 0]);
    assert_eq!(judge(505, &OK), 0);
    assert_eq!([510, 571].map(|it| judge(it, &failed)), [0, 1]);
}

#[test]
fn a_host_with_ports_under_caps_that_tells_nothing_is_told_of_once() {
    let bench = Bench::new();
    let mut lateness = bench.resume();
    let mut judge = |seconds, connected: &[HostId]| {
        let late = lateness.judge((&bench.intent, connected), at(seconds), &OK);
        late.into_iter().map(|it| it.host).collect::<Vec<_>>()
    };
    assert_eq!(judge(0, &[]), []);
    assert_eq!(judge(61, &[]), [Some(bench.host)]);
    assert_eq!(judge(70, &[]), []);
    // It was back in between.
    assert_eq!(judge(80, &[bench.host]), []);
    assert_eq!(judge(90, &[]), []);
    assert_eq!(judge(149, &[]), []);
    assert_eq!(judge(150, &[]), [Some(bench.host)]);
}
