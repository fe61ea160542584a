use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LINK};
use model::billing::{Bill, BillSummary};
use model::{TenantId, Timestamp, Traffic, Usage, UsageOf};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use tower::ServiceExt;

use super::super::router;
use super::super::tests::{ask, request};
use crate::test_pool::{TestPool, samples};

const NOVEMBER: &str = "tenant_id=00000000-0000-0000-0000-000000000000&period=2026-11";

fn usage(bytes: u64) -> Usage {
    let moment = Timestamp::from_unix_seconds(0);
    let traffic = Traffic { bytes, packets: 1 };
    Usage {
        of: UsageOf::Tenant,
        id: TenantId::generate().uuid(),
        from: moment,
        to: moment,
        sent: traffic,
        received: traffic,
        classes: Vec::new(),
        interface_sent: traffic,
        interface_received: traffic,
        sent_estimate: traffic,
        samples: 0,
    }
}

fn november() -> Bill {
    samples::november("a \"line\", with <signs>", Vec::new())
}

/// A pool with usage of three tenants, and a bill.
fn pool() -> Arc<TestPool> {
    let pool = TestPool::default();
    *pool.usage.lock().unwrap() = vec![usage(1), usage(2), usage(u64::MAX)];
    *pool.bill.lock().unwrap() = Some(november());
    let bills = (0..3).map(|_| BillSummary {
        tenant_id: TenantId::generate(),
        ..november().into()
    });
    *pool.bills.lock().unwrap() = bills.collect();
    Arc::new(pool)
}

/// The answer to a question, whatever its form.
async fn get(pool: &Arc<TestPool>, path: &str) -> (HeaderMap, Bytes) {
    let asked = request("GET", path, Body::empty());
    let answer = router(Arc::clone(pool)).oneshot(asked).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let headers = answer.headers().clone();
    (
        headers,
        to_bytes(answer.into_body(), usize::MAX).await.unwrap(),
    )
}

#[tokio::test]
async fn a_list_as_csv_is_read_page_by_page_by_its_links() {
    let pool = pool();
    let (headers, csv) = get(
        &pool,
        "/v1/bill-summaries?period=2026-11&limit=2&format=csv",
    )
    .await;
    assert_eq!(
        headers[CONTENT_TYPE],
        "text/csv; charset=utf-8; header=present"
    );
    let text = String::from_utf8(csv.to_vec()).unwrap();
    assert!(text.starts_with("tenant,period,rate_plan,sent_bytes,received_bytes,total,currency,"));
    assert_eq!(text.split("\r\n").count(), 4, "{text:?}");
    let next = "</v1/bill-summaries?period=2026-11&limit=2&format=csv&cursor=2>; rel=\"next\"";
    assert_eq!(headers[LINK], next);
    let path = next.trim_start_matches('<').split('>').next().unwrap();
    let (headers, csv) = get(&pool, path).await;
    assert_eq!(String::from_utf8(csv.to_vec()).unwrap().lines().count(), 2);
    assert!(!headers.contains_key(LINK));
}

#[tokio::test]
async fn what_is_told_as_parquet_is_read_back_exactly() {
    let (headers, bytes) = get(&pool(), "/v1/usage?format=parquet").await;
    assert_eq!(headers[CONTENT_TYPE], "application/vnd.apache.parquet");
    let file = SerializedFileReader::new(bytes).unwrap();
    let rows = file.get_row_iter(None).unwrap();
    let sent: Vec<u64> = rows.map(|row| row.unwrap().get_ulong(2).unwrap()).collect();
    assert_eq!(sent, [1, 2, u64::MAX]);
    for list in [
        "usage-splits?by=peer".to_owned(),
        format!("usage-records?{NOVEMBER}"),
    ] {
        let (_, bytes) = get(&pool(), &format!("/v1/{list}&format=parquet")).await;
        let file = SerializedFileReader::new(bytes).unwrap();
        assert_eq!(file.metadata().file_metadata().num_rows(), 0);
    }
}

#[tokio::test]
async fn a_bill_is_told_as_json_its_lines_as_csv_and_parquet_and_all_of_it_as_a_page() {
    let path = |format: &str| format!("/v1/bills?{NOVEMBER}&format={format}");
    let asked = request("GET", &path("json"), Body::empty());
    assert_eq!(ask(&pool(), asked).await.json["total"], "3.00");
    let (_, csv) = get(&pool(), &path("csv")).await;
    let expected = "what,quantity,unit,price,amount\r\n\
        \"a \"\"line\"\", with <signs>\",1.5,GB,2,3.00\r\n\
        total as of 2026-11-22T12:00:00Z,1,EUR,3.00,3.00\r\n";
    assert_eq!(String::from_utf8(csv.to_vec()).unwrap(), expected);
    let (_, bytes) = get(&pool(), &path("parquet")).await;
    let file = SerializedFileReader::new(bytes).unwrap();
    assert_eq!(file.metadata().file_metadata().num_rows(), 2);
    let (headers, page) = get(&pool(), &path("html")).await;
    assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8");
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(
        page.contains("a &quot;line&quot;, with &lt;signs&gt;"),
        "{page}"
    );
}

#[tokio::test]
async fn another_form_is_refused_and_told_which_there_are() {
    for path in [
        "/v1/usage?format=html",
        "/v1/bill-summaries?period=2026-11&format=xml",
    ] {
        let refused = ask(&pool(), request("GET", path, Body::empty())).await;
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.json["errors"][0]["field"], "format");
        let message = refused.json["errors"][0]["message"].as_str().unwrap();
        assert!(
            message.contains("\"json\", \"csv\", \"parquet\""),
            "{message}"
        );
    }
    let path = "/v1/bill-summaries?period=2026-11&limit=101";
    let refused = ask(&pool(), request("GET", path, Body::empty())).await;
    assert_eq!(refused.status, 400);
}
