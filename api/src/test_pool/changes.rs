//! Changes of the pool of the tests.

use model::{Id, TenantId};

use super::TestPool;
use crate::backend::{ChangeBackend, Outcome};
use crate::problem::Problem;
use crate::resource::{ChangeOnHost, ChangeState, ChangeView};

/// The only change there is.
pub(crate) const CHANGE: u64 = 4711;

impl ChangeBackend for TestPool {
    async fn change(&self, revision: u64, _: Option<TenantId>) -> Outcome<ChangeView> {
        if revision != CHANGE {
            return Err(Problem::not_found("change", revision));
        }
        let host = |name: &str, state| ChangeOnHost {
            host_id: Id::generate(),
            name: name.parse().unwrap(),
            state,
            reason: None,
        };
        let hosts = vec![
            host("h2", ChangeState::Waiting),
            host("h1", ChangeState::Realized),
        ];
        Ok(ChangeView::of(revision, hosts))
    }
}
