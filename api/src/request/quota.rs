//! What may be said of quotas.

use std::collections::BTreeMap;

use model::{Quantity, QuotaLimit};
use serde::{Deserialize, Serialize};

/// `PATCH /v1/tenants/{id}/quota`: what is absent stays as it is; `null` is the pool's default again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QuotaUpdate(pub BTreeMap<Quantity, Option<QuotaLimit>>);
