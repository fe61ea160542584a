//! A XenAPI over HTTPS, as its reference has it: sessions, the classes' records, `event.from`; and with the
//! manners of a broken or hostile one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;

pub(crate) const PASSWORD: &str = "correct-horse";

/// More than is ever taken.
const FAR_TOO_MUCH: usize = 80 << 20;

/// How it answers.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    Well,
    /// Another is the master.
    Slave(String),
    /// By HTTP's means.
    Redirect(String),
    /// To every call.
    Say(&'static str),
    Status(u16),
    /// An answer that does not end, and does not say how long it is.
    Endless,
    /// A byte now and then, for ever.
    Drip,
    HangUp,
}

struct State {
    manner: Manner,
    logins: usize,
    sessions: BTreeSet<String>,
    /// Everything that is, with the number of its last change.
    objects: BTreeMap<(String, String), (u64, Value)>,
    /// What is no more, with the number of that.
    gone: BTreeMap<(String, String), u64>,
    /// The number of the last change, and of the last one that is not remembered.
    last: u64,
    forgotten: u64,
}

pub(crate) struct Server {
    /// `address:port`
    pub(crate) address: String,
    pub(crate) pem: String,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a host of a pool shows of itself: it outlives its toolstack.
#[derive(Clone)]
pub(crate) struct Identity {
    pem: String,
    acceptor: TlsAcceptor,
}

impl Identity {
    pub(crate) fn make() -> Self {
        // As a host of a pool makes its own: the name is nobody's that it is reached by.
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(["xcp-ng-1".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let private = PrivatePkcs8KeyDer::from(key.serialize_der());
        let chain = vec![certificate.der().clone()];
        let config = config.with_no_client_auth();
        let config = config.with_single_cert(chain, PrivateKeyDer::Pkcs8(private));
        Self {
            pem: certificate.pem(),
            acceptor: TlsAcceptor::from(Arc::new(config.unwrap())),
        }
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self::start_on(listener, Identity::make())
    }

    /// Knows nothing yet: no object, no session, no token of one before. Its connections end with it. Needs
    /// a runtime around it.
    pub(crate) fn start_on(listener: std::net::TcpListener, identity: Identity) -> Self {
        let Identity { pem, acceptor } = identity;
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State {
            manner: Manner::Well,
            logins: 0,
            sessions: BTreeSet::new(),
            objects: BTreeMap::new(),
            gone: BTreeMap::new(),
            last: 0,
            forgotten: 0,
        }));
        let serving = tokio::spawn(serve(listener, acceptor, Arc::clone(&state)));
        Self {
            address,
            pem,
            state,
            serving,
        }
    }

    pub(crate) fn behave(&self, manner: Manner) {
        lock(&self.state).manner = manner;
    }

    /// How often somebody was let in.
    pub(crate) fn logins(&self) -> usize {
        lock(&self.state).logins
    }

    pub(crate) fn put(&self, class: &str, reference: &str, record: Value) {
        let mut state = lock(&self.state);
        state.last += 1;
        let last = state.last;
        let key = (class.to_owned(), reference.to_owned());
        state.gone.remove(&key);
        state.objects.insert(key, (last, record));
    }

    pub(crate) fn remove(&self, class: &str, reference: &str) {
        let mut state = lock(&self.state);
        state.last += 1;
        let last = state.last;
        let key = (class.to_owned(), reference.to_owned());
        state.objects.remove(&key);
        state.gone.insert(key, last);
    }

    /// Who asks for what came after an earlier answer is told that it is lost.
    pub(crate) fn forget_events(&self) {
        let mut state = lock(&self.state);
        state.last += 1;
        state.forgotten = state.last;
        state.gone.clear();
    }

    pub(crate) fn forget_sessions(&self) {
        lock(&self.state).sessions.clear();
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<Mutex<State>>) {
    let mut conversations = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        conversations.spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                let mut stream = BufReader::new(stream);
                while converse(&mut stream, &state).await.is_ok() {}
            }
        });
    }
}

