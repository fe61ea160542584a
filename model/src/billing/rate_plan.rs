//! Rate plans: at what price traffic is sold. Amounts of money are exact decimals.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Period, Zone};
use crate::{Id, Invalid, Name, TenantId, Timestamp, TrafficClass};

/// The identifier of a [`RatePlan`].
pub type RatePlanId = Id<RatePlan>;

/// A price list with a name. It never changes; other prices are another plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatePlan {
    /// Its identifier.
    pub id: RatePlanId,
    /// Its name, unique in the pool.
    pub name: Name,
    /// The prices.
    #[serde(flatten)]
    pub terms: RateTerms,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The prices of a plan. A class that none is named for is free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateTerms {
    /// What all prices are in.
    pub currency: Currency,
    /// Digits after the point of an amount on a bill, 0 to 4. Every line is rounded to them, half
    /// away from zero; the total is the sum of the rounded lines.
    #[serde(default = "cents")]
    pub decimals: u32,
    /// The zone whose months are billed.
    #[serde(default)]
    pub timezone: Zone,
    /// Prices of transfer.
    #[serde(default)]
    pub transfer: Vec<TransferPrice>,
    /// The price of the rate at the 95th percentile.
    #[serde(default)]
    pub percentile: Option<PercentilePrice>,
}

const fn cents() -> u32 {
    2
}

/// Three letters as in ISO 4217: `EUR`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

/// Which way traffic goes, as the VIF sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// From the tenant.
    Sent,
    /// To the tenant.
    Received,
    /// The sum of both.
    Both,
}

/// What transfer of a class costs. A GB is 10⁹ bytes.
///
/// As text: `public:both:1000:0=0.05,10000=0.03`, which is class, way, GB included, and steps as GB
/// beyond the included ones with the price of each GB from there on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferPrice {
    /// Which class.
    pub class: TrafficClass,
    /// Which way.
    pub way: Way,
    /// So many GB cost nothing.
    pub included_gb: Decimal,
    /// The steps, the first from 0, in order.
    pub steps: Vec<Step>,
}

/// From so many GB beyond the included ones on, each costs so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// From where on.
    pub above_gb: Decimal,
    /// The price of a GB.
    pub price_per_gb: Decimal,
}

/// Which rates are ranked for the percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// What the tenant received.
    In,
    /// What it sent.
    Out,
    /// The higher of the two percentiles.
    Max,
    /// The percentile of the sums of both.
    Sum,
}

/// What a rate costs, as measured at the 95th percentile. A Mbit/s is 10⁶ bits a second.
///
/// As text: `public:max:100:50.00:0.80`, which is classes (joined by `+`), measure, Mbit/s
/// committed, their price for a month, and the price of each Mbit/s beyond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PercentilePrice {
    /// The classes whose traffic is ranked, summed.
    pub classes: Vec<TrafficClass>,
    /// What is ranked.
    pub measure: Measure,
    /// So many Mbit/s are paid for in any case.
    pub committed_mbps: Decimal,
    /// What they cost, a month.
    pub committed_price: Decimal,
    /// What each Mbit/s beyond costs, a month.
    pub burst_price_per_mbps: Decimal,
}

/// From a period on, a plan is a tenant's: until the next one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatePlanAssignment {
    /// Whose plan.
    pub tenant_id: TenantId,
    /// Which plan.
    pub rate_plan_id: RatePlanId,
    /// From when on. A plan is for whole periods.
    pub from: Period,
}

/// More than any price, and far from what decimals cannot hold.
const MOST: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
/// The most prices of one plan, and steps of one price.
const MOST_PRICES: usize = 32;

impl RateTerms {
    /// Whether it can be billed by.
    ///
    /// # Errors
    /// What is allowed instead.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.decimals > 4 {
            return Err(Invalid::new("0 to 4 decimals"));
        }
        if self.transfer.len() > MOST_PRICES {
            return Err(Invalid::new("at most 32 prices of transfer"));
        }
        for price in &self.transfer {
            price.check()?;
        }
        let of = |price: &TransferPrice| (price.class, price.way);
        let twice = |(n, price)| {
            let mut before = self.transfer[..n].iter();
            before.any(|it: &TransferPrice| of(it) == of(price))
        };
        if self.transfer.iter().enumerate().any(twice) {
            return Err(Invalid::new("one price of transfer for each class and way"));
        }
        self.percentile
            .as_ref()
            .map_or(Ok(()), PercentilePrice::check)
    }
}

impl TransferPrice {
    fn check(&self) -> Result<(), Invalid> {
        let steps = &self.steps;
        let rise = steps.windows(2).all(|it| it[0].above_gb < it[1].above_gb);
        let begins = steps.first().is_some_and(|first| first.above_gb.is_zero());
        if !begins || !rise || steps.len() > MOST_PRICES {
            return Err(Invalid::new(
                "steps that rise, the first from 0 GB on, at most 32",
            ));
        }
        let amounts = steps.iter().flat_map(|it| [it.above_gb, it.price_per_gb]);
        possible(amounts.chain([self.included_gb]))
    }
}

