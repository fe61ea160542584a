//! How a process shows that it has started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::execute::run;

/// A process that hangs with its socket open must not hang the one who waits for it.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

const HEALTH_REQUEST: &[u8] =
    b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The sign that a process is ready.
#[derive(Debug, Clone)]
pub(crate) enum Ready {
    /// It was started: nobody can ask it more.
    Started,
    /// It accepts connections on a unix socket.
    Accepts(PathBuf),
    /// A switch daemon, by its control socket: it has made what its database says.
    Configured(PathBuf),
    /// It answers `GET /v1/health` on a unix socket with 200.
    Healthy(PathBuf),
}

impl Ready {
    pub(crate) async fn holds(&self) -> bool {
        match self {
            Self::Started => true,
            Self::Accepts(socket) => UnixStream::connect(socket).await.is_ok(),
            Self::Configured(control) => is_configured(control).await,
            Self::Healthy(socket) => timeout(ANSWER_LIMIT, status_of(socket))
                .await
                .is_ok_and(|status| status.as_deref() == Some("200")),
        }
    }
}

/// A switch daemon listens long before it has read its database, but it answers in between two
/// rounds of its main loop only: once a reconfiguration was begun, the first one is finished.
async fn is_configured(control: &Path) -> bool {
    let mut command = Command::new("ovs-appctl");
    command
        .arg(format!("--timeout={}", ANSWER_LIMIT.as_secs()))
        .arg("--target")
        .arg(control)
        .args(["coverage/read-counter", "bridge_reconfigure"]);
    let count = run(command).await;
    count.is_ok_and(|text| text.trim().parse::<u64>().is_ok_and(|count| count > 0))
}

/// The three digits of the answer's status line.
async fn status_of(socket: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(socket).await.ok()?;
    stream.write_all(HEALTH_REQUEST).await.ok()?;
    let mut start = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut start).await.ok()?;
    let line = std::str::from_utf8(&start).ok()?;
    Some(line.strip_prefix("HTTP/1.1 ")?.to_owned())
}
