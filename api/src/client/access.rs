//! Tokens, and who one is by one's own.

use reqwest::Method;

use super::{Client, ClientError, Repeat};
use crate::access::Identity;
use crate::request::TokenCreate;
use crate::resource::TokenView;

/// # Errors
/// All of these: when the server cannot be reached, or refuses.
impl Client {
    /// Who the client's token makes its bearer.
    pub async fn whoami(&self) -> Result<Identity, ClientError> {
        self.read("/v1/whoami", &()).await
    }

    /// Makes a token. The answer alone has its secret, so that this cannot be repeated: one whose
    /// answer got lost is to be revoked.
    pub async fn token_create(&self, request: &TokenCreate) -> Result<TokenView, ClientError> {
        let request = self.request(Method::POST, "/v1/tokens").json(request);
        self.parse(self.send(request, Repeat::IfUnsent).await?)
    }
}
