//! How often a tenant may ask: the calls of all of its tokens together.
//!
//! A bucket for each tenant holds what its quota gives it in ten seconds and regains that all the time; each
//! call takes one out. What is kept of a bucket is the one moment at which it will be full again (the generic
//! cell rate algorithm), and nothing of one that is full.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use model::{QuotaLimit, TenantId};

use crate::problem::{Code, Problem};

#[cfg(test)]
mod tests;

/// How long a silent tenant saves up.
const WINDOW: Duration = Duration::from_secs(10);

/// So many buckets are kept before the full ones among them are looked for.
const SWEEP_AT: usize = 1_024;

/// The buckets of all tenants. There are never more than tenants that asked within the window, and as many again.
#[derive(Default)]
pub(super) struct Buckets(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    full_at: HashMap<TenantId, Instant>,
    sweep_at: usize,
}

/// What a limited caller is told of its bucket, with every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    /// The calls that the full bucket holds.
    limit: u64,
    /// The calls that are left in it.
    remaining: u64,
    /// How long it is until it is full.
    reset: Duration,
    /// How long to wait, if this call is one too many.
    wait: Option<Duration>,
}

impl Buckets {
    /// Takes a call of the tenant out of its bucket; nothing is told to one without a limit.
    pub(super) fn take(
        &self,
        tenant: TenantId,
        limit: QuotaLimit,
        now: Instant,
    ) -> Option<Allowance> {
        let QuotaLimit::AtMost(per_second) = limit else {
            return None;
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = kept.full_at.get(&tenant).copied();
        let (allowance, full_at) = decide(full_at.unwrap_or(now), per_second, now);
        kept.full_at.insert(tenant, full_at);
        kept.sweep(now);
        Some(allowance)
    }
}

impl Kept {
    /// A bucket that is full is as good as none.
    fn sweep(&mut self, now: Instant) {
        if self.full_at.len() < self.sweep_at.max(SWEEP_AT) {
            return;
        }
        self.full_at.retain(|_, full_at| *full_at > now);
        self.sweep_at = self.full_at.len() * 2;
    }
}

/// What becomes of a call, and when the bucket is full after it.
fn decide(full_at: Instant, per_second: u32, now: Instant) -> (Allowance, Instant) {
    let missing = full_at.saturating_duration_since(now).min(WINDOW);
    let limit = u64::from(per_second) * WINDOW.as_secs();
    let Some(each) = Duration::from_secs(1).checked_div(per_second) else {
        let allowance = Allowance {
            limit,
            remaining: 0,
            reset: WINDOW,
            wait: Some(WINDOW),
        };
        return (allowance, now);
    };
    let after = missing + each;
    let wait = after.checked_sub(WINDOW).filter(|it| !it.is_zero());
    let missing = match wait {
        Some(_) => missing,
        None => after,
    };
    let room = (WINDOW - missing).as_nanos() / each.as_nanos().max(1);
    let allowance = Allowance {
        limit,
        remaining: u64::try_from(room).unwrap_or(limit).min(limit),
        reset: missing,
        wait,
    };
    (allowance, now + missing)
}

impl Allowance {
    /// The refusal of a call that is one too many.
    pub(super) fn refusal(&self) -> Option<Response> {
        let seconds = whole_seconds(self.wait?);
        let detail = format!(
            "the tenant's quota of calls is used up; ask again in {seconds} s. All of its tokens share {} \
             calls in {} s; an operator raises requests_per_second of its quota",
            self.limit,
            WINDOW.as_secs()
        );
        let mut response = Problem::new(Code::TooManyRequests, detail).into_response();
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        Some(self.told(response))
    }

    /// The answer with what is left, as draft-ietf-httpapi-ratelimit-headers-06 spells it.
    pub(super) fn told(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert("ratelimit-limit", self.limit.into());
        headers.insert("ratelimit-remaining", self.remaining.into());
        headers.insert("ratelimit-reset", whole_seconds(self.reset).into());
        let policy = format!("{};w={}", self.limit, WINDOW.as_secs());
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert("ratelimit-policy", policy);
        }
        response
    }
}

/// Rounded up, so that who waits so long need not wait again.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
