//! The wire under a client: it reads, writes, and hands answers to those who wait.
//!
//! ```text
//!   request ──bytes──▶ queue (bounded) ──▶ write ──▶ switch
//!      ▲                                     ▲ echo     │
//!      └───── waiting ◀──────── read ◀───────┼──────────┘
//!                                └──▶ events (bounded)
//! ```
//!
//! Reading never waits for writing: a switch that first wants to be listened to would
//! otherwise wait for us while we wait for it.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::debug;

use super::event::{self, Event};
use super::waiting::{Answer, Answered, Awaits, Waiting};
use super::{CloseCause, Error, Options};
use crate::message::{HEADER_LEN, Header, ToSwitch, kind, take_frame};
use crate::wire::{EncodeError, Version};

/// Requests whose bytes may wait for the socket.
const OUTGOING_REQUESTS: usize = 16;
/// Answers to the switch's echo requests that may wait for the socket.
const ECHO_REPLIES: usize = 16;
/// Our own echo requests carry this transaction id, which no request ever gets.
const ECHO_XID: u32 = 0;
/// No more echo requests than this, whatever the options say.
const MIN_ECHO_INTERVAL: Duration = Duration::from_millis(1);
/// Bytes asked of the socket at once, at least.
const READ_BYTES: usize = 64 * 1024;
/// Bytes given to the socket at once; a switch that takes none of them for too long is gone.
const WRITE_BYTES: usize = 64 * 1024;

/// A connection after the hellos. It closes when dropped.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) version: Version,
    options: Options,
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Bytes>,
}

/// What callers and the connection's task share.
#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
enum State {
    Open {
        waiting: Waiting,
        events: broadcast::Sender<Event>,
    },
    Closed(CloseCause),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Starts the connection's task on a stream on which `version` was agreed; `received` is
    /// what was read beyond the switch's hello.
    pub(super) fn start<S>(
        stream: S,
        received: BytesMut,
        version: Version,
        options: Options,
    ) -> Connection
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (events, _) = broadcast::channel(options.event_queue.max(1));
        let waiting = Waiting::new(options.max_answer_bytes);
        let shared = Arc::new(Shared(Mutex::new(State::Open { waiting, events })));
        let (outgoing, queue) = mpsc::channel(OUTGOING_REQUESTS);
        let (echo_replies, echo_queue) = mpsc::channel(ECHO_REPLIES);
        let (from, to) = tokio::io::split(stream);
        let reader = Reading {
            version,
            shared: shared.clone(),
            echo_replies,
            options: options.clone(),
        };
        let writer = Writing {
            version,
            queue,
            echo_queue,
            options: options.clone(),
        };
        let closing = shared.clone();
        tokio::spawn(async move {
            let reading = pin!(reader.run(from, received));
            let writing = pin!(writer.run(to));
            let cause = tokio::select! {
                cause = reading => cause,
                cause = writing => cause,
            };
            debug!(%cause, "connection to the switch is closed");
            // Dropping what was open tells everybody who waits. The queues are dropped after
            // it, so that whoever finds one closed also finds the cause.
            *closing.lock() = State::Closed(cause);
        });
        Connection {
            version,
            options,
            shared,
            outgoing,
        }
    }

    /// Sends messages, one transaction id each, and waits for what `awaits` says.
    pub(super) async fn request(
        &self,
        messages: &[ToSwitch],
        awaits: Awaits,
    ) -> Result<Answer, Error> {
        let count = u32::try_from(messages.len()).map_err(|_| Error::TooManyMessages)?;
        let block = self.reserve(count)?;
        block.request(messages, 0, awaits).await
    }

    /// Reserves transaction ids for a request that sends its messages in several steps.
    pub(super) fn reserve(&self, count: u32) -> Result<Block<'_>, Error> {
        let first = self.with_waiting(|waiting| waiting.reserve(count))?;
        Ok(Block {
            connection: self,
            first,
            count,
        })
    }

    pub(super) fn events(&self) -> broadcast::Receiver<Event> {
        match &*self.shared.lock() {
            State::Open { events, .. } => events.subscribe(),
            // A receiver without a sender: it has ended.
            State::Closed(_) => broadcast::channel(1).1,
        }
    }

    fn with_waiting<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> Result<T, Error> {
        match &mut *self.shared.lock() {
            State::Open { waiting, .. } => Ok(act(waiting)),
            State::Closed(cause) => Err(Error::Closed(cause.clone())),
        }
    }

    fn closed(&self) -> Error {
        match &*self.shared.lock() {
            State::Open { .. } => Error::Closed(CloseCause::BySwitch),
            State::Closed(cause) => Error::Closed(cause.clone()),
        }
    }
}

/// Consecutive transaction ids reserved for one request.
pub(super) struct Block<'a> {
    connection: &'a Connection,
    first: u32,
    count: u32,
}

