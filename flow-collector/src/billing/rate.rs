//! From amounts and rates to lines of a bill. Pure, in exact decimals.

use std::collections::BTreeMap;

use model::TrafficClass;
use model::billing::{BillLine, PercentilePrice, RateTerms, TransferPrice, Way};
use rust_decimal::{Decimal, RoundingStrategy};

use super::measure::Slots;

/// Bytes that a tenant sent and received, by class.
pub(crate) type Amounts = BTreeMap<TrafficClass, [u64; 2]>;

/// The lines of a bill.
pub(crate) fn lines(terms: &RateTerms, amounts: &Amounts, slots: &Slots) -> Vec<BillLine> {
    let rounded = |mut line: BillLine| {
        let half_away = RoundingStrategy::MidpointAwayFromZero;
        line.amount = line
            .amount
            .round_dp_with_strategy(terms.decimals, half_away);
        // Zeros are shown, too: 3.00.
        line.amount.rescale(terms.decimals);
        line
    };
    let transfer = terms.transfer.iter().flat_map(|it| transfer(it, amounts));
    let percentile = terms.percentile.iter().flat_map(|it| percentile(it, slots));
    transfer.chain(percentile).map(rounded).collect()
}

fn transfer(price: &TransferPrice, amounts: &Amounts) -> Vec<BillLine> {
    let [sent, received] = amounts.get(&price.class).copied().unwrap_or_default();
    let bytes = match price.way {
        Way::Sent => u128::from(sent),
        Way::Received => u128::from(received),
        Way::Both => u128::from(sent) + u128::from(received),
    };
    let gb = scaled(bytes, 9);
    let name = format!("{} transfer, {}", price.class.name(), way(price.way));
    let free = gb.min(price.included_gb);
    let mut lines = Vec::new();
    if !price.included_gb.is_zero() {
        let of = price.included_gb.normalize();
        let what = format!("{name}: included, of {of} GB");
        lines.push(line(what, free, "GB", Decimal::ZERO));
    }
    let rest = gb - free;
    for (n, step) in price.steps.iter().enumerate() {
        let end = price
            .steps
            .get(n + 1)
            .map_or(rest, |next| next.above_gb.min(rest));
        let quantity = (end - step.above_gb).max(Decimal::ZERO);
        if n == 0 || !quantity.is_zero() {
            let from = price.included_gb + step.above_gb;
            let what = format!("{name}: from {} GB on", from.normalize());
            lines.push(line(what, quantity, "GB", step.price_per_gb));
        }
    }
    for line in &mut lines {
        line.classes = vec![price.class];
    }
    lines
}

fn percentile(price: &PercentilePrice, slots: &Slots) -> Vec<BillLine> {
    let rate = slots.percentile(&price.classes, price.measure);
    let mbps = scaled(rate.into(), 6);
    let names: Vec<&str> = price.classes.iter().map(|class| class.name()).collect();
    let name = format!(
        "{} rate, 95th percentile of {}",
        names.join(" + "),
        measure(price)
    );
    let committed = price.committed_mbps.normalize();
    let burst = (mbps - price.committed_mbps).max(Decimal::ZERO);
    let committed = line(
        format!("{name}: committed, {committed} Mbit/s"),
        Decimal::ONE,
        "month",
        price.committed_price,
    );
    let beyond = line(
        format!("{name}: beyond, at {} Mbit/s", mbps.normalize()),
        burst,
        "Mbit/s",
        price.burst_price_per_mbps,
    );
    let slot = slots.slot_of_percentile(&price.classes, price.measure);
    [committed, beyond]
        .map(|line| BillLine {
            classes: price.classes.clone(),
            slot,
            ..line
        })
        .to_vec()
}

fn line(what: String, quantity: Decimal, unit: &str, price: Decimal) -> BillLine {
    BillLine {
        what,
        quantity: quantity.normalize(),
        unit: unit.to_owned(),
        price,
        amount: quantity * price,
        classes: Vec::new(),
        slot: None,
    }
}

