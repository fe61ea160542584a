//! What is asked of limits beyond what each of them may be.

use api::problem::FieldCode;
use model::Limits;

use super::faults::Faults;

/// A burst without a rate says nothing, and so was meant otherwise.
pub(super) fn check(limits: &Limits, faults: &mut Faults) {
    if limits.burst_milliseconds.is_some() && !limits.has_rates() {
        let message = "there is no rate that could be exceeded; limit one with it, or leave it out";
        faults.add("burst_milliseconds", FieldCode::Inconsistent, message);
    }
}
