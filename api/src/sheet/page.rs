//! A bill as a page to print: no scripts, nothing from elsewhere, names escaped.

use std::fmt::Write;

use model::billing::{Bill, RatePoint};

use super::Naming;

/// The size of the chart, in its own units.
const WIDTH: usize = 800;
const HEIGHT: usize = 200;

const STYLE: &str = "body{font:14px sans-serif;margin:2em auto;max-width:60em}\
table{border-collapse:collapse;width:100%;margin:1em 0}\
td,th{border-bottom:1px solid #ccc;padding:.3em;text-align:left}\
td.n{text-align:right;font-variant-numeric:tabular-nums}\
.sent{stroke:#c60;fill:none}.received{stroke:#06c;fill:none}";

/// The page of a bill, whose ports are called by these names.
#[must_use]
pub fn bill(bill: &Bill, tenant: &str, names: &dyn Naming) -> String {
    let title = format!("{tenant}, {}", bill.period);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\
         <style>{STYLE}</style></head><body><h1>{0}</h1>\n",
        escaped(&title)
    );
    line(&mut page, &summary(bill));
    let lines = bill.lines.iter().map(|it| {
        let numbers = [&it.quantity, &it.price, &it.amount].map(ToString::to_string);
        let [quantity, price, amount] = numbers;
        vec![it.what.clone(), quantity, it.unit.clone(), price, amount]
    });
    let total = ["Total", "", "", ""].map(str::to_owned);
    let total = total.into_iter().chain([bill.total.to_string()]).collect();
    let heads = ["What", "Quantity", "Unit", "Price", "Amount"];
    table(&mut page, &heads, lines.chain([total]));
    line(
        &mut page,
        "Rates in bit/s; received is blue, sent is orange.",
    );
    chart(&mut page, &bill.course);
    table(&mut page, &RATES, rates(bill));
    table(&mut page, &TRANSFER, transfer(bill, names));
    page + "</body></html>\n"
}

const RATES: [&str; 6] = ["Class", "95 % in", "95 % out", "95 % sum", "Mean", "Peak"];
const TRANSFER: [&str; 4] = ["VIF", "Class", "Sent bytes", "Received bytes"];

fn summary(bill: &Bill) -> String {
    let currency = bill.currency.as_ref();
    let currency = currency.map_or_else(String::new, |it| format!("All amounts in {it}. "));
    let sealed = match &bill.seal {
        Some(seal) => format!("Sealed under {}.", seal.hash),
        None => format!("Not sealed; as of {}.", bill.as_of),
    };
    format!(
        "From {} to {} ({}). {currency}{sealed} {} of {} slots of five minutes have no record and \
         count as silence; {} seconds were lost unread.",
        bill.from, bill.to, bill.timezone, bill.slots_silent, bill.slots, bill.unread_seconds
    )
}

fn rates(bill: &Bill) -> impl Iterator<Item = Vec<String>> {
    bill.rates.iter().map(|it| {
        let numbers = [it.p95_in, it.p95_out, it.p95_sum, it.mean, it.peak];
        let numbers = numbers.iter().map(ToString::to_string);
        std::iter::once(it.class.name().to_owned())
            .chain(numbers)
            .collect()
    })
}

fn transfer(bill: &Bill, names: &dyn Naming) -> impl Iterator<Item = Vec<String>> {
    bill.ports.iter().flat_map(move |port| {
        let name = names.of(port.port_id.uuid());
        port.classes.iter().map(move |it| {
            let (sent, received) = (it.sent.bytes.to_string(), it.received.bytes.to_string());
            vec![name.clone(), it.class.name().to_owned(), sent, received]
        })
    })
}

fn line(page: &mut String, text: &str) {
    // Writing to a text cannot fail, here and below.
    let _infallible = writeln!(page, "<p>{}</p>", escaped(text));
}

fn table(page: &mut String, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    page.push_str("<table><tr>");
    for head in heads {
        let _infallible = write!(page, "<th>{}</th>", escaped(head));
    }
    page.push_str("</tr>\n");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let number = cell.starts_with(|it: char| it.is_ascii_digit() || it == '-');
            let class = if number { " class=\"n\"" } else { "" };
            let _infallible = write!(page, "<td{class}>{}</td>", escaped(&cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}

fn chart(page: &mut String, course: &[RatePoint]) {
    let rates = course.iter().flat_map(|point| [point.sent, point.received]);
    let peak = rates.max().unwrap_or(0).max(1);
    let _infallible = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"100%\" role=\"img\">\
         <title>Highest: {peak} bit/s</title>"
    );
    polyline(page, "received", (course, peak), |point| point.received);
    polyline(page, "sent", (course, peak), |point| point.sent);
    page.push_str("</svg>\n");
}

fn polyline(
    page: &mut String,
    class: &str,
    (course, peak): (&[RatePoint], u64),
    rate: impl Fn(&RatePoint) -> u64,
) {
    let _infallible = write!(page, "<polyline class=\"{class}\" points=\"");
    for (n, point) in course.iter().enumerate() {
        let x = n * WIDTH / course.len().max(1);
        let height = u128::from(rate(point)) * 200 / u128::from(peak);
        let y = 200 - height.min(200);
        let _infallible = write!(page, "{x},{y} ");
    }
    page.push_str("\"/>\n");
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            it if it.is_control() => escaped.push(' '),
            it => escaped.push(it),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use model::billing::RatePoint;

    use super::super::Ids;
    use super::*;
    use crate::test_pool::samples;

    fn november() -> Bill {
        let point = |at: i64, received, sent| RatePoint {
            at: Timestamp::from_unix_seconds(1_793_491_200 + at),
            received,
            sent,
        };
        samples::november(
            "public transfer",
            vec![point(0, 10, 5), point(300, 0, u64::MAX)],
        )
    }

    #[test]
    fn a_name_cannot_become_part_of_the_page() {
        let page = bill(&november(), "<script>alert('x')</script>&\u{1b}", &Ids);
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp; "));
        assert!(!page.contains("<script"));
    }

    #[test]
    fn a_page_has_the_lines_the_total_and_a_chart() {
        let page = bill(&november(), "acme", &Ids);
        for part in [
            "public transfer",
            "3.00",
            "<polyline class=\"sent\" points=\"0,200 400,0 \"",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}
