//! Two clocks: the one of the calendar, which may be set, and the one of the host's run, which not.

use std::io;

use model::Timestamp;
use tracing::warn;

/// Clocks that drift apart by so much between two looks, in milliseconds, were set apart.
const SET: u64 = 2000;
/// Both clocks are read within so much, in milliseconds, or again: this program may be stopped in between.
const AT_ONCE: u64 = 500;
/// So often it is tried.
const TRIES: usize = 5;

/// A moment on both clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Milliseconds since 1970.
    pub(super) calendar: i64,
    /// Milliseconds since the host started: what ages of flows are counted by.
    pub(super) uptime: u64,
    /// Which run of the host this is.
    pub(super) boot: String,
}

impl Moment {
    /// The present moment.
    ///
    /// # Errors
    /// When the kernel does not tell, or this program is hardly let run.
    pub(super) fn now() -> io::Result<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        for _ in 0..TRIES {
            let uptime = uptime()?;
            let calendar = Timestamp::now().unix_milliseconds();
            if self::uptime()?.saturating_sub(uptime) < AT_ONCE {
                return Ok(Self {
                    calendar,
                    uptime,
                    boot: boot.trim().to_owned(),
                });
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

fn uptime() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/uptime")?;
    parse(&text).ok_or(io::ErrorKind::InvalidData.into())
}

/// The present moment; without one nothing can be booked, and the next reading catches up.
pub(super) fn moment() -> Option<Moment> {
    Moment::now()
        .inspect_err(|error| warn!(%error, "could not tell the time"))
        .ok()
}

/// Watches whether the calendar's clock is set. While this program is stopped both clocks go on.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: Option<Moment>,
}

impl Watch {
    /// What operators must know, if the clock was set since the last look.
    pub(super) fn look(&mut self, now: Moment) -> Option<String> {
        let last = self.last.replace(now.clone())?;
        let passed = i64::try_from(now.uptime.checked_sub(last.uptime)?).ok()?;
        let set = now
            .calendar
            .checked_sub(last.calendar)?
            .checked_sub(passed)?;
        let seconds = set.unsigned_abs().div_ceil(1000);
        let way = if set < 0 { "back" } else { "forward" };
        (last.boot == now.boot && set.unsigned_abs() >= SET).then(|| {
            format!(
                "the host's clock was set {way} by {seconds} seconds: intervals of usage around then \
                 are of other lengths than they say"
            )
        })
    }
}

/// `1234.56 789.01`: the first is the uptime in seconds.
fn parse(text: &str) -> Option<u64> {
    let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    let (seconds, hundredths): (u64, u64) = (seconds.parse().ok()?, hundredths.parse().ok()?);
    Some(seconds * 1000 + hundredths * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(calendar: i64, uptime: u64) -> Moment {
        Moment {
            calendar,
            uptime,
            boot: "one".to_owned(),
        }
    }

    #[test]
    fn a_clock_that_was_set_is_told_once_and_one_of_a_stopped_program_was_not() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(at(1_000_000, 50_000)), None);
        assert_eq!(watch.look(at(1_003_010, 53_000)), None);
        // Stopped for an hour.
        assert_eq!(watch.look(at(4_603_000, 3_653_000)), None);
        let set = watch.look(at(4_666_000, 3_656_000)).unwrap();
        assert!(set.contains("forward by 60 seconds"), "{set}");
        assert_eq!(watch.look(at(4_669_000, 3_659_000)), None);
        let set = watch.look(at(1_072_000, 3_662_000)).unwrap();
        assert!(set.contains("back by 3600 seconds"), "{set}");
        assert_eq!(watch.look(at(1_075_000, 3_665_000)), None);
        // Another run of the host.
        let booted = Moment {
            boot: "two".to_owned(),
            ..at(9_000_000, 7_000_000)
        };
        assert_eq!(watch.look(booted), None);
    }

    #[test]
    fn the_uptime_is_read_to_the_hundredth() {
        assert_eq!(parse("1234.56 789.01\n"), Some(1_234_560));
        assert_eq!(parse("x"), None);
    }
}
