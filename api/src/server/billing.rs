//! What is done at the routes of the ledger beyond usage: rate plans, bills, seals, records.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::{self, MethodRouter};
use model::billing::{Currency, LedgerRecord, RatePlanAssignment, RateTerms, Zone};
use uuid::Uuid;

use super::fields::Fields;
use super::format::{self, BillFormat, Format, Part};
use super::handler::{bad_body, finish};
use super::list::Text;
use super::respond::json;
use super::routes::{Method, Noun, Route};
use super::signed::Signed;
use crate::access::Identity;
use crate::backend::{Ledger, Outcome, UsageBackend};
use crate::problem::{FieldCode, Problem};
use crate::request::{BillsQuery, Paging, RatePlanCreate, RecordQuery, SplitQuery, TenantPeriod};
use crate::sheet::{self, Naming, page};

/// The most records on a page.
const MAX_RECORDS: u32 = 1000;
/// The most prices in one request.
const MAX_PRICES: usize = 64;

/// What is done at a route of the ledger.
pub(super) fn endpoint<B: UsageBackend>(route: &Route) -> MethodRouter<Arc<B>> {
    match (route.noun, route.method) {
        (Noun::Bill, _) => routing::get(bill::<B>),
        (Noun::BillSummary, _) => routing::get(bills::<B>),
        (Noun::UsageRecord, _) => routing::get(records::<B>),
        (Noun::UsageSplit, _) => routing::get(split::<B>),
        (Noun::MeterFinding, _) => routing::get(findings::<B>),
        (Noun::Collector, _) => routing::get(collector::<B>),
        (Noun::Verification, _) => routing::get(verification::<B>),
        (Noun::Seal, Method::Post) => routing::post(seal::<B>),
        (Noun::Seal, _) => routing::get(seals::<B>),
        (Noun::RatePlanAssignment, Method::Post) => routing::post(assign::<B>),
        (Noun::RatePlanAssignment, _) => routing::get(assignments::<B>),
        (_, Method::Post) => routing::post(rate_plan_create::<B>),
        (_, Method::Delete) => routing::delete(rate_plan_delete::<B>),
        (_, Method::Get | Method::Put | Method::Patch) => routing::get(rate_plans::<B>),
    }
}

/// A body, or why there is none.
type Body = Result<Bytes, BytesRejection>;

async fn bill<B: UsageBackend>(State(backend): State<Arc<B>>, uri: Uri) -> Outcome<Response> {
    let mut fields = Fields::of_query(&uri)?;
    let query = read_tenant_period(&mut fields);
    let format = fields.optional("format").unwrap_or_default();
    let bill = backend.ledger()?.bill(fields.finish(query)?).await?;
    match format {
        BillFormat::Lines(Format::Json) => Ok(json(StatusCode::OK, &bill)),
        BillFormat::Lines(format) => format::sheet(&sheet::with_total(&bill), format),
        BillFormat::Html => {
            let names = ByBackend(&*backend);
            let tenant = names.of(bill.tenant_id.uuid());
            Ok(format::html(page::bill(&bill, &tenant, &names)))
        }
    }
}

/// Names as the backend knows them.
struct ByBackend<'a, B>(&'a B);

impl<B: UsageBackend> Naming for ByBackend<'_, B> {
    fn of(&self, id: Uuid) -> String {
        self.0.name_of(id).unwrap_or_else(|| id.to_string())
    }
}

async fn bills<B: UsageBackend>(State(backend): State<Arc<B>>, uri: Uri) -> Outcome<Response> {
    let mut fields = Fields::of_query(&uri)?;
    let period = fields.required("period");
    let page = read_page(&mut fields, BillsQuery::MAX_LIMIT);
    let part = Part::read(&mut fields, page);
    let query = period.map(|period| BillsQuery { period, page });
    let items = backend.ledger()?.bills(fields.finish(query)?).await?;
    part.told(items, &uri)
}

