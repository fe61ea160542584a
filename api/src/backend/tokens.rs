//! What a server must be able to do with tokens.

use std::future::Future;

use model::AccessTokenId;

use super::{Caller, Outcome};
use crate::request::TokenCreate;
use crate::resource::TokenView;

/// Tokens: who may do what.
pub trait TokenBackend {
    /// All tokens, by id, without their secrets.
    fn tokens(&self) -> Vec<TokenView>;
    /// One token, without its secret.
    fn token(&self, id: AccessTokenId) -> Option<TokenView>;
    /// Makes a token. The answer alone has its secret: nobody can ask for it again, not even under
    /// the same `Idempotency-Key`.
    fn token_create(
        &self,
        caller: Caller,
        request: TokenCreate,
    ) -> impl Future<Output = Outcome<TokenView>> + Send;
    /// Revokes a token: the next request with it is refused.
    fn token_delete(
        &self,
        caller: Caller,
        id: AccessTokenId,
    ) -> impl Future<Output = Outcome<()>> + Send;
}
