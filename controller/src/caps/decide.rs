//! What becomes of a cap: purely, from the cap, what was moved in its period, and the time.
//!
//! ```text
//!            so much was moved                  an operator
//!   below ----------------------> reached ----------------------> lifted
//!     ^                              |                               |
//!     +---- a new period, or ---------+       a new period, or the   |
//!     |     the cap was raised beyond       cap was changed          |
//!     +--------------------------------------------------------------+
//! ```
//!
//! What was moved is a figure that never becomes less within a period, whatever the ledger says: a
//! ledger that was lost lifts no cap.

use std::time::Duration;

use model::{Cap, CapSpan, CapStanding, CapState, Share, Timestamp};
use serde::{Deserialize, Serialize};

/// So far a clock may be set back across the start of a period without the period before beginning
/// again.
const HOLD: Duration = Duration::from_secs(600);

/// What happened to a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum News {
    /// This share was moved.
    Warned(Share),
    /// All of it was.
    Reached,
    /// It bounds nothing any more.
    Lifted(Why),
}

/// Why a cap was lifted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Why {
    /// Another period began.
    NewPeriod,
    /// The cap was raised beyond what was moved.
    Raised,
}

/// What becomes of a cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// How it stands from now on; as before if there is nothing to write.
    pub(crate) state: CapState,
    /// What happened, in order. There may be something to write all the same.
    pub(crate) news: Vec<News>,
}

/// The period that counts at a moment.
pub(crate) fn span(cap: &Cap, now: Timestamp) -> CapSpan {
    let known = cap.state.period_start;
    // The clock was set back a little: what began goes on.
    let held = known > now && known <= now.after(HOLD);
    cap.period.span(if held { known } else { now })
}

/// How a cap stands in a period, before anything is counted: in one that it knows nothing of it begins
/// anew.
pub(crate) fn state_in(cap: &Cap, span: CapSpan) -> CapState {
    match cap.state.period_start == span.from {
        true => cap.state,
        false => CapState::fresh(span.from),
    }
}

/// Decides, when `moved` bytes of what the cap counts were moved in this period.
pub(crate) fn decide(cap: &Cap, span: CapSpan, moved: u64) -> Verdict {
    let mut state = state_in(cap, span);
    let mut news = Vec::new();
    let was_reached = cap.state.standing == CapStanding::Reached;
    if was_reached && state.standing != CapStanding::Reached {
        news.push(News::Lifted(Why::NewPeriod));
    }
    let used = moved.max(state.noted_bytes);
    let is_over = used >= cap.bytes.get();
    if state.standing == CapStanding::Reached && !is_over {
        state.standing = CapStanding::Below;
        news.push(News::Lifted(Why::Raised));
    }
    let passed = cap.passed(used);
    if let Some(share) = passed.filter(|_| passed > state.warned_at) {
        state.warned_at = passed;
        news.push(News::Warned(share));
    }
    if state.standing == CapStanding::Below && is_over {
        state.standing = CapStanding::Reached;
        news.push(News::Reached);
    }
    // A cap that was raised, and not enough: from here on that it is over rests on the higher figure.
    let is_noted = state.standing != CapStanding::Reached || state.noted_bytes >= cap.bytes.get();
    if news.is_empty() && is_noted {
        return Verdict {
            state: cap.state,
            news,
        };
    }
    state.noted_bytes = used;
    Verdict { state, news }
}

#[cfg(test)]
mod tests;
