//! Two clocks: the one of the calendar, which may be set, and the one of the host's run, which not.

use std::io;

use model::Timestamp;

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
    /// When the kernel does not tell.
    pub(super) fn now() -> io::Result<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let uptime = std::fs::read_to_string("/proc/uptime")?;
        Ok(Self {
            calendar: Timestamp::now().unix_milliseconds(),
            uptime: parse(&uptime).ok_or(io::ErrorKind::InvalidData)?,
            boot: boot.trim().to_owned(),
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

    #[test]
    fn the_uptime_is_read_to_the_hundredth() {
        assert_eq!(parse("1234.56 789.01\n"), Some(1_234_560));
        assert_eq!(parse("x"), None);
    }
}
