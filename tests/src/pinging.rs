//! Pings that go on while something else happens.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Instance;

/// A ping that goes on until it is stopped.
pub struct Pinging {
    child: Option<Child>,
    interval: Duration,
}

/// What a ping lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Requests sent.
    pub sent: u32,
    /// Requests without an answer.
    pub lost: u32,
    /// Answers beyond the first to one request.
    pub twice: u32,
    /// For how long there was no answer, all gaps together.
    pub time: Duration,
}

impl Pinging {
    /// Pings from inside a namespace, every 20 milliseconds.
    #[must_use]
    pub fn start(namespace: &str, to: &str) -> Self {
        let interval = Duration::from_millis(20);
        let child = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{namespace}"))
            .args(["ping", "-n", "-q", "-i", "0.02", to])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|e| panic!("could not run ping: {e}"));
        // The first answers before anything happens: addresses are found out by then.
        std::thread::sleep(Duration::from_millis(500));
        Self {
            child: Some(child),
            interval,
        }
    }

    /// Stops, and gives what was lost.
    #[must_use]
    pub fn stop(mut self) -> Lost {
        let Some(child) = self.child.take() else {
            panic!("the ping was stopped before");
        };
        interrupt(&child);
        let output = child.wait_with_output().unwrap_or_else(|e| panic!("{e}"));
        let text = String::from_utf8_lossy(&output.stdout);
        let before = |what: &str| -> u32 {
            let before = text.split(what).next().filter(|it| it.len() < text.len());
            let word = before.and_then(|it| it.rsplit([' ', '\n', '+']).next());
            word.and_then(|it| it.parse().ok()).unwrap_or(0)
        };
        let (sent, received) = (before(" packets transmitted"), before(" received"));
        // The last may still be on its way.
        let lost = sent.saturating_sub(received).saturating_sub(1);
        Lost {
            sent,
            lost,
            twice: before(" duplicates"),
            time: self.interval * lost,
        }
    }
}

impl Drop for Pinging {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            interrupt(&child);
            child.wait().map(drop).unwrap_or_default();
        }
    }
}

/// As Ctrl-C does: ping sums up and ends.
fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).unwrap_or_else(|e| panic!("{e}"));
    kill(Pid::from_raw(pid), Signal::SIGINT).unwrap_or_default();
}

/// Ends a loop in another thread when it is dropped, also when this one panics.
#[derive(Debug)]
pub struct StopWhenDropped<'a>(pub &'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Pings 100 times a second while `act` runs; how many requests were sent, and how many answered.
pub fn ping_while(from: &Instance, to: &Instance, act: impl FnOnce()) -> (u32, u32) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let until = StopWhenDropped(&stop);
        let pinging = scope.spawn(|| {
            let (mut sent, mut answered) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                sent += 50;
                answered += from.ping(to.address, 50, Duration::from_millis(10));
            }
            (sent, answered)
        });
        thread::sleep(Duration::from_millis(300));
        act();
        drop(until);
        let pings = pinging.join();
        pings.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
