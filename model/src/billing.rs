//! Billing: what a tenant is charged for, at what price, for which period.

mod bill;
mod evidence;
mod period;
mod rate_plan;

pub use bill::{
    Adjustment, Bill, BillLine, BillSummary, ClassRates, LedgerRecord, PortTransfer, RatePoint,
    Seal, Verification,
};
pub use evidence::{CounterReading, CounterRun, DatagramRun, Evidence};
pub use period::{Period, Zone};
pub use rate_plan::{
    Currency, Measure, PercentilePrice, RatePlan, RatePlanAssignment, RatePlanId, RateTerms, Step,
    TransferPrice, Way,
};