async fn records<B: UsageBackend>(
    State(backend): State<Arc<B>>,
    Extension(identity): Extension<Identity>,
    uri: Uri,
) -> Outcome<Response> {
    let mut fields = Fields::of_query(&uri)?;
    let of = read_tenant_period(&mut fields);
    let page = read_page(&mut fields, MAX_RECORDS);
    let part = Part::read(&mut fields, page);
    let (from, to) = (fields.optional("from"), fields.optional("to"));
    let (class, port_id) = (fields.optional("class"), fields.optional("port_id"));
    let query = of.map(|of| RecordQuery {
        of,
        from,
        to,
        class,
        port_id,
        page,
    });
    let mut items = backend.ledger()?.records(fields.finish(query)?).await?;
    if identity.tenant_id.is_some() {
        // On which host it was is not a tenant's to know, in whatever form it is told.
        let untold = |it: &mut LedgerRecord| it.host_id = Uuid::nil().into();
        items.iter_mut().for_each(untold);
    }
    part.told(items, &uri)
}

async fn split<B: UsageBackend>(State(backend): State<Arc<B>>, uri: Uri) -> Outcome<Response> {
    let mut fields = Fields::of_query(&uri)?;
    let by = fields.required("by");
    let page = read_page(&mut fields, MAX_RECORDS);
    let part = Part::read(&mut fields, page);
    let (from, to) = (fields.optional("from"), fields.optional("to"));
    let class = fields.optional("class");
    let (tenant_id, network_id) = (fields.optional("tenant_id"), fields.optional("network_id"));
    let port_id = fields.optional("port_id");
    let query = by.map(|by| SplitQuery {
        by,
        from,
        to,
        class,
        tenant_id,
        network_id,
        port_id,
        page,
    });
    let items = backend.ledger()?.split(fields.finish(query)?).await?;
    part.told(items, &uri)
}

async fn findings<B: UsageBackend>(State(backend): State<Arc<B>>, uri: Uri) -> Outcome<Response> {
    let page = paging(&uri)?;
    Ok(part(backend.ledger()?.findings(page).await?, page))
}

async fn collector<B: UsageBackend>(State(backend): State<Arc<B>>) -> Outcome<Response> {
    Ok(json(StatusCode::OK, &backend.ledger()?.statistics()))
}

async fn verification<B: UsageBackend>(State(backend): State<Arc<B>>) -> Outcome<Response> {
    Ok(json(StatusCode::OK, &backend.ledger()?.verify().await?))
}

async fn seals<B: UsageBackend>(State(backend): State<Arc<B>>, uri: Uri) -> Outcome<Response> {
    let page = paging(&uri)?;
    Ok(part(backend.ledger()?.seals(page).await?, page))
}

async fn seal<B: UsageBackend>(
    State(backend): State<Arc<B>>,
    signed: Signed,
    body: Body,
) -> Outcome<Response> {
    let caller = signed.repeats();
    let mut fields = body_fields(body)?;
    let request = read_tenant_period(&mut fields);
    let request = fields.finish(request)?;
    let seal = finish(async move { backend.ledger()?.seal(caller, request).await }).await?;
    Ok(json(StatusCode::CREATED, &seal))
}

async fn rate_plans<B: UsageBackend>(State(backend): State<Arc<B>>, uri: Uri) -> Outcome<Response> {
    let page = paging(&uri)?;
    Ok(part(backend.ledger()?.rate_plans(page).await?, page))
}

async fn rate_plan_create<B: UsageBackend>(
    State(backend): State<Arc<B>>,
    signed: Signed,
    body: Body,
) -> Outcome<Response> {
    let mut fields = body_fields(body)?;
    let caller = signed.repeats();
    let request = read_rate_plan(&mut fields);
    let request = fields.finish(request)?;
    let made =
        finish(async move { backend.ledger()?.rate_plan_create(caller, request).await }).await?;
    Ok(json(StatusCode::CREATED, &made))
}

