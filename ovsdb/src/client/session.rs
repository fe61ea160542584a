//! One connection: what was asked on it and is not answered yet, and which monitors it feeds.

mod tasks;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tracing::debug;

use super::Options;
use super::feed::Feed;
use crate::error::Error;
use crate::message::{
    FrameError, Message, Refusal, encode_notification, encode_request, encode_response,
};
use crate::monitor::Update;
use crate::schema::Schema;

pub(super) use tasks::start;

/// Messages that must not wait behind requests: answers to the server's `echo`, our own
/// probes, and cancellations. A server that leaves more of them unread is not reading.
const CONTROL_QUEUE: usize = 256;

/// The longest `echo` that is answered, in bytes: answers wait in memory to be sent.
const ECHO_BYTES: usize = 16 << 10;

/// Requests between their callers and the writer. Small: the kernel buffers too, and what
/// is still here can be taken back.
const REQUEST_QUEUE: usize = 64;

/// One connection.
pub(crate) struct Session {
    next_id: AtomicU64,
    request_timeout: Duration,
    slots: Semaphore,
    requests: mpsc::Sender<Request>,
    control: mpsc::Sender<Bytes>,
    waiters: Mutex<Waiters>,
    feeds: Mutex<FxHashMap<u64, Weak<Feed>>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

struct Request {
    id: u64,
    frame: Bytes,
}

/// What the writer takes from.
struct Outgoing {
    control: mpsc::Receiver<Bytes>,
    requests: mpsc::Receiver<Request>,
}

/// Takes an answer apart, in the reader, and hands it to the caller.
type Waiter = Box<dyn FnOnce(Result<&RawValue, Refusal>) + Send>;

struct Waiters {
    /// False once the connection has ended: nobody may begin to wait then.
    open: bool,
    by_id: FxHashMap<u64, Waiter>,
}

impl Session {
    fn new(options: &Options) -> (Self, Outgoing) {
        let (requests, queued) = mpsc::channel(REQUEST_QUEUE);
        let (control, urgent) = mpsc::channel(CONTROL_QUEUE);
        let session = Self {
            next_id: AtomicU64::new(1),
            request_timeout: options.request_timeout,
            slots: Semaphore::new(options.in_flight),
            requests,
            control,
            waiters: Mutex::new(Waiters {
                open: true,
                by_id: FxHashMap::default(),
            }),
            feeds: Mutex::default(),
        };
        let outgoing = Outgoing {
            control: urgent,
            requests: queued,
        };
        (session, outgoing)
    }

