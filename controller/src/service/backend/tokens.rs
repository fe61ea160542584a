//! Tokens, as the REST API has them, and whom they let in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use api::access::Identity;
use api::backend::{Caller, Outcome, TokenBackend};
use api::problem::{Code, Problem};
use api::request::TokenCreate;
use api::resource::TokenView;
use model::{AccessToken, AccessTokenId, Timestamp};

use crate::service::{Service, token};
use crate::token::Secret;

/// When tokens were last used: in memory alone, so that no request waits for a disk.
#[derive(Default)]
pub(crate) struct LastUses(Mutex<HashMap<AccessTokenId, Timestamp>>);

impl LastUses {
    fn note(&self, id: AccessTokenId, now: Timestamp) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.insert(id, now);
    }

    fn of(&self, id: AccessTokenId) -> Option<Timestamp> {
        let uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.get(&id).copied()
    }

    fn forget(&self, id: AccessTokenId) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.remove(&id);
    }
}

impl Service {
    /// The bearer of a token that was given out and is still valid.
    pub(super) fn bearer(&self, secret: &str) -> Option<Identity> {
        let digest = Secret::digest_of(secret)?;
        let intent = self.writer.intent();
        // Found by the digest: whoever asks cannot choose it, so that how long it takes tells nothing.
        let token = intent.token_with(&digest)?;
        let now = Timestamp::now();
        if token.expires_at <= now {
            return None;
        }
        self.last_uses.note(token.id, now);
        Some(Identity {
            // With its id: a name is a tenant's choice, and must not be taken for another's.
            actor: format!("{}@{}", token.name, token.id),
            role: token.role,
            tenant_id: token.tenant_id,
            verbs: token.verbs.clone(),
        })
    }

    fn token_view(&self, it: &AccessToken) -> TokenView {
        TokenView {
            id: it.id,
            name: it.name.clone(),
            role: it.role,
            tenant_id: it.tenant_id,
            verbs: it.verbs.clone(),
            expires_at: it.expires_at,
            created_at: it.created_at,
            last_used_at: self.last_uses.of(it.id),
            secret: None,
        }
    }
}

impl TokenBackend for Service {
    fn tokens(&self) -> Vec<TokenView> {
        let intent = self.writer.intent();
        let tokens = intent.tokens.values();
        tokens.map(|it| self.token_view(it)).collect()
    }

    fn token(&self, id: AccessTokenId) -> Option<TokenView> {
        let intent = self.writer.intent();
        intent.tokens.get(&id).map(|it| self.token_view(it))
    }

    async fn token_create(&self, caller: Caller, request: TokenCreate) -> Outcome<TokenView> {
        if caller.idempotency.is_some() {
            let detail = "a token's secret is shown once, so that this cannot be repeated under an \
                          Idempotency-Key; leave it out, and revoke a token that got lost";
            return Err(Problem::new(Code::InvalidParameter, detail));
        }
        let secret = Secret::generate();
        let secret = secret.map_err(|_| {
            let detail = "the system gives no random bytes; nothing was made";
            Problem::new(Code::Internal, detail)
        })?;
        let digest = secret.digest();
        let decide = |intent: &_| token::create(intent, request, digest);
        let made = self.writer.change(caller, "token_create", decide).await?;
        Ok(TokenView {
            secret: Some(secret.reveal()),
            ..self.token_view(&made)
        })
    }

    async fn token_delete(&self, caller: Caller, id: AccessTokenId) -> Outcome<()> {
        let decide = |intent: &_| token::delete(intent, id);
        self.writer.change(caller, "token_delete", decide).await?;
        self.last_uses.forget(id);
        Ok(())
    }
}
