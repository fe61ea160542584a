//! What ovs-vswitchd is told neither by OVSDB nor by OpenFlow: its control socket, as `ovs-appctl` uses
//! it (ovs-appctl(8); one JSON-RPC request, one reply).

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes: the trace of a packet through thousands of looks is far
/// shorter.
const LONGEST: usize = 4 << 20;

/// How much is kept of why it refused, in characters.
const REASON_LONGEST: usize = 200;

/// Why it could not be told.
#[derive(Debug, Error)]
pub enum Error {
    /// Nobody listens.
    #[error("there is no control socket of ovs-vswitchd in {}", run_directory.display())]
    Nobody {
        /// Where it should be.
        run_directory: PathBuf,
    },
    /// It could not be reached or heard.
    #[error("could not speak to ovs-vswitchd")]
    Io(#[from] io::Error),
    /// It did not answer in time.
    #[error("ovs-vswitchd did not answer its control socket within {} s", PATIENCE.as_secs())]
    Silent,
    /// It refused.
    #[error("ovs-vswitchd refused {command}: {reason}")]
    Refused {
        /// What it was told.
        command: String,
        /// Why not.
        reason: String,
    },
}

/// What it answers.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct Reply {
    /// What it says, unless it refused.
    #[serde(default)]
    pub result: Option<String>,
    /// Why it refused, if it did.
    #[serde(default)]
    pub error: Option<String>,
}

impl Reply {
    /// The reply, if it is whole.
    ///
    /// # Errors
    /// When it is not, or is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        // A reply is an object, so it is whole at a closing brace or not at all.
        let may_be_whole = bytes.trim_ascii_end().last() == Some(&b'}');
        serde_json::from_slice(if may_be_whole { bytes } else { b"" })
    }
}

/// Asks the ovs-vswitchd with this run directory for something, or tells it to do something; gives its
/// answer.
///
/// # Errors
/// When it is not there, refuses, or does not answer.
pub async fn ask(
    run_directory: &Path,
    command: &str,
    arguments: &[String],
) -> Result<String, Error> {
    let asked = timeout(PATIENCE, exchange(run_directory, command, arguments));
    let reply = asked.await.map_err(|_| Error::Silent)??;
    match reply.error {
        None => Ok(reply.result.unwrap_or_default()),
        Some(reason) => Err(Error::Refused {
            command: command.to_owned(),
            reason: reason.trim().chars().take(REASON_LONGEST).collect(),
        }),
    }
}

async fn exchange(
    run_directory: &Path,
    command: &str,
    arguments: &[String],
) -> Result<Reply, Error> {
    let mut stream = connect(run_directory).await?;
    let request = json!({"id": 0, "method": command, "params": arguments});
    stream.write_all(request.to_string().as_bytes()).await?;
    let mut answer = Vec::new();
    let mut part = [0; 1 << 14];
    loop {
        let count = stream.read(&mut part).await?;
        answer.extend_from_slice(part.get(..count).unwrap_or_default());
        let ended = count == 0 || answer.len() > LONGEST;
        match Reply::decode(&answer) {
            Ok(reply) => return Ok(reply),
            Err(error) if ended => return Err(io::Error::from(error).into()),
            Err(_) => {}
        }
    }
}

/// The socket bears the daemon's process id; those of daemons that were killed are left behind.
async fn connect(run_directory: &Path) -> Result<UnixStream, Error> {
    let mut entries = tokio::fs::read_dir(run_directory).await?;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.contains("vswitchd") || !name.ends_with(".ctl") {
            continue;
        }
        if let Ok(stream) = UnixStream::connect(entry.path()).await {
            return Ok(stream);
        }
    }
    Err(Error::Nobody {
        run_directory: run_directory.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    /// A daemon that answers everything with these bytes, beside the socket of one that is gone.
    async fn told(answer: &'static [u8]) -> Result<String, Error> {
        let folder = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(folder.path().join("ovs-vswitchd.1.ctl")).unwrap());
        let listener = UnixListener::bind(folder.path().join("ovs-vswitchd.2.ctl")).unwrap();
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 200];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            for part in answer.chunks((answer.len() / 9).max(1)) {
                // Whoever has heard enough hangs up.
                if stream.write_all(part).await.is_err() {
                    break;
                }
            }
        });
        let outcome = ask(folder.path(), "dpctl/ct-set-limits", &["zone=1".to_owned()]).await;
        answering.await.unwrap();
        outcome
    }

    #[tokio::test]
    async fn an_answer_in_parts_is_read_and_a_refusal_says_why() {
        let done = told(br#"{"id":0,"result":"done {}","error":null}"#).await;
        assert_eq!(done.unwrap(), "done {}");
        let refused = told(br#"{"id":0,"error":"no such zone\n"}"#).await;
        let text = refused.unwrap_err().to_string();
        assert_eq!(
            text,
            "ovs-vswitchd refused dpctl/ct-set-limits: no such zone"
        );
    }

    #[tokio::test]
    async fn nonsense_silence_and_nobody_are_errors() {
        for answer in [
            &b"no JSON"[..],
            b"",
            b"{\"id\":0,",
            b"[[[[[[[[",
            b"{\"result\":7}",
        ] {
            assert!(told(answer).await.is_err(), "{answer:?}");
        }
        static ENDLESS: [u8; LONGEST + 1_000_000] = [b' '; LONGEST + 1_000_000];
        assert!(told(&ENDLESS).await.is_err());
        let folder = tempfile::tempdir().unwrap();
        let outcome = ask(folder.path(), "version", &[]).await;
        assert!(matches!(outcome, Err(Error::Nobody { .. })));
    }
}