    /// Asks, waits for the answer, and decodes it. The decoding is done by the reader before
    /// it looks at the next message.
    pub(super) async fn call<T, D>(
        &self,
        method: &'static str,
        params: &impl Serialize,
        decode: D,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        D: FnOnce(&RawValue) -> Result<T, Error> + Send + 'static,
    {
        let id = self.fresh_id();
        let frame = encode_request(id, method, params)
            .map_err(|source| Error::Encode { method, source })?;
        let exchange = self.exchange(method, Request { id, frame }, decode);
        tokio::time::timeout(self.request_timeout, exchange)
            .await
            .unwrap_or(Err(Error::Timeout { method }))
    }

    async fn exchange<T, D>(
        &self,
        method: &'static str,
        request: Request,
        decode: D,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        D: FnOnce(&RawValue) -> Result<T, Error> + Send + 'static,
    {
        let _slot = self
            .slots
            .acquire()
            .await
            .map_err(|_| Error::NotConnected)?;
        let (answer, answered) = oneshot::channel();
        let waiter: Waiter = Box::new(move |outcome| {
            let decoded = outcome.map_err(Error::refused(method)).and_then(decode);
            // The caller may have given up meanwhile.
            let _ = answer.send(decoded);
        });
        let _waiting = self.wait_for(method, request.id, waiter)?;
        self.requests
            .send(request)
            .await
            .map_err(|_| Error::NotConnected)?;
        answered
            .await
            .map_err(|_| Error::ConnectionLost { method })?
    }

    pub(super) async fn get_schema(&self, db: &str) -> Result<Schema, Error> {
        self.call("get_schema", &(db,), |raw| {
            serde_json::from_str(raw.get()).map_err(Error::decoding("a schema"))
        })
        .await
    }

    /// Directs updates to this feed, and returns the name of the monitor to ask for. Each
    /// attempt gets its own, so that what is left of a failed one is never taken for it.
    pub(super) fn feed(&self, feed: &Arc<Feed>) -> u64 {
        let monitor = self.fresh_id();
        locked(&self.feeds).insert(monitor, Arc::downgrade(feed));
        monitor
    }

    /// Directs no more updates to this feed; returns the monitors that did.
    pub(super) fn unfeed(&self, feed: &Arc<Feed>) -> Vec<u64> {
        let mut monitors = Vec::new();
        locked(&self.feeds).retain(|monitor, fed| {
            let keep = !std::ptr::eq(fed.as_ptr(), Arc::as_ptr(feed));
            if !keep {
                monitors.push(*monitor);
            }
            keep
        });
        monitors
    }

    /// Directs no more updates to this feed, and asks the server to send none.
    pub(super) fn cancel(&self, feed: &Arc<Feed>) {
        for monitor in self.unfeed(feed) {
            let cancel = encode_request(self.fresh_id(), "monitor_cancel", &(monitor,));
            // If it cannot be sent now, updates are passed over until the connection ends.
            let _ = cancel.map(|frame| self.control.try_send(frame));
        }
    }

    /// Ends all waiting; the connection is no more.
    fn close(&self) {
        self.slots.close();
        let mut waiters = locked(&self.waiters);
        waiters.open = false;
        waiters.by_id.clear();
    }

    fn fresh_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    fn wait_for(
        &self,
        method: &'static str,
        id: u64,
        waiter: Waiter,
    ) -> Result<Waiting<'_>, Error> {
        let mut waiters = locked(&self.waiters);
        if !waiters.open {
            return Err(Error::NotConnected);
        }
        waiters.by_id.insert(id, waiter);
        Ok(Waiting {
            session: self,
            method,
            id,
        })
    }

    fn is_waited_for(&self, id: u64) -> bool {
        locked(&self.waiters).by_id.contains_key(&id)
    }

    /// Does what a message from the server wants. Never waits.
    fn receive(&self, frame: &[u8]) -> Result<(), Error> {
        match Message::decode(frame).map_err(Error::decoding("a message"))? {
            Message::Response { id, outcome } => {
                let id: Option<u64> = id.get().parse().ok();
                let waiter = id.and_then(|id| locked(&self.waiters).by_id.remove(&id));
                if let Some(waiter) = waiter {
                    waiter(outcome);
                }
                Ok(())
            }
            Message::Request { id, method, params } if method == "echo" => {
                if frame.len() > ECHO_BYTES {
                    return Err(Error::Frame(FrameError::TooLong(ECHO_BYTES)));
                }
                self.send_control(encode_response(id, params), "echo")
            }
            Message::Request { method, .. } => {
                debug!(%method, "the server asks for {method}, which clients do not do");
                Ok(())
            }
            Message::Notification { method, params } => self.notice(&method, params),
        }
    }

    fn notice(&self, method: &str, params: &RawValue) -> Result<(), Error> {
        if method == "monitor_canceled" {
            return Err(Error::MonitorCancelled);
        }
        let update = Update::decode(method, params).map_err(Error::decoding("an update"))?;
        let Some(update) = update else {
            debug!(%method, "notification {method} passed over");
            return Ok(());
        };
        let feed = locked(&self.feeds)
            .get(&update.monitor)
            .and_then(Weak::upgrade);
        match feed {
            Some(feed) => feed.apply(update),
            None => Ok(()),
        }
    }

    fn probe(&self) -> Result<(), Error> {
        let none: [(); 0] = [];
        self.send_control(encode_request(self.fresh_id(), "echo", &none), "echo")
    }

    fn send_control(
        &self,
        frame: Result<Bytes, serde_json::Error>,
        method: &'static str,
    ) -> Result<(), Error> {
        let frame = frame.map_err(|source| Error::Encode { method, source })?;
        self.control.try_send(frame).map_err(|_| Error::NotReading)
    }
}

/// Somebody waits for an answer, for as long as this lives.
struct Waiting<'a> {
    session: &'a Session,
    method: &'static str,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let unanswered = locked(&self.session.waiters).by_id.remove(&self.id);
        if unanswered.is_some() && self.method == "transact" {
            // §4.1.4. If it does not get through, the transaction is executed: the caller
            // has been told that this is not known.
            let cancel = encode_notification("cancel", &(self.id,));
            let _ = cancel.map(|frame| self.session.control.try_send(frame));
        }
    }
}

/// Nothing that holds these locks can panic halfway through a change.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
