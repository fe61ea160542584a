//! What a bill says, and what it rests on.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Currency, Evidence, Period, Zone};
use crate::{
    BothWays, ClassUsage, HostId, Name, NetworkId, PortId, TenantId, Timestamp, TrafficClass,
};

/// What a tenant moved in a period, and what that costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Whose.
    pub tenant_id: TenantId,
    /// Of when.
    pub period: Period,
    /// The zone whose month it is.
    pub timezone: Zone,
    /// The first moment, included.
    pub from: Timestamp,
    /// The last moment, excluded.
    pub to: Timestamp,
    /// Until when usage is in it: before `to` while the period is not over.
    pub as_of: Timestamp,
    /// The seal that nothing in it changes under any more; none while it may.
    pub seal: Option<Seal>,
    /// The plan it is rated by; without one nothing costs anything.
    pub rate_plan: Option<Name>,
    /// The currency of all amounts.
    pub currency: Option<Currency>,
    /// What is charged, line by line.
    pub lines: Vec<BillLine>,
    /// The sum of the lines.
    pub total: Decimal,
    /// What was moved, by class.
    pub classes: Vec<ClassUsage>,
    /// What belongs to periods that are sealed, and came later: charged here.
    pub adjustments: Vec<Adjustment>,
    /// Rates by class.
    pub rates: Vec<ClassRates>,
    /// What each VIF moved.
    pub ports: Vec<PortTransfer>,
    /// Five-minute slots in the period until `as_of`. One without any record counts as silence.
    pub slots: u64,
    /// How many of them have no record.
    pub slots_silent: u64,
    /// Seconds, over all VIFs, that switches died with unread: not in any amount.
    pub unread_seconds: u64,
    /// The course of the period, for a chart: at most 800 points.
    pub course: Vec<RatePoint>,
}

/// A bill without what it rests on: one of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillSummary {
    /// Whose.
    pub tenant_id: TenantId,
    /// Of when.
    pub period: Period,
    /// Until when usage is in it.
    pub as_of: Timestamp,
    /// The seal that nothing in it changes under any more; none while it may.
    pub seal: Option<Seal>,
    /// The plan it is rated by; without one nothing costs anything.
    pub rate_plan: Option<Name>,
    /// The currency of all amounts.
    pub currency: Option<Currency>,
    /// What is charged, line by line.
    pub lines: Vec<BillLine>,
    /// The sum of the lines.
    pub total: Decimal,
    /// What was moved, by class.
    pub classes: Vec<ClassUsage>,
    /// What belongs to periods that are sealed, and came later: charged here.
    pub adjustments: Vec<Adjustment>,
}

impl From<Bill> for BillSummary {
    fn from(bill: Bill) -> Self {
        Self {
            tenant_id: bill.tenant_id,
            period: bill.period,
            as_of: bill.as_of,
            seal: bill.seal,
            rate_plan: bill.rate_plan,
            currency: bill.currency,
            lines: bill.lines,
            total: bill.total,
            classes: bill.classes,
            adjustments: bill.adjustments,
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillLine {
    /// What is charged, as a phrase.
    pub what: String,
    /// How much of it.
    pub quantity: Decimal,
    /// In what: `GB`, `Mbit/s`, `month`.
    pub unit: String,
    /// What one costs.
    pub price: Decimal,
    /// What all cost, rounded half away from zero.
    pub amount: Decimal,
    /// Of which classes the records are that it rests on.
    #[serde(default)]
    pub classes: Vec<TrafficClass>,
    /// The slot of five minutes whose rate is the percentile that is charged; none of other lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Timestamp>,
}

/// What a class is to be billed for although its period is sealed; less, if below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// Which class.
    pub class: TrafficClass,
    /// Bytes that the tenant sent.
    pub sent_bytes: i64,
    /// Bytes that it received.
    pub received_bytes: i64,
}

/// Rates of a class in bits a second, over slots of five minutes, all VIFs summed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRates {
    /// Which class.
    pub class: TrafficClass,
    /// 95th percentile of what was received, by the nearest rank.
    pub p95_in: u64,
    /// The same of what was sent.
    pub p95_out: u64,
    /// The same of the sums of both.
    pub p95_sum: u64,
    /// The mean of the sums.
    pub mean: u64,
    /// The highest of the sums.
    pub peak: u64,
}

/// What a VIF moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortTransfer {
    /// Which.
    pub port_id: PortId,
    /// By class.
    pub classes: Vec<ClassUsage>,
}

/// The mean rates around a moment, all classes together, in bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatePoint {
    /// When it begins.
    pub at: Timestamp,
    /// What was received.
    pub received: u64,
    /// What was sent.
    pub sent: u64,
}

/// A sealed period of a tenant: from then on its records do not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which of its seals, from 1 on.
    pub number: u32,
    /// Which period.
    pub period: Period,
    /// The first moment, included.
    pub from: Timestamp,
    /// The last moment, excluded.
    pub to: Timestamp,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// How many records are under it.
    pub records: u64,
    /// SHA-256 over the seal before and all records, in hexadecimal.
    pub hash: String,
}

/// What came of recomputing all seals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// How many seals were recomputed.
    pub seals: u64,
    /// How many records are under them.
    pub records: u64,
    /// How many of the seals are over records that are not kept any more: only that the next seal goes
    /// on from their hash was looked at.
    #[serde(default)]
    pub seals_without_records: u64,
    /// The first that does not fit, as a sentence; none when all do.
    pub fault: Option<String>,
}

/// A record of the ledger: what a line of a bill comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRecord {
    /// When the interval starts.
    pub interval_start: Timestamp,
    /// How long it is, in seconds.
    pub interval_seconds: u32,
    /// Where it was counted.
    pub host_id: HostId,
    /// Whose frames.
    pub port_id: PortId,
    /// On which network.
    pub network_id: NetworkId,
    /// Of which class.
    pub class: TrafficClass,
    /// What was moved.
    pub moved: BothWays,
    /// The meter of the host at its last reading of the interval.
    pub total: BothWays,
    /// When that was.
    pub read_at: Timestamp,
    /// Which run of the host's meters.
    pub epoch: uuid::Uuid,
    /// Seconds that a switch died with unread.
    pub unread_seconds: u32,
    /// The chain of hashes up to this record, in hexadecimal; none before it is sealed.
    pub chain: Option<String>,
    /// Of what was moved, what flows told as their last counts when they went.
    #[serde(default)]
    pub last_counts: BothWays,
    /// What came of it after its period was sealed, and is charged here instead of what was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjustment: Option<Adjustment>,
    /// What the other meters of the port say, and rest on.
    #[serde(default)]
    pub evidence: Evidence,
}
