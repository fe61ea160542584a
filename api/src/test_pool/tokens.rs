//! Tokens of the tests.

use model::{AccessTokenId, AccessVerb, Id, Timestamp};

use super::TestPool;
use crate::backend::{Caller, Outcome, TokenBackend};
use crate::request::TokenCreate;
use crate::resource::TokenView;

impl TokenBackend for TestPool {
    fn tokens(&self) -> Vec<TokenView> {
        self.tokens.all()
    }

    fn token(&self, id: AccessTokenId) -> Option<TokenView> {
        self.tokens.one(id.uuid())
    }

    async fn token_create(&self, caller: Caller, request: TokenCreate) -> Outcome<TokenView> {
        self.note(caller);
        let begun = Timestamp::from_unix_seconds(1_700_000_000);
        Ok(self.tokens.put(TokenView {
            id: Id::generate(),
            name: request.name,
            role: request.role,
            tenant_id: request.tenant_id,
            verbs: request.verbs.unwrap_or_else(AccessVerb::every),
            expires_at: begun,
            created_at: begun,
            last_used_at: None,
            secret: None,
        }))
    }

    async fn token_delete(&self, caller: Caller, id: AccessTokenId) -> Outcome<()> {
        self.note(caller);
        self.tokens.take(id.uuid())
    }
}
