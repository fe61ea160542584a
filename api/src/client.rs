//! The typed client of the REST API, over TLS or the controller's unix socket.
//!
//! Waits and sizes are bounded. A creation carries an `Idempotency-Key`, so that it can be, and
//! is, repeated once when the connection fails: it is done once either way.

mod access;
mod billing;
mod changes;
mod error;
mod history;
mod plugging;
mod query;
mod quotas;
mod watch;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::{Event, HostId, Inventory, Trace, Usage};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub use error::ClientError;
pub use query::ListQuery;
pub use watch::{EventStream, Frame, Frames, TooLong, WatchQuery, Watched};

use crate::problem::Problem;
use crate::request::{HostUplinkSet, TopologyChange, TraceRequest, UsageQuery};
use crate::resource::{
    Accepted, Changeable, Creatable, Health, Page, Resource, TopologyView, Version,
};
use crate::tls::{self, TlsError};

#[cfg(test)]
mod tests;

/// The largest answer that is taken, in bytes.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// How long to wait for a connection, and for a whole answer: longer than a server takes at most.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);

/// How long an unused connection is kept: less than the server keeps it, so that no request meets
/// a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait before a request is repeated.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// The objects on a page when a whole list is wanted: as many as a server gives.
const PAGE_LIMIT: usize = 1000;

/// Where the topology is.
const TOPOLOGY: &str = "/v1/topology";

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// At a unix socket of this machine.
    Unix(PathBuf),
    /// At a `https://host:port`.
    Https {
        /// The address, with no path.
        url: String,
        /// The certificate of the authority that the server's certificate comes from, in PEM.
        ca_pem: Vec<u8>,
    },
}

impl Server {
    /// Even a client that needs none must be given one, or it asks for a process-wide provider.
    fn tls_config(&self) -> Result<Arc<rustls::ClientConfig>, TlsError> {
        match self {
            Self::Unix(_) => tls::distrustful_client_config(),
            Self::Https { ca_pem, .. } => tls::client_config(ca_pem, None),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Https { url, .. } => f.write_str(url),
        }
    }
}

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    server: Server,
    authorization: Option<HeaderValue>,
    made: changes::Made,
}

/// When a request may be sent a second time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// When the connection failed: twice does no harm.
    OnFailure,
    /// Only when there never was a connection.
    IfUnsent,
}

impl Client {
    /// A client of `server` that shows `token`; without one it may ask for health and version.
    pub fn new(server: Server, token: Option<&str>) -> Result<Self, ClientError> {
        let setup = |reason, source| ClientError::Setup {
            server: server.to_string(),
            reason,
            source,
        };
        let builder = match &server {
            Server::Unix(path) => builder().unix_socket(path.as_path()),
            Server::Https { url, .. } if url.starts_with("https://") => builder().https_only(true),
            Server::Https { .. } => {
                return Err(setup("its address must begin with https://", None));
            }
        };
        let tls = server.tls_config();
        let tls = tls.map_err(|error| setup("its authority is unusable", Some(error.into())))?;
        let http = builder
            .tls_backend_preconfigured(rustls::ClientConfig::clone(&tls))
            .build()
            .map_err(|error| setup("no HTTP client for it", Some(error.into())))?;
        let authorization = token.map(authorization).transpose();
        let authorization = authorization.map_err(|reason| setup(reason, None))?;
        Ok(Self {
            http,
            server,
            authorization,
            made: changes::Made::default(),
        })
    }

