//! Tokens.

use std::future::Future;

use model::{AccessRole, AccessVerb};
use serde_json::Value;
use uuid::Uuid;

use super::{Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::problem::FieldCode;
use crate::request::TokenCreate;
use crate::resource::TokenView;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};
use crate::server::value::{FieldValue, number, word};

const ROLE: Kind = Kind::Word(&[
    "operator",
    "tenant-admin",
    "tenant-member",
    "auditor",
    "biller",
]);

impl Listed for TokenView {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("name", Kind::Text, |it| Key::text(it.name.as_str())),
        field("role", ROLE, |it| Key::text(it.role.name())),
        field("tenant_id", Kind::Id, |it| {
            Key::of(it.tenant_id, |id| Key::Id(id.uuid()))
        }),
        field("expires_at", Kind::Time, |it| Key::Time(it.expires_at)),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
        field("last_used_at", Kind::Time, |it| {
            Key::of(it.last_used_at, Key::Time)
        }),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.tokens()
    }
}

impl Shown for TokenView {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Self> {
        backend.token(id.into())
    }
}

impl Made for TokenView {
    fn read(fields: &mut Fields) -> Option<TokenCreate> {
        let (name, role) = (fields.required("name"), fields.required("role"));
        let tenant_id = fields.optional("tenant_id");
        let verbs = fields.list("verbs", AccessVerb::ALL.len());
        let valid = fields.optional("valid_seconds");
        Some(TokenCreate {
            name: name?,
            role: role?,
            tenant_id,
            verbs,
            valid_seconds: valid.map(|Seconds(it)| it),
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: TokenCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.token_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.token_delete(caller, id.into())
    }
}

impl FieldValue for AccessRole {
    const EXPECTED: &'static str =
        "one of \"operator\", \"tenant-admin\", \"tenant-member\", \"auditor\", \"biller\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for AccessVerb {
    const EXPECTED: &'static str = "one of \"read\", \"create\", \"change\", \"delete\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

/// For how long a token is valid.
struct Seconds(u32);

impl FieldValue for Seconds {
    const EXPECTED: &'static str = "a number of seconds from 60 to 31622400, which is a year";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let seconds = number(value)?;
        let allowed = TokenCreate::VALID_SECONDS.contains(&seconds);
        allowed
            .then_some(Self(seconds))
            .ok_or(FieldCode::OutOfRange)
    }
}