/// One request and its answer: HTTP/1.1.
async fn converse<S>(stream: &mut BufReader<S>, state: &Mutex<State>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(stream).await?;
    let manner = lock(state).manner.clone();
    let body = match manner {
        Manner::Well | Manner::Slave(_) => answer(&request, state, &manner).await.to_string(),
        Manner::Say(text) => text.to_owned(),
        Manner::HangUp => return Err(io::ErrorKind::ConnectionReset.into()),
        Manner::Status(status) => {
            let head = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
            return send(stream, head.as_bytes()).await;
        }
        Manner::Redirect(to) => {
            let head = format!(
                "HTTP/1.1 302 Found\r\nlocation: https://{to}/jsonrpc\r\ncontent-length: 0\r\n\r\n"
            );
            return send(stream, head.as_bytes()).await;
        }
        Manner::Drip => {
            send(stream, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[").await?;
            loop {
                send(stream, b"0").await?;
                sleep(Duration::from_millis(100)).await;
            }
        }
        Manner::Endless => {
            send(stream, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[").await?;
            let piece = vec![b'0'; 1 << 20];
            for _ in 0..FAR_TOO_MUCH / piece.len() {
                send(stream, &piece).await?;
            }
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    };
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
    send(stream, head.as_bytes()).await
}

async fn send<S>(stream: &mut BufReader<S>, bytes: &[u8]) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn request<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Value> {
    let (mut length, mut first) = (0, String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line.is_empty() {
            break;
        }
    }
    assert_eq!(first.trim_end(), "POST /jsonrpc HTTP/1.1");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    serde_json::from_slice(&body).map_err(io::Error::other)
}

async fn answer(request: &Value, state: &Mutex<State>, manner: &Manner) -> Value {
    assert_eq!(request["jsonrpc"], "2.0");
    let parameters = &request["params"];
    let done = match (request["method"].as_str().unwrap(), manner) {
        (_, Manner::Slave(master)) => Err(("HOST_IS_SLAVE", json!([master]))),
        ("session.login_with_password", _) => login(parameters, state),
        ("session.logout", _) => Ok(json!("")),
        ("event.from", _) => events(parameters, state).await,
        (other, _) => Err(("MESSAGE_METHOD_UNKNOWN", json!([other]))),
    };
    match done {
        Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
        Err((code, data)) => json!({"jsonrpc": "2.0", "id": request["id"],
            "error": {"code": 1, "message": code, "data": data}}),
    }
}

type Done = Result<Value, (&'static str, Value)>;

fn login(parameters: &Value, state: &Mutex<State>) -> Done {
    let shown = &parameters[1];
    if *shown != PASSWORD {
        return Err((
            "SESSION_AUTHENTICATION_FAILED",
            json!([parameters[0], shown]),
        ));
    }
    let mut state = lock(state);
    state.logins += 1;
    let session = format!("OpaqueRef:session-{}", state.logins);
    state.sessions.insert(session.clone());
    Ok(json!(session))
}

/// Waits for changes after a token; without one, everything is one.
async fn events(parameters: &Value, state: &Mutex<State>) -> Done {
    let session = parameters[0].as_str().unwrap().to_owned();
    let token = parameters[2].as_str().unwrap();
    let after: Option<u64> = token.parse().ok();
    assert!(parameters[3].is_f64(), "XenAPI takes no integer for it");
    let within = Duration::from_secs_f64(parameters[3].as_f64().unwrap());
    let until = Instant::now() + within;
    while Instant::now() < until {
        if let Some(done) = lock(state).after(after, &session) {
            return done;
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(json!({"events": [], "valid_ref_counts": {}, "token": token}))
}

impl State {
    fn after(&self, token: Option<u64>, session: &str) -> Option<Done> {
        if !self.sessions.contains(session) {
            return Some(Err(("SESSION_INVALID", json!([session]))));
        }
        if token.is_some_and(|token| token < self.forgotten) {
            return Some(Err(("EVENTS_LOST", json!([]))));
        }
        let after = token.unwrap_or(0);
        let objects = self.objects.iter().filter(|(_, (at, _))| *at > after);
        let objects = objects.map(|((class, reference), (_, record))| {
            json!({"class": class, "operation": "mod", "ref": reference, "snapshot": record})
        });
        let gone = self
            .gone
            .iter()
            .filter(|(_, at)| **at > after && token.is_some());
        let gone = gone.map(
            |((class, reference), _)| json!({"class": class, "operation": "del", "ref": reference}),
        );
        let events: Vec<Value> = objects.chain(gone).collect();
        if events.is_empty() && token.is_some() {
            return None;
        }
        let token = self.last.to_string();
        Some(Ok(
            json!({"events": events, "valid_ref_counts": {}, "token": token}),
        ))
    }
}
