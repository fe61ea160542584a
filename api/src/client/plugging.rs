//! Plugging ports into guests that run, and out of them.

use model::PortId;
use reqwest::Method;

use super::{Client, ClientError, Repeat};
use crate::request::PortAttach;
use crate::resource::PortView;

/// # Errors
/// All of these: when the server cannot be reached, or refuses.
impl Client {
    /// Plugs a port's VIF into a guest that runs.
    pub async fn port_attach(
        &self,
        port: PortId,
        request: &PortAttach,
    ) -> Result<PortView, ClientError> {
        let path = format!("/v1/ports/{port}/guest");
        let request = self.request(Method::PUT, &path).json(request);
        self.parse(self.send(request, Repeat::OnFailure).await?)
    }

    /// Plugs a port's VIF out of the guest that has it.
    pub async fn port_detach(&self, port: PortId) -> Result<PortView, ClientError> {
        let request = self.request(Method::DELETE, &format!("/v1/ports/{port}/guest"));
        self.parse(self.send(request, Repeat::OnFailure).await?)
    }
}