impl PercentilePrice {
    fn check(&self) -> Result<(), Invalid> {
        if self.classes.is_empty() || self.classes.len() > TrafficClass::ALL.len() {
            return Err(Invalid::new("one to three classes for the percentile"));
        }
        possible([
            self.committed_mbps,
            self.committed_price,
            self.burst_price_per_mbps,
        ])
    }
}

fn possible(amounts: impl IntoIterator<Item = Decimal>) -> Result<(), Invalid> {
    let fits =
        |amount: &Decimal| !amount.is_sign_negative() && *amount <= MOST && amount.scale() <= 9;
    let all = amounts
        .into_iter()
        .all(|amount| fits(&amount) || amount.is_zero());
    all.then_some(()).ok_or(Invalid::new(
        "amounts from 0 to 1000000000 with at most 9 digits after the point",
    ))
}

impl FromStr for TransferPrice {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = Invalid::new("a price such as public:both:1000:0=0.05,10000=0.03");
        let mut parts = text.split(':');
        let mut next = || parts.next().ok_or(allowed.clone());
        let (class, way, included, steps) = (next()?, next()?, next()?, next()?);
        let step = |step: &str| {
            let (above_gb, price_per_gb) = step.split_once('=')?;
            Some(Step {
                above_gb: above_gb.parse().ok()?,
                price_per_gb: price_per_gb.parse().ok()?,
            })
        };
        let steps: Option<Vec<Step>> = steps.split(',').map(step).collect();
        let price = Self {
            class: class_of(class).ok_or(allowed.clone())?,
            way: Way::ALL
                .iter()
                .find(|(_, name)| *name == way)
                .map(|(way, _)| *way)
                .ok_or(allowed.clone())?,
            included_gb: included.parse().map_err(|_| allowed.clone())?,
            steps: steps.ok_or(allowed.clone())?,
        };
        match parts.next() {
            Some(_) => Err(allowed),
            None => price.check().map(|()| price),
        }
    }
}

impl FromStr for PercentilePrice {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = Invalid::new("a price such as public:max:100:50.00:0.80");
        let parts: Vec<&str> = text.split(':').collect();
        let [classes, measure, committed, price, burst] = parts[..] else {
            return Err(allowed);
        };
        let classes: Option<Vec<TrafficClass>> = classes.split('+').map(class_of).collect();
        let measure = Measure::ALL.iter().find(|(_, name)| *name == measure);
        let decimal = |text: &str| text.parse().map_err(|_| allowed.clone());
        let price = Self {
            classes: classes.ok_or(allowed.clone())?,
            measure: measure.map(|(it, _)| *it).ok_or(allowed.clone())?,
            committed_mbps: decimal(committed)?,
            committed_price: decimal(price)?,
            burst_price_per_mbps: decimal(burst)?,
        };
        price.check().map(|()| price)
    }
}

fn class_of(name: &str) -> Option<TrafficClass> {
    let mut classes = TrafficClass::ALL.iter().map(|(class, _)| *class);
    classes.find(|class| class.name() == name)
}

impl Way {
    /// Every way with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Sent, "sent"),
        (Self::Received, "received"),
        (Self::Both, "both"),
    ];
}

impl Measure {
    /// Every measure with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::In, "in"),
        (Self::Out, "out"),
        (Self::Max, "max"),
        (Self::Sum, "sum"),
    ];
}

impl FromStr for Currency {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let letters = text.len() == 3 && text.bytes().all(|it| it.is_ascii_uppercase());
        letters.then(|| Self(text.to_owned())).ok_or(Invalid::new(
            "a currency of three capital letters such as EUR",
        ))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Currency {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_as_they_are_written_down() {
        let price: TransferPrice = "public:both:1000:0=0.05,10000=0.03".parse().unwrap();
        assert_eq!(price.class, TrafficClass::Public);
        assert_eq!(price.steps[1].price_per_gb.to_string(), "0.03");
        let rate: PercentilePrice = "public+pool-internal:max:100:50.00:0.80".parse().unwrap();
        assert_eq!(rate.classes.len(), 2);
        assert_eq!(rate.committed_price.to_string(), "50.00");
    }

    #[test]
    fn prices_that_cannot_be_are_refused() {
        let wrong = [
            "",
            "public",
            "public:both:1:",
            "public:both:1:5=1",
            "public:both:1:0=1,0=2",
            "public:both:1:0=-1",
            "public:both:x:0=1",
            "nobody:both:1:0=1",
            "public:up:1:0=1",
            "public:both:1:0=1:2",
            "public:both:1:0=0.12345678901",
            "public:both:99999999999999:0=1",
            "public:both:1:0=1,9=2,5=3",
        ];
        for text in wrong {
            assert!(text.parse::<TransferPrice>().is_err(), "{text}");
        }
        for text in [
            "",
            "public:max:1:1",
            "public:max:1:1:1:1",
            "public:best:1:1:1",
            ":max:1:1:1",
        ] {
            assert!(text.parse::<PercentilePrice>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_class_and_way_has_one_price() {
        let price: TransferPrice = "public:both:0:0=1".parse().unwrap();
        let mut terms = RateTerms {
            currency: "EUR".parse().unwrap(),
            decimals: 2,
            timezone: Zone::utc(),
            transfer: vec![price.clone()],
            percentile: None,
        };
        assert_eq!(terms.check(), Ok(()));
        terms.transfer.push(price);
        assert!(terms.check().is_err());
    }
}
