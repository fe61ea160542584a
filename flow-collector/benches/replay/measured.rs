//! What a collector took for what it was sent.

use crate::pool::Sent;

/// What a process has used and lost so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) processor_seconds: f64,
    pub(crate) dropped: u64,
    pub(crate) megabytes: f64,
}

pub(crate) struct Measured {
    sent: Sent,
    processor_seconds: f64,
    dropped: u64,
    megabytes: f64,
}

impl Measured {
    pub(crate) const HEAD: &str =
        "collector   asked/s   sent/s  kernel drops  datagrams/cpu-s  samples/cpu-s  RSS MB";

    pub(crate) fn between(before: &Standing, after: &Standing, sent: Sent) -> Self {
        Self {
            sent,
            processor_seconds: after.processor_seconds - before.processor_seconds,
            dropped: after.dropped - before.dropped,
            megabytes: after.megabytes,
        }
    }

    pub(crate) fn lost_percent(&self) -> f64 {
        100.0 * self.dropped as f64 / self.sent.datagrams as f64
    }

    pub(crate) fn row(&self, name: &str, rate: u32) -> String {
        let taken = 1.0 - self.lost_percent() / 100.0;
        let a_second = |number: u64| number as f64 * taken / self.processor_seconds;
        format!(
            "{name:<10} {rate:>8} {:>8.0} {:>7} {:>4.1} % {:>16.0} {:>14.0} {:>7.1}",
            self.sent.datagrams as f64 / self.sent.seconds,
            self.dropped,
            self.lost_percent(),
            a_second(self.sent.datagrams),
            a_second(self.sent.samples),
            self.megabytes,
        )
    }
}
