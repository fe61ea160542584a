//! How a hook or a plugin asks the agent of its host: a line, and a line back.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::{Answer, Question, socket_path};

/// The longest answer.
const MOST_ANSWER_BYTES: u64 = 256 << 10;

/// How much later than the agent whoever asks gives up.
const GRACE: Duration = Duration::from_secs(3);

/// How soon an agent that is not there, or ends, is asked again.
const RETRY: Duration = Duration::from_millis(200);

/// Asks the agent with this state folder until there is an answer: it may be starting just now.
///
/// # Errors
/// When there is none some seconds after `seconds`.
pub fn ask(state: &Path, question: &Question, seconds: u64) -> anyhow::Result<Answer> {
    let deadline = Instant::now() + Duration::from_secs(seconds) + GRACE;
    let socket = socket_path(state);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match ask_once(&socket, question, left.max(RETRY)) {
            Ok(answer) => return Ok(answer),
            Err(error) if left.is_zero() => {
                let path = socket.display();
                return Err(error.context(format!("no agent answers at {path}")));
            }
            Err(_) => sleep(RETRY),
        }
    }
}

fn ask_once(socket: &Path, question: &Question, within: Duration) -> anyhow::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(within))?;
    stream.set_write_timeout(Some(within))?;
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(MOST_ANSWER_BYTES)).read_line(&mut answer)?;
    serde_json::from_str(&answer).context("its answer is not understood")
}
