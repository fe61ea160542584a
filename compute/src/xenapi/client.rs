//! Calls of XenAPI: JSON-RPC 2.0 over HTTPS, one at a time, each with an end and a size.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::record::{self, CLASSES, Fault, Token};
use super::settings::{Password, Settings, SettingsError};
use super::trust::{self, TrustError};

/// The largest answer that is taken, in bytes: the records of thousands of guests.
const MOST_BYTES: usize = 64 << 20;

/// How long to wait for a connection, and for an answer beyond what was asked to be waited for.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(20);

/// How long XenAPI waits for an event before it says that there was none, in seconds.
const EVENT_SECONDS: f64 = 30.0;

/// How often a host may send us on to another that is the master.
const MOST_HOPS: usize = 3;

/// The longest name of a host: RFC 1035, section 2.3.4.
const MOST_NAME: usize = 253;

/// Why XenAPI could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not known how.
    #[error("could not set up a client of XenAPI")]
    Settings(#[from] SettingsError),
    /// Nobody could be believed.
    #[error("could not set up a client of XenAPI")]
    Trust(#[from] TrustError),
    /// It is no address.
    #[error("XenAPI's address must begin with https:// and name nothing but a host: {0}")]
    Address(String),
    /// The connection failed, or took too long.
    #[error("could not ask XenAPI at {0}")]
    Http(String, #[source] reqwest::Error),
    /// It is no XenAPI, or not all of it is well: HTTP's status.
    #[error("XenAPI at {0} answered with status {1}")]
    Status(String, u16),
    /// It said more than can be.
    #[error("XenAPI's answer to {0} has more than {MOST_BYTES} bytes")]
    TooLong(&'static str),
    /// It said something else.
    #[error("XenAPI's answer to {0} is none")]
    Format(&'static str, #[source] serde_json::Error),
    /// It refused.
    #[error("XenAPI refused {0}")]
    Refused(&'static str, #[source] Fault),
    /// Every host says that another is the master.
    #[error("no host of the pool is its master")]
    NoMaster,
    /// The pool has no such host.
    #[error("the pool does not know host {0}")]
    Stranger(uuid::Uuid),
}

impl Error {
    /// Whether it is this refusal.
    pub(super) fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused(_, fault) if fault.code == code)
    }
}

/// A client that is logged in at the pool's master.
pub struct Client {
    http: reqwest::Client,
    address: String,
    session: String,
}

impl Client {
    /// Logs in, wherever the master is.
    ///
    /// # Errors
    /// When nobody lets us.
    pub async fn login(settings: &Settings) -> Result<Self, Error> {
        let http = http(settings)?;
        let password = settings.password()?;
        let mut address = address(&settings.url)?;
        for _ in 0..MOST_HOPS {
            match login_at(&http, &address, &settings.user, &password).await {
                Ok(session) => {
                    return Ok(Self {
                        http,
                        address,
                        session,
                    });
                }
                Err(Error::Refused(_, fault)) if fault.code == "HOST_IS_SLAVE" => {
                    let master = fault.about.ok_or(Error::NoMaster)?;
                    address = master_address(&master)?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::NoMaster)
    }

    /// Waits for what happens after `token`, half a minute at most. Without one, it is everything.
    /// Gives the result of `event.from`, which [`record::decode_batch`] reads.
    ///
    /// # Errors
    /// When XenAPI cannot be asked, or has lost what happened (`EVENTS_LOST`) or who we are
    /// (`SESSION_INVALID`).
    pub async fn events(&self, token: &Token) -> Result<Box<RawValue>, Error> {
        let params = json!([self.session, CLASSES, token.as_str(), EVENT_SECONDS]);
        let within = Duration::from_secs_f64(EVENT_SECONDS) + PATIENCE;
        call(&self.http, &self.address, ("event.from", params), within).await
    }

    /// Ends the session; sessions are few.
    pub async fn logout(self) {
        let params = json!([self.session]);
        let call = call(
            &self.http,
            &self.address,
            ("session.logout", params),
            PATIENCE,
        );
        // It ends by itself, in time.
        let _ = call.await;
    }
}

fn http(settings: &Settings) -> Result<reqwest::Client, Error> {
    let tls = trust::client_config(&settings.certificates()?)?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_PATIENCE)
        .tls_backend_preconfigured(tls)
        .build();
    client.map_err(|error| Error::Http(settings.url.clone(), error))
}

async fn login_at(
    http: &reqwest::Client,
    address: &str,
    user: &str,
    password: &Password,
) -> Result<String, Error> {
    const LOGIN: &str = "session.login_with_password";
    let params = json!([user, password.reveal(), "1.0", "bulkhead"]);
    let session = call(http, address, (LOGIN, params), PATIENCE).await?;
    let session = serde_json::from_str(session.get());
    session.map_err(|error| Error::Format(LOGIN, error))
}

async fn call(
    http: &reqwest::Client,
    address: &str,
    (method, params): (&'static str, Value),
    within: Duration,
) -> Result<Box<RawValue>, Error> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let fault = |error: reqwest::Error| Error::Http(address.to_owned(), error.without_url());
    let request = http.post(format!("{address}/jsonrpc")).timeout(within);
    let request = request.header(CONTENT_TYPE, "application/json");
    let mut answer = request.body(body.to_string()).send().await.map_err(fault)?;
    if !answer.status().is_success() {
        let status = answer.status().as_u16();
        return Err(Error::Status(address.to_owned(), status));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(fault)? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(Error::TooLong(method));
        }
        bytes.extend_from_slice(&chunk);
    }
    let reply = record::decode_reply(&bytes).map_err(|error| Error::Format(method, error))?;
    let result = reply.map_err(|fault| Error::Refused(method, fault))?;
    Ok(result.to_owned())
}

/// `https://host`, without what may come after.
fn address(url: &str) -> Result<String, Error> {
    let url = url.trim_end_matches('/');
    let host = url.strip_prefix("https://");
    let is_fine = host.is_some_and(|host| is_name(host.trim_matches(['[', ']'])));
    let refused = || Error::Address(url.chars().take(MOST_NAME).collect());
    is_fine.then(|| url.to_owned()).ok_or_else(refused)
}

/// Where a host of the pool says that its master is: an address, or a name.
fn master_address(master: &str) -> Result<String, Error> {
    match master.contains(':') && !master.contains('.') {
        // IPv6.
        true => address(&format!("https://[{master}]")),
        false => address(&format!("https://{master}")),
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    (1..=MOST_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_sends_us_to_nothing_but_another_host() {
        let found = |master| master_address(master).ok();
        assert_eq!(found("192.0.2.1").as_deref(), Some("https://192.0.2.1"));
        assert_eq!(found("fd00::1").as_deref(), Some("https://[fd00::1]"));
        for strange in ["", "a/b", "user@host", "a b", "host?x", "host#x", "a\nb"] {
            assert_eq!(found(strange), None, "{strange}");
        }
        assert_eq!(found(&"a".repeat(300)), None);
        assert!(address("http://192.0.2.1").is_err());
        assert!(address("https://192.0.2.1:8443/").is_ok());
    }
}