async fn rate_plan_delete<B: UsageBackend>(
    State(backend): State<Arc<B>>,
    signed: Signed,
    id: Result<Path<String>, PathRejection>,
) -> Outcome<StatusCode> {
    let text = id.map_or(String::new(), |Path(text)| text);
    let id = text.parse();
    let id =
        id.map_err(|_| Problem::not_found("rate plan", format!("{text:?}: an id is a UUID")))?;
    let caller = signed.repeats();
    finish(async move { backend.ledger()?.rate_plan_delete(caller, id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn assignments<B: UsageBackend>(
    State(backend): State<Arc<B>>,
    uri: Uri,
) -> Outcome<Response> {
    let page = paging(&uri)?;
    let items = backend.ledger()?.rate_plan_assignments(page).await?;
    Ok(part(items, page))
}

async fn assign<B: UsageBackend>(
    State(backend): State<Arc<B>>,
    signed: Signed,
    body: Body,
) -> Outcome<Response> {
    let caller = signed.repeats();
    let mut fields = body_fields(body)?;
    let (tenant_id, rate_plan_id) = (
        fields.required("tenant_id"),
        fields.required("rate_plan_id"),
    );
    let from = fields.required("from");
    let read = || {
        Some(RatePlanAssignment {
            tenant_id: tenant_id?,
            rate_plan_id: rate_plan_id?,
            from: from?,
        })
    };
    let request = fields.finish(read())?;
    let made = request.clone();
    finish(async move { backend.ledger()?.rate_plan_assign(caller, request).await }).await?;
    Ok(json(StatusCode::CREATED, &made))
}

fn body_fields(body: Body) -> Outcome<Fields> {
    let body = body.map_err(|rejection| bad_body(&rejection))?;
    Fields::of_body(&body)
}

/// The page that is asked for; a hundred if it does not say.
fn paging(uri: &Uri) -> Outcome<Paging> {
    let mut fields = Fields::of_query(uri)?;
    let page = read_page(&mut fields, MAX_RECORDS);
    fields.finish(Some(page))
}

fn read_page(fields: &mut Fields, most: u32) -> Paging {
    let limit = number(fields, "limit", 1..=most, 100);
    let offset = number(fields, "cursor", 0..=u32::MAX, 0);
    Paging { offset, limit }
}

/// A page of what is handed out by number.
fn part<T: serde::Serialize>(items: Vec<T>, page: Paging) -> Response {
    json(StatusCode::OK, &format::page(items, page))
}

fn read_tenant_period(fields: &mut Fields) -> Option<TenantPeriod> {
    let (tenant_id, period) = (fields.required("tenant_id"), fields.required("period"));
    Some(TenantPeriod {
        tenant_id: tenant_id?,
        period: period?,
    })
}

fn read_rate_plan(fields: &mut Fields) -> Option<RatePlanCreate> {
    let name = fields.required("name");
    let currency: Option<Currency> = fields.required("currency");
    let decimals = fields.optional::<u8>("decimals");
    let timezone = fields.optional::<Zone>("timezone");
    let transfer = fields.list("transfer", MAX_PRICES);
    let percentile = fields.optional("percentile");
    let terms = RateTerms {
        currency: currency?,
        decimals: decimals.unwrap_or(2).into(),
        timezone: timezone.unwrap_or_default(),
        transfer: transfer.unwrap_or_default(),
        percentile,
    };
    if let Err(invalid) = terms.check() {
        let message = format!("expected {invalid}");
        fields.refuse("transfer", FieldCode::OutOfRange, message);
    }
    Some(RatePlanCreate { name: name?, terms })
}

/// A parameter that is a number, or what it is when it is absent.
pub(super) fn number(
    fields: &mut Fields,
    name: &'static str,
    allowed: std::ops::RangeInclusive<u32>,
    absent: u32,
) -> u32 {
    let Some(Text(text)) = fields.optional(name) else {
        return absent;
    };
    let number = text.parse().ok().filter(|it| allowed.contains(it));
    number.unwrap_or_else(|| {
        let (least, most) = (allowed.start(), allowed.end());
        fields.refuse_value(name, &text, &format!("a number from {least} to {most}"));
        absent
    })
}
