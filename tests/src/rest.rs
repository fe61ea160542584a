//! The REST API with no client between: any body, any header.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// A client of one controller's local socket that sends what it is told.
pub struct Rest {
    client: reqwest::Client,
    token: String,
}

/// The status and the body of an answer; the body is null where there is none.
pub type Answer = (u16, Value);

/// Every collection that an operator can change.
pub const COLLECTIONS: &[&str] = &[
    "tenants",
    "physical-networks",
    "networks",
    "subnets",
    "reservations",
    "routers",
    "router-gateways",
    "floating-ips",
    "port-forwardings",
    "security-groups",
    "address-groups",
    "ports",
    "sub-ports",
    "instances",
    "caps",
];

impl Rest {
    /// A client for the controller whose data directory this is.
    #[must_use]
    pub fn open(data: &Path) -> Self {
        // The unix socket has no TLS, but the client will not be made without a provider of it.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .unix_socket(data.join("api.sock"))
            .timeout(Duration::from_secs(60))
            .build();
        let token = std::fs::read_to_string(data.join("admin.token"));
        Self {
            client: client.unwrap_or_else(|e| panic!("{e}")),
            token: token.unwrap_or_else(|e| panic!("{e}")).trim().to_owned(),
        }
    }

    /// The same, in the name of whoever bears another token.
    #[must_use]
    pub fn bearing(&self, token: &str) -> Self {
        Self {
            client: self.client.clone(),
            token: token.to_owned(),
        }
    }

    /// The token that it bears.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// `GET /v1/<path>`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(url(path))).await
    }

    /// `POST /v1/<path>` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, body.to_string()).await
    }

    /// `POST /v1/<path>` with any body at all.
    pub async fn post_text(&self, path: &str, body: String) -> Answer {
        let request = self
            .client
            .post(url(path))
            .header("content-type", "application/json");
        self.send(request.body(body)).await
    }

    /// `PATCH /v1/<path>` with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        let request = self
            .client
            .patch(url(path))
            .header("content-type", "application/json");
        self.send(request.body(body.to_string())).await
    }

    /// `PUT /v1/<path>` with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.client.put(url(path)).json(body)).await
    }

    /// `DELETE /v1/<path>`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.client.delete(url(path))).await
    }

    /// Creates an object, which must succeed.
    pub async fn create(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, &body).await;
        assert_eq!(status, 201, "{path} {body}: {answer}");
        answer
    }

    /// Everything that an operator can change, as it stands.
    pub async fn everything(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for collection in COLLECTIONS {
            let (status, page) = self.get(&format!("{collection}?limit=1000")).await;
            assert_eq!(status, 200, "{page}");
            all.push(page["items"].clone());
        }
        all
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.bearer_auth(&self.token).send().await;
        let answer = answer.unwrap_or_else(|e| panic!("{e:?}"));
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap_or_default();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

fn url(path: &str) -> String {
    format!("http://localhost/v1/{path}")
}