impl Block<'_> {
    /// Sends `messages` with the ids from place `from` on, and waits.
    pub(super) async fn request(
        &self,
        messages: &[ToSwitch],
        from: u32,
        awaits: Awaits,
    ) -> Result<Answer, Error> {
        let bytes = self.encode(messages, from).map_err(Error::Encode)?;
        let (first, count) = (self.first, self.count);
        let answered = self
            .connection
            .with_waiting(|waiting| waiting.expect(first, count, awaits))?;
        let limit = self.connection.options.request_timeout;
        timeout(limit, self.exchange(bytes, answered))
            .await
            .map_err(|_| Error::Timeout { limit })?
    }

    fn encode(&self, messages: &[ToSwitch], from: u32) -> Result<Bytes, EncodeError> {
        let mut bytes = Vec::new();
        for (xid, message) in (self.first + from..).zip(messages) {
            message.encode(self.connection.version, xid, &mut bytes)?;
        }
        Ok(bytes.into())
    }

    async fn exchange(&self, bytes: Bytes, answered: Answered) -> Result<Answer, Error> {
        let sent = self.connection.outgoing.send(bytes).await;
        sent.map_err(|_| self.connection.closed())?;
        answered.await.map_err(|_| self.connection.closed())?
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        // A request that timed out or was given up must not be waited for.
        let first = self.first;
        let _ = self
            .connection
            .with_waiting(|waiting| waiting.forget(first));
    }
}

/// The reading half.
struct Reading {
    version: Version,
    shared: Arc<Shared>,
    echo_replies: mpsc::Sender<Bytes>,
    options: Options,
}

impl Reading {
    async fn run(self, mut from: impl AsyncRead + Unpin, mut buffer: BytesMut) -> CloseCause {
        loop {
            if let Err(cause) = self.dispatch_all(&mut buffer) {
                return cause;
            }
            buffer.reserve(READ_BYTES);
            let silence = self.options.max_silence;
            match timeout(silence, from.read_buf(&mut buffer)).await {
                Err(_) => return CloseCause::Silence(silence),
                Ok(Err(error)) => return CloseCause::Io(Arc::new(error)),
                Ok(Ok(0)) => return CloseCause::BySwitch,
                Ok(Ok(_)) => {}
            }
        }
    }

    fn dispatch_all(&self, buffer: &mut BytesMut) -> Result<(), CloseCause> {
        while let Some(frame) = take_frame(buffer).map_err(CloseCause::Decode)? {
            let header = Header::decode(&frame).map_err(CloseCause::Decode)?;
            if header.version != self.version.wire() {
                return Err(CloseCause::WrongVersion(header.version));
            }
            self.dispatch(header, &frame);
        }
        Ok(())
    }

    fn dispatch(&self, header: Header, frame: &Bytes) {
        if header.kind == kind::ECHO_REQUEST {
            return self.answer_echo(header, frame);
        }
        if event::is_event(header, frame) {
            return self.publish(frame);
        }
        let State::Open { waiting, .. } = &mut *self.shared.lock() else {
            return;
        };
        if !waiting.deliver(header, frame) && header.kind != kind::ECHO_REPLY {
            debug!(
                kind = header.kind,
                xid = header.xid,
                "nobody waits for this message"
            );
        }
    }

    fn publish(&self, frame: &Bytes) {
        for event in event::decode(frame) {
            if let State::Open { events, .. } = &*self.shared.lock() {
                // Without a receiver nobody wants to know.
                let _ = events.send(event);
            }
        }
    }

    fn answer_echo(&self, header: Header, frame: &Bytes) {
        let data = frame.get(HEADER_LEN..).unwrap_or_default().to_vec();
        if let Ok(reply) = encode_one(self.version, header.xid, &ToSwitch::EchoReply(data)) {
            // A full queue holds enough replies that the switch has not taken yet.
            let _ = self.echo_replies.try_send(reply);
        }
    }
}

/// The writing half.
struct Writing {
    version: Version,
    queue: mpsc::Receiver<Bytes>,
    echo_queue: mpsc::Receiver<Bytes>,
    options: Options,
}

impl Writing {
    async fn run(mut self, mut to: impl AsyncWrite + Unpin) -> CloseCause {
        let mut echo_due = interval(self.options.echo_interval.max(MIN_ECHO_INTERVAL));
        echo_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        echo_due.reset();
        let echo_request = encode_one(self.version, ECHO_XID, &ToSwitch::EchoRequest(Vec::new()));
        let echo_request = match echo_request {
            Ok(bytes) => bytes,
            Err(error) => return CloseCause::Encode(error),
        };
        loop {
            let bytes = tokio::select! {
                biased;
                Some(reply) = self.echo_queue.recv() => reply,
                _ = echo_due.tick() => echo_request.clone(),
                next = self.queue.recv() => match next {
                    Some(bytes) => bytes,
                    None => return CloseCause::ByUs,
                },
            };
            if let Err(cause) = self.write(&mut to, &bytes).await {
                return cause;
            }
        }
    }

    async fn write(
        &self,
        to: &mut (impl AsyncWrite + Unpin),
        bytes: &[u8],
    ) -> Result<(), CloseCause> {
        let silence = self.options.max_silence;
        for piece in bytes.chunks(WRITE_BYTES) {
            match timeout(silence, to.write_all(piece)).await {
                Err(_) => return Err(CloseCause::Silence(silence)),
                Ok(written) => written.map_err(|error| CloseCause::Io(Arc::new(error)))?,
            }
        }
        Ok(())
    }
}

fn encode_one(version: Version, xid: u32, message: &ToSwitch) -> Result<Bytes, EncodeError> {
    let mut bytes = Vec::new();
    message.encode(version, xid, &mut bytes)?;
    Ok(bytes.into())
}
