//! Events as they happen: a stream that says where to go on when it ends.

mod frames;

use std::time::Duration;

use model::Event;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde::Deserialize;
use tokio::time::timeout;

pub use frames::{Frame, Frames, TooLong};

use super::{ANSWER_TIMEOUT, Answer, Client, ClientError};

#[cfg(test)]
mod tests;

/// A server that has said nothing for so long is gone: it says something every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);

/// Longer than any stream: how long an answer may take is otherwise bounded as a whole.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Which events to watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchQuery {
    /// Fields of events with the values that pass, joined by commas.
    pub filters: Vec<(String, String)>,
    /// The event to go on after; what happens from now on if absent.
    pub after: Option<u64>,
}

/// What a stream tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Something happened.
    Event(Event),
    /// Events through this number are gone: the state is to be looked at anew.
    Gap {
        /// The number that the stream goes on after.
        after: u64,
    },
}

/// A stream of events.
#[derive(Debug)]
pub struct EventStream {
    response: reqwest::Response,
    frames: Frames,
    server: String,
    last_id: Option<u64>,
}

#[derive(Deserialize)]
struct Gap {
    after: u64,
}

impl Client {
    /// Begins to watch.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub async fn watch(&self, query: &WatchQuery) -> Result<EventStream, ClientError> {
        let mut request = self.request(Method::GET, "/v1/events");
        request = request.header(ACCEPT, "text/event-stream").timeout(FOREVER);
        request = request.query(&query.filters);
        if let Some(after) = query.after {
            request = request.header("last-event-id", after);
        }
        let sent = timeout(ANSWER_TIMEOUT, request.send()).await;
        let sent = sent.map_err(|_| self.silent())?;
        let mut response = sent.map_err(|source| self.unreachable(source))?;
        let status = response.status();
        if !status.is_success() {
            let body = self.body_of(&mut response).await?;
            return Err(match self.judge(Answer { status, body }) {
                Err(error) => error,
                Ok(_) => self.silent(),
            });
        }
        Ok(EventStream {
            response,
            frames: Frames::default(),
            server: self.server.to_string(),
            last_id: query.after,
        })
    }

    fn silent(&self) -> ClientError {
        ClientError::Silent {
            server: self.server.to_string(),
        }
    }
}

impl EventStream {
    /// The next thing told; nothing at the end of the stream, which may be resumed after
    /// [`EventStream::last_id`].
    ///
    /// # Errors
    /// The connection failed, or what it says is no stream of events.
    pub async fn next(&mut self) -> Result<Option<Watched>, ClientError> {
        loop {
            while let Some(frame) = self.frames.next() {
                self.last_id = frame.id.or(self.last_id);
                if let Some(told) = self.told(&frame)? {
                    return Ok(Some(told));
                }
            }
            let server = || self.server.clone();
            let chunk = timeout(SILENCE, self.response.chunk()).await;
            let chunk = chunk.map_err(|_| ClientError::Silent { server: server() })?;
            let chunk = chunk.map_err(|source| ClientError::Unreachable {
                server: server(),
                source: source.without_url(),
            })?;
            let Some(chunk) = chunk else {
                return Ok(None);
            };
            let pushed = self.frames.push(&chunk);
            pushed.map_err(|TooLong| ClientError::TooLarge {
                server: self.server.clone(),
            })?;
        }
    }

    /// The number to go on after when the stream has ended.
    #[must_use]
    pub const fn last_id(&self) -> Option<u64> {
        self.last_id
    }

    fn told(&self, frame: &Frame) -> Result<Option<Watched>, ClientError> {
        let unclear = |source| ClientError::Answer {
            server: self.server.clone(),
            status: self.response.status().as_u16(),
            source,
        };
        match frame.event.as_str() {
            _ if frame.data.is_empty() => Ok(None),
            "" | "message" => {
                let event = serde_json::from_str(&frame.data).map_err(unclear)?;
                Ok(Some(Watched::Event(event)))
            }
            "gap" => {
                let Gap { after } = serde_json::from_str(&frame.data).map_err(unclear)?;
                Ok(Some(Watched::Gap { after }))
            }
            // What a newer server tells besides is not for this program.
            _ => Ok(None),
        }
    }
}
