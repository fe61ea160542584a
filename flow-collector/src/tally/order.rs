//! In which order things were sent, whatever the network did to them.
//!
//! A datagram carries a sequence number and its agent's uptime; the collector adds its own clock.
//! Arrival minus uptime is when the agent started. That moment stays put (to a second: Open vSwitch
//! counts whole seconds) while the agent runs. So it tells an agent that has started anew, and counts
//! from 1 again, from a datagram that was late or came twice.

/// How exact uptimes are, in milliseconds.
const UPTIME_STEP: i64 = 1000;
/// How far apart two starts may seem, in milliseconds, and still be the same start.
const SAME_START: i64 = 2 * UPTIME_STEP;
/// How long a datagram may be under way, in milliseconds.
const LATEST: i64 = 10_000;

/// When something was sent by its sender's word, and when it came by our clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// When it came, in milliseconds since 1970.
    pub arrived: i64,
    /// How long the agent was up, in milliseconds.
    pub uptime: u32,
    /// The sequence number of the datagram.
    pub sequence: u32,
}

/// How something relates to what was newest before it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// So many datagrams after it.
    Later(u32),
    /// After it, by an agent that started anew.
    Restarted,
    /// So many datagrams before it, or the same one: 0.
    NotLater(u32),
}

impl Stamp {
    /// How `self` relates to `newest`.
    #[must_use]
    pub fn order(self, newest: Self) -> Order {
        let elapsed = self.arrived.saturating_sub(newest.arrived);
        // An agent that started anew did so after its last datagram, so is up for no longer than that.
        let fits = i64::from(self.uptime) < elapsed.saturating_add(UPTIME_STEP);
        if fits && self.start().saturating_sub(newest.start()) >= SAME_START {
            return Order::Restarted;
        }
        // Sequence numbers wrap: the nearer way round is meant.
        match self.sequence.wrapping_sub(newest.sequence) {
            ahead @ 1..=0x7fff_ffff => Order::Later(ahead),
            _ => Order::NotLater(newest.sequence.wrapping_sub(self.sequence)),
        }
    }

    /// Whether this is of a run of the agent that had ended when `newest` was sent.
    pub(super) fn is_outlived_by(self, newest: Self) -> bool {
        let elapsed = self.arrived.saturating_sub(newest.arrived);
        // Not for long: our own clock may have been set back.
        (0..LATEST).contains(&elapsed) && newest.start().saturating_sub(self.start()) >= SAME_START
    }

    /// When the agent started, in milliseconds since 1970.
    fn start(self) -> i64 {
        self.arrived.saturating_sub(self.uptime.into())
    }

    /// Whether this is of the same run of the agent as `other`.
    fn is_of_the_run_of(self, other: Self) -> bool {
        self.start().abs_diff(other.start()) < SAME_START.unsigned_abs()
    }
}

/// Which of one sub-agent's datagrams were taken: none is taken twice.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    newest: Stamp,
    /// Bit n: the one n before the newest was taken.
    taken: u64,
    /// The newest from before the agent started anew.
    before: Option<Stamp>,
}

/// Whether to take a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes; and so many before it have not come yet.
    New {
        /// How many.
        missing: u32,
    },
    /// Yes: it was missing.
    Late,
    /// No: taken before, too late to tell, or by an agent that has started anew since.
    Refused,
}

impl Window {
    /// Opens with the first datagram, which is taken.
    #[must_use]
    pub const fn new(first: Stamp) -> Self {
        Self {
            newest: first,
            taken: 1,
            before: None,
        }
    }

    /// Whether to take the datagram with this stamp; remembers it.
    pub fn admit(&mut self, stamp: Stamp) -> Admission {
        // Of the run before; not just of any: what was held up seems to come from an earlier start.
        let before = self.before.filter(|before| stamp.is_of_the_run_of(*before));
        if before.is_some() && stamp.is_outlived_by(self.newest) {
            return Admission::Refused;
        }
        match stamp.order(self.newest) {
            Order::Restarted => {
                *self = Self {
                    before: Some(self.newest),
                    ..Self::new(stamp)
                };
                Admission::New { missing: 0 }
            }
            Order::Later(ahead) => {
                self.taken = self.taken.checked_shl(ahead).unwrap_or(0) | 1;
                self.newest = stamp;
                Admission::New { missing: ahead - 1 }
            }
            Order::NotLater(back) => match 1u64.checked_shl(back) {
                Some(bit) if self.taken & bit == 0 => {
                    self.taken |= bit;
                    Admission::Late
                }
                _ => Admission::Refused,
            },
        }
    }
}