/// A whole number as so many digits before the point less.
fn scaled(number: u128, digits: u32) -> Decimal {
    let number = i128::try_from(number).unwrap_or(i128::MAX);
    Decimal::try_from_i128_with_scale(number, digits).unwrap_or(Decimal::MAX)
}

fn way(way: Way) -> &'static str {
    let found = Way::ALL.iter().find(|(it, _)| *it == way);
    found.map_or("", |(_, name)| name)
}

fn measure(price: &PercentilePrice) -> &'static str {
    let mut all = model::billing::Measure::ALL.iter();
    all.find(|(it, _)| *it == price.measure)
        .map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use model::billing::Zone;
    use model::{BothWays, Traffic};

    use super::*;

    const GB: u64 = 1_000_000_000;

    fn terms(transfer: &[&str], percentile: Option<&str>) -> RateTerms {
        RateTerms {
            currency: "EUR".parse().unwrap(),
            decimals: 2,
            timezone: Zone::utc(),
            transfer: transfer.iter().map(|it| it.parse().unwrap()).collect(),
            percentile: percentile.map(|it| it.parse().unwrap()),
        }
    }

    fn amounts(sent: u64, received: u64) -> Amounts {
        Amounts::from([(TrafficClass::Public, [sent, received])])
    }

    fn rated(terms: &RateTerms, amounts: &Amounts) -> Vec<String> {
        let lines = lines(terms, amounts, &Slots::new(0, 0)).into_iter();
        lines
            .map(|it| format!("{} {} = {}", it.quantity, it.unit, it.amount))
            .collect()
    }

    #[test]
    fn transfer_is_charged_step_by_step_beyond_what_is_included() {
        let terms = terms(&["public:both:1000:0=0.05,10000=0.03"], None);
        let small = rated(&terms, &amounts(400 * GB, 100 * GB));
        assert_eq!(small, ["500 GB = 0.00", "0 GB = 0.00"]);
        let large = rated(&terms, &amounts(11_500 * GB, 500 * GB));
        assert_eq!(
            large,
            ["1000 GB = 0.00", "10000 GB = 500.00", "1000 GB = 30.00"]
        );
    }

    #[test]
    fn every_line_is_rounded_half_away_from_zero_and_nothing_before() {
        // 1.5 GB at a third of a cent and a bit: 0.005 exactly.
        let terms = terms(&["public:sent:0:0=0.003333333"], None);
        assert_eq!(rated(&terms, &amounts(1_500_000_000, 0)), ["1.5 GB = 0.00"]);
        let half = self::terms(&["public:sent:0:0=0.01"], None);
        assert_eq!(
            rated(&half, &amounts(500_000_000, 9 * GB)),
            ["0.5 GB = 0.01"]
        );
        let byte = self::terms(&["public:received:0:0=1000000000"], None);
        assert_eq!(rated(&byte, &amounts(0, 1)), ["0.000000001 GB = 1.00"]);
    }

    #[test]
    fn a_class_without_a_price_is_free() {
        let terms = terms(&["pool-internal:both:0:0=1"], None);
        assert_eq!(rated(&terms, &amounts(GB, GB)), ["0 GB = 0.00"]);
    }

    #[test]
    fn a_rate_beyond_the_committed_one_is_charged_by_the_megabit() {
        let terms = terms(&[], Some("public:out:100:50.00:0.80"));
        let mut slots = Slots::new(0, 300 * 100);
        let at_110_mbps = Traffic {
            bytes: 110_000_000 / 8 * 300,
            packets: 1,
        };
        for n in 0..100 {
            let moved = BothWays {
                sent: at_110_mbps,
                received: Traffic::default(),
            };
            slots.add((n * 300, 300), TrafficClass::Public, moved);
        }
        let lines = lines(&terms, &Amounts::new(), &slots);
        let amounts: Vec<_> = lines.iter().map(|it| it.amount.to_string()).collect();
        assert_eq!(amounts, ["50.00", "8.00"]);
    }

    #[test]
    fn the_most_that_can_be_counted_can_be_charged() {
        let terms = terms(&["public:both:0:0=1000000"], Some("public:sum:0:0:1000000"));
        assert_eq!(rated(&terms, &amounts(u64::MAX, u64::MAX)).len(), 3);
    }
}
