//! The columns of each kind of row.

use model::billing::{BillLine, BillSummary, LedgerRecord};
use model::{BothWays, Usage, UsageOf, UsagePart};
use uuid::Uuid;

use super::{Cell, Column, Tabular, column};

impl Tabular for BillLine {
    const COLUMNS: &'static [Column<Self>] = &[
        column("what", |it, _| it.what.clone().into()),
        column("quantity", |it, _| it.quantity.to_string().into()),
        column("unit", |it, _| it.unit.clone().into()),
        column("price", |it, _| it.price.to_string().into()),
        column("amount", |it, _| it.amount.to_string().into()),
    ];
}

impl Tabular for BillSummary {
    const COLUMNS: &'static [Column<Self>] = &[
        column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
        column("period", |it, _| it.period.to_string().into()),
        column("rate_plan", |it, _| {
            let plan = it.rate_plan.as_ref();
            plan.map_or_else(String::new, ToString::to_string).into()
        }),
        column("sent_bytes", |it, _| {
            Cell::Bytes(sum(it.classes.iter().map(|of| of.sent.bytes)))
        }),
        column("received_bytes", |it, _| {
            Cell::Bytes(sum(it.classes.iter().map(|of| of.received.bytes)))
        }),
        column("total", |it, _| it.total.to_string().into()),
        column("currency", |it, _| {
            let currency = it.currency.as_ref();
            currency
                .map_or_else(String::new, ToString::to_string)
                .into()
        }),
        column("as_of", |it, _| it.as_of.to_string().into()),
        column("seal", |it, _| {
            let seal = it.seal.as_ref();
            seal.map_or_else(String::new, |seal| seal.hash.clone())
                .into()
        }),
    ];
}

impl Tabular for LedgerRecord {
    const COLUMNS: &'static [Column<Self>] = &[
        column("interval_start", |it, _| {
            it.interval_start.to_string().into()
        }),
        column("seconds", |it, _| it.interval_seconds.to_string().into()),
        column("host", |it, names| names.of(it.host_id.uuid()).into()),
        column("vif", |it, names| names.of(it.port_id.uuid()).into()),
        column("class", |it, _| it.class.name().into()),
        column("sent_bytes", |it, _| Cell::Bytes(it.moved.sent.bytes)),
        column("received_bytes", |it, _| {
            Cell::Bytes(it.moved.received.bytes)
        }),
        column("sent_total", |it, _| it.total.sent.bytes.to_string().into()),
        column("received_total", |it, _| {
            it.total.received.bytes.to_string().into()
        }),
        column("read_at", |it, _| it.read_at.to_string().into()),
        column("unread_seconds", |it, _| {
            it.unread_seconds.to_string().into()
        }),
        column("last_counts_bytes", |it, _| {
            let BothWays { sent, received } = it.last_counts;
            Cell::Bytes(sent.bytes.saturating_add(received.bytes))
        }),
        column("adjusted_bytes", |it, _| adjusted(it).into()),
        column("epoch", |it, _| it.epoch.to_string().into()),
        column("interface_counters", |it, _| readings(it).into()),
        column("datagrams", |it, _| datagrams(it).into()),
        column("chain", |it, _| it.chain.clone().unwrap_or_default().into()),
    ];
}

impl Tabular for Usage {
    const COLUMNS: &'static [Column<Self>] = &[
        column("of", |it, _| of(it.of).into()),
        column("name", |it, names| names.of(it.id).into()),
        column("sent_bytes", |it, _| Cell::Bytes(it.sent.bytes)),
        column("sent_packets", |it, _| it.sent.packets.to_string().into()),
        column("received_bytes", |it, _| Cell::Bytes(it.received.bytes)),
        column("received_packets", |it, _| {
            it.received.packets.to_string().into()
        }),
        column("interface_sent_bytes", |it, _| {
            Cell::Bytes(it.interface_sent.bytes)
        }),
        column("interface_received_bytes", |it, _| {
            Cell::Bytes(it.interface_received.bytes)
        }),
        column("sent_estimate_bytes", |it, _| {
            Cell::Bytes(it.sent_estimate.bytes)
        }),
        column("samples", |it, _| it.samples.to_string().into()),
        column("from", |it, _| it.from.to_string().into()),
        column("to", |it, _| it.to.to_string().into()),
        column("id", |it, _| it.id.to_string().into()),
    ];
}

impl Tabular for UsagePart {
    const COLUMNS: &'static [Column<Self>] = &[
        column("class", |it, _| it.class.name().into()),
        column("of", |it, names| {
            let port = Uuid::try_parse(&it.key).ok();
            port.map_or_else(|| it.key.clone(), |id| names.of(id))
                .into()
        }),
        column("sent_bytes", |it, _| Cell::Bytes(it.sent.bytes)),
        column("least_bytes", |it, _| Cell::Bytes(it.least_bytes)),
        column("most_bytes", |it, _| Cell::Bytes(it.most_bytes)),
        column("sent_packets", |it, _| it.sent.packets.to_string().into()),
        column("samples", |it, _| it.samples.to_string().into()),
        column("from", |it, _| it.from.to_string().into()),
        column("to", |it, _| it.to.to_string().into()),
    ];
}

/// The most that a column holds, should it be more.
fn sum(amounts: impl Iterator<Item = u64>) -> u64 {
    amounts.fold(0, u64::saturating_add)
}

const fn of(of: UsageOf) -> &'static str {
    match of {
        UsageOf::Tenant => "tenant",
        UsageOf::Network => "network",
        UsageOf::Port => "port",
    }
}

/// By how much a late record changed the bill: sent and received.
fn adjusted(record: &LedgerRecord) -> String {
    let adjustment = record.adjustment.as_ref();
    adjustment.map_or_else(String::new, |it| {
        format!("{:+} sent, {:+} received", it.sent_bytes, it.received_bytes)
    })
}

/// The interface's counters as they were read: `7: 100..900 sent, 50..70 received (#12..#31)`.
fn readings(record: &LedgerRecord) -> String {
    let runs = record.evidence.readings.iter().map(|run| {
        let (from, to) = (&run.from, &run.to);
        let [sent, received] = [
            [from.counters.sent.bytes, to.counters.sent.bytes],
            [from.counters.received.bytes, to.counters.received.bytes],
        ];
        format!(
            "{}: {}..{} sent, {}..{} received (#{}..#{})",
            run.if_index, sent[0], sent[1], received[0], received[1], from.sequence, to.sequence
        )
    });
    runs.collect::<Vec<_>>().join("; ")
}

/// The sequence numbers of the host's datagrams: `#12..#31, 20 taken`.
fn datagrams(record: &LedgerRecord) -> String {
    let runs = record.evidence.datagrams.iter();
    let runs = runs.map(|run| {
        let (first, last) = (run.first_sequence, run.last_sequence);
        format!("#{first}..#{last}, {} taken", run.taken)
    });
    let mut all = runs.collect::<Vec<_>>().join("; ");
    if record.evidence.datagrams_missing > 0 {
        all += &format!("; {} missing", record.evidence.datagrams_missing);
    }
    all
}
