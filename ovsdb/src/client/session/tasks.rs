//! The two tasks of a connection. They share no wait: the reader puts what it has to say in
//! a queue that it never waits for.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::super::Options;
use super::super::endpoint::Streams;
use super::{Outgoing, Session};
use crate::error::Error;
use crate::message::{FrameReader, Limits};

/// The least room for a read; what is written is collected up to as much.
const CHUNK_BYTES: usize = 64 << 10;

/// Starts the tasks of a connection. The first that ends says why the connection did;
/// dropping the set ends both.
pub(in crate::client) fn start(
    streams: Streams,
    options: &Options,
) -> (Arc<Session>, JoinSet<Error>) {
    let (session, outgoing) = Session::new(options);
    let session = Arc::new(session);
    let mut tasks = JoinSet::new();
    let reader = Reader {
        session: Arc::clone(&session),
        stream: streams.reader,
        limits: options.limits,
        probe_interval: options.probe_interval,
    };
    let writer = Writer {
        session: Arc::clone(&session),
        stream: BufWriter::with_capacity(CHUNK_BYTES, streams.writer),
        outgoing,
        patience: options.request_timeout,
    };
    tasks.spawn(reader.run());
    tasks.spawn(writer.run());
    (session, tasks)
}

struct Reader {
    session: Arc<Session>,
    stream: Box<dyn AsyncRead + Send + Unpin>,
    limits: Limits,
    probe_interval: Duration,
}

impl Reader {
    async fn run(mut self) -> Error {
        let ended = match self.read().await {
            Ok(()) => Error::Closed,
            Err(error) => error,
        };
        self.session.close();
        ended
    }

    async fn read(&mut self) -> Result<(), Error> {
        let mut frames = FrameReader::new(self.limits);
        let mut probed = false;
        loop {
            while let Some(frame) = frames.next_frame().map_err(Error::Frame)? {
                self.session.receive(&frame)?;
            }
            frames.buffer_mut().reserve(CHUNK_BYTES);
            let read = self.stream.read_buf(frames.buffer_mut());
            match timeout(self.probe_interval, read).await {
                Ok(Ok(0)) => return Ok(()),
                Ok(Ok(_)) => probed = false,
                Ok(Err(source)) => return Err(Error::io("read from the server")(source)),
                Err(_) if probed => return Err(Error::Silent),
                Err(_) => {
                    self.session.probe()?;
                    probed = true;
                }
            }
        }
    }
}

struct Writer {
    session: Arc<Session>,
    stream: BufWriter<Box<dyn AsyncWrite + Send + Unpin>>,
    outgoing: Outgoing,
    patience: Duration,
}

impl Writer {
    async fn run(mut self) -> Error {
        let ended = match self.write().await {
            Ok(()) => Error::Closed,
            Err(error) => error,
        };
        self.session.close();
        ended
    }

    async fn write(&mut self) -> Result<(), Error> {
        while let Some(first) = self.outgoing.next(&self.session).await {
            let patience = self.patience;
            timeout(patience, self.write_burst(first))
                .await
                .map_err(|_| Error::NotReading)?
                .map_err(Error::io("write to the server"))?;
        }
        Ok(())
    }

    /// Writes one message and whatever else is ready, up to a chunk, at once.
    async fn write_burst(&mut self, first: bytes::Bytes) -> std::io::Result<()> {
        let mut written = first.len();
        self.stream.write_all(&first).await?;
        while written < CHUNK_BYTES {
            let Some(frame) = self.outgoing.next_ready(&self.session) else {
                break;
            };
            written += frame.len();
            self.stream.write_all(&frame).await?;
        }
        self.stream.flush().await
    }
}

impl Outgoing {
    /// The next message; `None` when there will be no more.
    async fn next(&mut self, session: &Session) -> Option<bytes::Bytes> {
        loop {
            tokio::select! {
                biased;
                Some(frame) = self.control.recv() => return Some(frame),
                Some(request) = self.requests.recv() => {
                    // A call given up before it was sent is never sent.
                    if session.is_waited_for(request.id) {
                        return Some(request.frame);
                    }
                }
                else => return None,
            }
        }
    }

    fn next_ready(&mut self, session: &Session) -> Option<bytes::Bytes> {
        if let Ok(frame) = self.control.try_recv() {
            return Some(frame);
        }
        loop {
            let request = self.requests.try_recv().ok()?;
            if session.is_waited_for(request.id) {
                return Some(request.frame);
            }
        }
    }
}