    /// Where the server is.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Whether the pool is well.
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.read("/v1/health", &()).await
    }

    /// The versions of the server's program and API.
    pub async fn version(&self) -> Result<Version, ClientError> {
        self.read("/v1/version", &()).await
    }

    /// Which port is behind which interface of which host.
    pub async fn inventory(&self) -> Result<Inventory, ClientError> {
        self.read("/v1/inventory", &()).await
    }

    /// The newest events, oldest first.
    pub async fn events(&self) -> Result<Vec<Event>, ClientError> {
        self.list_all(&ListQuery::default()).await
    }

    /// What was moved: the page that is asked for.
    pub async fn usage(&self, query: &UsageQuery) -> Result<Vec<Usage>, ClientError> {
        let page: Page<Usage> = self.read("/v1/usage", query).await?;
        Ok(page.items)
    }

    /// What was moved, from as many pages as it takes.
    pub async fn usage_all(&self, query: &UsageQuery) -> Result<Vec<Usage>, ClientError> {
        let mut query = query.clone();
        let mut found = Vec::new();
        loop {
            let page: Page<Usage> = self.read("/v1/usage", &query).await?;
            found.extend(page.items);
            match page.next_cursor.and_then(|next| next.parse().ok()) {
                Some(next) => query.cursor = next,
                None => return Ok(found),
            }
        }
    }

    /// What carries the physical networks, and how it stands on every host.
    pub async fn topology(&self) -> Result<TopologyView, ClientError> {
        self.read(TOPOLOGY, &()).await
    }

    /// Changes what carries the physical networks of the pool's roles.
    pub async fn topology_change(&self, change: &TopologyChange) -> Result<Accepted, ClientError> {
        let request = self.request(Method::PATCH, TOPOLOGY).json(change);
        self.parse(self.send(request, Repeat::OnFailure).await?)
    }

    /// What would become of a packet.
    pub async fn trace(&self, request: &TraceRequest) -> Result<Trace, ClientError> {
        let request = self.request(Method::POST, "/v1/trace").json(request);
        self.parse(self.send(request, Repeat::OnFailure).await?)
    }

    /// Says how a host differs from the pool on one physical network.
    pub async fn host_uplink_set(
        &self,
        host: HostId,
        request: &HostUplinkSet,
    ) -> Result<Accepted, ClientError> {
        let path = format!("/v1/hosts/{host}/uplink");
        let request = self.request(Method::PUT, &path).json(request);
        self.parse(self.send(request, Repeat::OnFailure).await?)
    }

    /// One page of the objects that `query` wants.
    pub async fn list<T: Resource>(&self, query: &ListQuery) -> Result<Page<T>, ClientError> {
        self.read(&collection::<T>(), &query.parameters()).await
    }

    /// All objects that `query` wants, from every page after its cursor.
    pub async fn list_all<T: Resource>(&self, query: &ListQuery) -> Result<Vec<T>, ClientError> {
        self.list_first(query, usize::MAX).await
    }

    /// The first `count` objects that `query` wants, from as many pages as it takes.
    pub async fn list_first<T: Resource>(
        &self,
        query: &ListQuery,
        count: usize,
    ) -> Result<Vec<T>, ClientError> {
        let mut query = query.clone();
        let mut found = Vec::new();
        while found.len() < count {
            query.limit = Some(PAGE_LIMIT.min(count - found.len()));
            let page: Page<T> = self.list(&query).await?;
            let is_last = page.next_cursor.is_none() || page.items.is_empty();
            found.extend(page.items);
            if is_last {
                break;
            }
            query.cursor = page.next_cursor;
        }
        Ok(found)
    }

    /// One object.
    pub async fn get<T: Resource>(&self, id: Uuid) -> Result<T, ClientError> {
        self.read(&format!("{}/{id}", collection::<T>()), &()).await
    }

    /// Makes an object, once.
    pub async fn create<T: Creatable>(&self, request: &T::Create) -> Result<T, ClientError> {
        let key = Uuid::new_v4().to_string();
        let request = self
            .request(Method::POST, &collection::<T>())
            .header("idempotency-key", key)
            .json(request);
        self.parse(self.send(request, Repeat::OnFailure).await?)
    }

    /// Changes an object.
    pub async fn update<T: Changeable>(
        &self,
        id: Uuid,
        request: &T::Update,
    ) -> Result<T, ClientError> {
        let path = format!("{}/{id}", collection::<T>());
        let request = self.request(Method::PATCH, &path).json(request);
        self.parse(self.send(request, Repeat::IfUnsent).await?)
    }

    /// Deletes an object.
    pub async fn delete<T: Creatable>(&self, id: Uuid) -> Result<(), ClientError> {
        let path = format!("{}/{id}", collection::<T>());
        let request = self.request(Method::DELETE, &path);
        self.send(request, Repeat::IfUnsent).await?;
        Ok(())
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &(impl serde::Serialize + ?Sized),
    ) -> Result<T, ClientError> {
        let request = self.request(Method::GET, path).query(parameters);
        self.parse(self.send(request, Repeat::OnFailure).await?)
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let base = match &self.server {
            Server::Unix(_) => "http://localhost",
            Server::Https { url, .. } => url.trim_end_matches('/'),
        };
        let request = self.http.request(method, format!("{base}{path}"));
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    /// Sends a request, perhaps twice, and gives the answer if it is a success.
    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        repeat: Repeat,
    ) -> Result<Answer, ClientError> {
        let again = request.try_clone();
        let failure = match self.attempt(request).await {
            Err(ClientError::Unreachable { source, .. }) => source,
            outcome => return self.judge(outcome?),
        };
        let may_repeat = failure.is_connect() || repeat == Repeat::OnFailure;
        match again.filter(|_| may_repeat && !failure.is_timeout()) {
            Some(request) => {
                tokio::time::sleep(RETRY_PAUSE).await;
                self.judge(self.attempt(request).await?)
            }
            None => Err(self.unreachable(failure)),
        }
    }

    async fn attempt(&self, request: reqwest::RequestBuilder) -> Result<Answer, ClientError> {
        let unreachable = |source| self.unreachable(source);
        let mut response = request.send().await.map_err(unreachable)?;
        self.made.note(response.headers());
        Ok(Answer {
            body: self.body_of(&mut response).await?,
            status: response.status(),
        })
    }

    async fn body_of(&self, response: &mut reqwest::Response) -> Result<Vec<u8>, ClientError> {
        let unreachable = |source| self.unreachable(source);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                let server = self.server.to_string();
                return Err(ClientError::TooLarge { server });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn judge(&self, answer: Answer) -> Result<Answer, ClientError> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(self.parse::<Problem>(answer)?.into())
    }

    fn parse<T: DeserializeOwned>(&self, answer: Answer) -> Result<T, ClientError> {
        serde_json::from_slice(&answer.body).map_err(|source| ClientError::Answer {
            server: self.server.to_string(),
            status: answer.status.as_u16(),
            source,
        })
    }

    fn unreachable(&self, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable {
            server: self.server.to_string(),
            // The address is in our own message already.
            source: source.without_url(),
        }
    }
}

/// A whole answer.
struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

fn collection<T: Resource>() -> String {
    format!("/v1/{}", T::COLLECTION)
}

/// A client that waits for nothing forever and goes where it is told, not where an environment
/// variable or an answer says.
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
}

/// The header that shows the token; it is kept out of every log.
fn authorization(token: &str) -> Result<HeaderValue, &'static str> {
    const REASON: &str = "the token must be one line of visible ASCII characters";
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(REASON);
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| REASON)?;
    value.set_sensitive(true);
    Ok(value)
}
