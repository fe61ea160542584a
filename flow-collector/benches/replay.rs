//! A pool's sFlow on loopback, at a fixed and at a rising rate: into our collector and into those of
//! others, one after the other. Prints what each took of the processor, lost and held in memory.
//!
//! Needs the capture of a mixed pool that lies beside the checkout on some machines, and Debian's
//! pmacct and nfdump-sflow (`make tools`).
#![expect(clippy::unwrap_used, reason = "what cannot be set up fails the bench")]

#[path = "replay/collect.rs"]
mod collect;
#[path = "replay/measured.rs"]
mod measured;
#[path = "../../sflow/tests/support/pcap.rs"]
mod pcap;
#[path = "replay/pool.rs"]
mod pool;
#[path = "replay/subject.rs"]
mod subject;

use std::time::Duration;

use measured::Measured;
use pool::Pool;
use subject::Subject;

/// Datagrams a second that no collector may lose any of, and for how long unless it is said: over the end of
/// an interval, if that is of interest.
const FIXED: (u32, Duration) = (15_000, Duration::from_secs(6));
/// Rates that are tried then, one after the other, until one is too much.
const RISING: [u32; 4] = [30_000, 60_000, 120_000, 240_000];
/// For how long each.
const STEP: Duration = Duration::from_secs(2);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, rest @ ..] = &arguments[..]
        && verb == collect::VERB
    {
        return collect::run(rest);
    }
    let capture = pcap::sibling_captures().join("ovs-3.1/20-mixed-bench.pcap.xz");
    if !capture.exists() {
        println!(
            "replay: {} is not there: nothing is replayed",
            capture.display()
        );
        return;
    }
    let mut pool = Pool::of(&pcap::read(&capture));
    println!("{pool}\n{}", Measured::HEAD);
    let seconds = arguments.iter().find_map(|it| it.parse().ok());
    let time = seconds.map_or(FIXED.1, Duration::from_secs);
    for subject in Subject::ALL {
        run(subject, &mut pool, time);
    }
}

fn run(subject: Subject, pool: &mut Pool, time: Duration) {
    let running = subject.start();
    let mut measure = |(rate, time): (u32, Duration)| {
        let before = running.standing();
        let sent = pool.send(running.address(), rate, time);
        // What waits in the socket is taken in, and what was taken is written.
        std::thread::sleep(Duration::from_millis(500));
        let measured = Measured::between(&before, &running.standing(), sent);
        println!("{}", measured.row(subject.name(), rate));
        measured
    };
    measure((FIXED.0, time));
    for rate in RISING {
        if measure((rate, STEP)).lost_percent() > 1.0 {
            break;
        }
    }
    running.stop();
}
