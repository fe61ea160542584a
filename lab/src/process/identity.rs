//! Which process a recorded id means: the one that had it at the recorded start, no later one.

use std::{fs, io};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::Error;

/// A process id and when that process was started: together never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pid: u32,
    /// In clock ticks since the machine's boot, as field 22 of `/proc/PID/stat` has it.
    start_ticks: u64,
}

impl Identity {
    /// The process that has `pid` now; `None` when there is none.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let (_state, start_ticks) = parse_stat(&read_stat(pid)?)?;
        Some(Self { pid, start_ticks })
    }

    /// This process.
    pub(crate) fn own() -> Result<Self, Error> {
        let path = "/proc/self/stat";
        let malformed = || io::Error::from(io::ErrorKind::InvalidData);
        Self::of(std::process::id())
            .ok_or_else(malformed)
            .map_err(Error::file("read", path))
    }

    pub(crate) fn pid(self) -> u32 {
        self.pid
    }

    /// Does it run? One that has ended and only waits for its parent to notice does not.
    pub(crate) fn is_alive(self) -> bool {
        let stat = read_stat(self.pid);
        let Some((state, start_ticks)) = stat.as_deref().and_then(parse_stat) else {
            return false;
        };
        start_ticks == self.start_ticks && !matches!(state, 'Z' | 'X')
    }

    /// Sends `signal`, unless the process is gone: then nobody gets it.
    pub(crate) fn signal(self, signal: Signal) -> Result<(), Errno> {
        if !self.is_alive() {
            return Err(Errno::ESRCH);
        }
        let pid = i32::try_from(self.pid).map_err(|_out_of_range| Errno::ESRCH)?;
        kill(Pid::from_raw(pid), signal)
    }
}

fn read_stat(pid: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The state letter and the start time. The program's name before them stands in parentheses and
/// may itself hold anything, parentheses and spaces included.
fn parse_stat(stat: &str) -> Option<(char, u64)> {
    let (_name, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    // Field 22, and the state just taken was field 3.
    let start_ticks = fields.nth(18)?.parse().ok()?;
    Some((state, start_ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_program_name_does_not_hide_the_start_time() {
        let stat = "7 (a) R (b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9";
        assert_eq!(parse_stat(stat), Some(('S', 4711)));
    }

    #[test]
    fn a_stat_line_cut_anywhere_is_nothing_not_a_panic() {
        let stat = "7 (a) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9";
        for end in 0..stat.len() {
            let _any = parse_stat(&stat[..end]);
        }
    }

    #[test]
    fn this_process_is_alive_and_one_with_another_start_is_not() {
        let own = Identity::own().unwrap();
        assert!(own.is_alive());
        let earlier = Identity {
            start_ticks: own.start_ticks - 1,
            ..own
        };
        assert!(!earlier.is_alive());
        // Were it sent after all, this would end the test program.
        assert_eq!(earlier.signal(Signal::SIGKILL), Err(Errno::ESRCH));
    }

    #[test]
    fn a_process_that_ended_but_was_not_waited_for_is_not_alive() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.is_alive());
        identity.signal(Signal::SIGKILL).unwrap();
        while identity.is_alive() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
