//! How far changes are carried out: the fleet knows; of old ones history knows whose they were.

use api::backend::{ChangeBackend, HistoryBackend, Outcome};
use api::problem::Problem;
use api::request::HistoryQuery;
use api::resource::ChangeView;
use model::TenantId;

use crate::fleet::changes::Known;
use crate::service::Service;

impl ChangeBackend for Service {
    async fn change(&self, revision: u64, held_to: Option<TenantId>) -> Outcome<ChangeView> {
        let (asked_by, view) = match self.fleet.change(revision) {
            Known::Change(asked_by, view) => (asked_by, view),
            Known::Forgotten(view) => (self.asked_by(revision).await?, view),
            Known::Nothing => return Err(Problem::not_found("change", revision)),
        };
        if held_to.is_some() && asked_by != held_to {
            return Err(Problem::not_found("change", revision));
        }
        Ok(view)
    }
}

impl Service {
    /// The tenant that whoever asked for an old change was held to.
    async fn asked_by(&self, revision: u64) -> Outcome<Option<TenantId>> {
        let query = HistoryQuery {
            cursor: Some(revision.saturating_add(1)),
            limit: 1,
            ..HistoryQuery::default()
        };
        let found = self.history(query).await?.records.into_iter().next();
        let found = found.filter(|it| it.revision == revision);
        let found = found.ok_or_else(|| Problem::not_found("change", revision))?;
        Ok(found.tenant_id)
    }
}
