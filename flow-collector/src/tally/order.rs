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
/// So far ahead a datagram may be whatever its uptime says.
const NEAR: u32 = 64;
/// So far ahead one may be after an outage: an hour of the fastest agent.
const FAR: u32 = 100_000;
/// What nothing follows for so long, in milliseconds, may have been nobody's.
const SILENCE: i64 = 3000;
/// A start that moves by so much, in milliseconds, and stays there, was moved by a clock.
const CLOCK_STEP: i64 = 5000;
/// For so long it must stay, in milliseconds, by the clocks as they are then.
const STAYS: i64 = 10_000;

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

    /// Whether no clock was set between this and `other`, as far as it can be told.
    fn is_near(self, other: Self) -> bool {
        self.start().abs_diff(other.start()) < CLOCK_STEP.unsigned_abs()
    }

    /// Whether this is of the same run of the agent as `other`.
    fn is_of_the_run_of(self, other: Self) -> bool {
        self.start().abs_diff(other.start()) < SAME_START.unsigned_abs()
    }
}

/// Tells a clock that was set from datagrams that were held up: by the network, or because their sender,
/// who hands them on, or the collector was stopped and goes on. Either moves the moment that the agent
/// seems to have started at; but what was held up is followed by what was not, and a clock stays.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The newest of the datagrams that seem to be of one start.
    known: Stamp,
    /// The first of those that seem to be of another.
    moved: Option<Stamp>,
}

impl Clock {
    /// Begins with the first datagram of a run of the agent.
    #[must_use]
    pub const fn new(first: Stamp) -> Self {
        Self {
            known: first,
            moved: None,
        }
    }

    /// Whether by this datagram, of the same run of the agent, it is sure that a clock was set.
    pub fn was_set(&mut self, stamp: Stamp) -> bool {
        if stamp.is_near(self.known) {
            *self = Self::new(stamp);
            return false;
        }
        let moved = *self.moved.get_or_insert(stamp);
        if !stamp.is_near(moved) {
            self.moved = Some(stamp);
            return false;
        }
        let is_sure = stamp.arrived.saturating_sub(moved.arrived) >= STAYS;
        if is_sure {
            *self = Self::new(stamp);
        }
        is_sure
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
    /// The last that did not fit, in case it is the rest that does not.
    stray: Option<Stamp>,
}

/// Whether to take a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes; and so many before it have not come yet.
    New {
        /// How many.
        missing: u32,
    },
    /// Yes: the first of an agent that started anew.
    Restarted,
    /// Yes: it was missing.
    Late,
    /// No: taken before.
    Duplicate,
    /// No: too late to tell, or by an agent that has started anew since.
    Outdated,
    /// No: so far ahead as no agent can be, by its own clock or ours. If the next one follows it, it is
    /// this one that was right, and the window goes on there (RFC 3550, appendix A.1, does the same).
    Stray,
}

impl Window {
    /// Opens with the first datagram, which is taken.
    #[must_use]
    pub const fn new(first: Stamp) -> Self {
        Self {
            newest: first,
            taken: 1,
            before: None,
            stray: None,
        }
    }

    /// How a datagram relates to the newest. One that follows it in sequence is of the same run, although
    /// it may seem that the agent started anew: a clock was set, or it was held up for long.
    fn order(&self, stamp: Stamp) -> Order {
        let ahead = stamp.sequence.wrapping_sub(self.newest.sequence);
        match stamp.order(self.newest) {
            Order::Restarted if (1..=NEAR).contains(&ahead) => Order::Later(ahead),
            order => order,
        }
    }

    /// Whether to take the datagram with this stamp; remembers it.
    pub fn admit(&mut self, stamp: Stamp) -> Admission {
        // Of the run before; not just of any: what was held up seems to come from an earlier start.
        let before = self.before.filter(|before| stamp.is_of_the_run_of(*before));
        if before.is_some() && stamp.is_outlived_by(self.newest) {
            return Admission::Outdated;
        }
        match self.order(stamp) {
            Order::Restarted => {
                *self = Self {
                    before: Some(self.newest),
                    ..Self::new(stamp)
                };
                Admission::Restarted
            }
            Order::Later(ahead) if !self.is_credible(stamp, ahead) => self.stray(stamp),
            Order::Later(ahead) => {
                self.stray = None;
                self.taken = self.taken.checked_shl(ahead).unwrap_or(0) | 1;
                self.newest = stamp;
                Admission::New { missing: ahead - 1 }
            }
            Order::NotLater(back) => match 1u64.checked_shl(back) {
                Some(bit) if self.taken & bit == 0 => {
                    self.taken |= bit;
                    Admission::Late
                }
                _ if self.is_silent(stamp) => self.stray(stamp),
                Some(_) => Admission::Duplicate,
                None => Admission::Outdated,
            },
        }
    }

    /// Whether nothing has followed the newest for a while. What comes then from behind it may show that
    /// the newest was nobody's.
    fn is_silent(&self, stamp: Stamp) -> bool {
        stamp.arrived.saturating_sub(self.newest.arrived) >= SILENCE
    }

    /// Whether an agent can be so far ahead: a little always, more while its clock agrees.
    fn is_credible(&self, stamp: Stamp, ahead: u32) -> bool {
        ahead <= NEAR || ahead <= FAR && stamp.is_of_the_run_of(self.newest)
    }

    fn stray(&mut self, stamp: Stamp) -> Admission {
        let follows = self.stray.is_some_and(|stray| {
            let ahead = stamp.sequence.wrapping_sub(stray.sequence);
            (1..=NEAR).contains(&ahead) && stamp.is_of_the_run_of(stray)
        });
        if follows {
            *self = Self::new(stamp);
            return Admission::New { missing: 0 };
        }
        self.stray = Some(stamp);
        Admission::Stray
    }
}
