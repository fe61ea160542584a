//! A server that does as its script says, message by message.

use ovsdb::Endpoint;
use ovsdb::message::{FrameReader, Limits};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Where a scripted server listens.
pub(crate) struct Stage {
    folder: TempDir,
    listener: UnixListener,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("ovsdb-scripted-")
            .tempdir()
            .unwrap();
        let listener = UnixListener::bind(folder.path().join("sock")).unwrap();
        Self { folder, listener }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.folder.path().join("sock"))
    }

    pub(crate) async fn accept(&self) -> Peer {
        Peer {
            stream: self.listener.accept().await.unwrap().0,
            frames: FrameReader::new(Limits::default()),
        }
    }
}

/// A connected client, seen from the server.
pub(crate) struct Peer {
    pub(crate) stream: UnixStream,
    frames: FrameReader,
}

impl Peer {
    /// The next message, whatever it is; `None` when the client hung up.
    pub(crate) async fn next(&mut self) -> Option<Json> {
        loop {
            if let Some(frame) = self.frames.next_frame().unwrap() {
                return Some(serde_json::from_slice(&frame).unwrap());
            }
            match self.stream.read_buf(self.frames.buffer_mut()).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next message, which must be this.
    pub(crate) async fn expect(&mut self, method: &str) -> Json {
        let message = self.next().await.expect("the client hung up");
        assert_eq!(message["method"], method, "{message}");
        message
    }

    pub(crate) async fn send(&mut self, message: Json) {
        let text = message.to_string();
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn answer(&mut self, request: &Json, result: Json) {
        self.send(json!({"id": request["id"], "result": result, "error": null}))
            .await;
    }

    pub(crate) async fn refuse(&mut self, request: &Json, error: Json) {
        self.send(json!({"id": request["id"], "error": error}))
            .await;
    }

    pub(crate) async fn notify(&mut self, method: &str, params: Json) {
        self.send(json!({"id": null, "method": method, "params": params}))
            .await;
    }

    pub(crate) async fn give_schema(&mut self) {
        let request = self.expect("get_schema").await;
        self.answer(&request, schema()).await;
    }

    /// Gives the schema, then knows none of these methods.
    pub(crate) async fn know_not(&mut self, methods: &[&str]) {
        self.give_schema().await;
        for method in methods {
            let request = self.expect(method).await;
            self.refuse(&request, json!("unknown method")).await;
        }
    }
}

/// A database with a column of each form.
fn schema() -> Json {
    json!({"name": "db", "version": "1.0.0", "tables": {"T": {"columns": {
        "name": {"type": "string"},
        "tag": {"type": {"key": "integer", "min": 0, "max": 1}},
        "load": {"type": "real"},
        "tags": {"type": {"key": "integer", "min": 0, "max": "unlimited"}},
        "ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
    }}}})
}
