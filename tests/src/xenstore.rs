//! A xenstored for machines without Xen: enough of its protocol (`xen/io/xs_wire.h`) for the real
//! `xenstore-read` and `xenstore-write`, at a socket of its own.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Types of messages.
const READ: u32 = 2;
const WRITE: u32 = 11;
const ERROR: u32 = 16;

/// The longest body of a message.
const MOST_BYTES: usize = 4_096;

/// What relative paths are below: the folder of the domain that asks.
const HOME: &str = "/local/domain/0/";

type Values = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A store that answers as long as the program runs; there is nothing of it in the system but its socket.
pub struct Xenstore {
    socket: PathBuf,
    values: Values,
}

impl Xenstore {
    /// Starts one that listens in `folder`.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        let socket = folder.join("xenstored");
        let listener = UnixListener::bind(&socket).unwrap_or_else(|e| panic!("{e}"));
        let values = Values::default();
        let shared = Arc::clone(&values);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let values = Arc::clone(&shared);
                thread::spawn(move || while answer(&stream, &values).is_ok() {});
            }
        });
        Self { socket, values }
    }

    /// What `XENSTORED_PATH` has to be for Xen's command line.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sets a value, as a toolstack does.
    pub fn write(&self, path: &str, value: &str) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.insert(path.to_owned(), value.as_bytes().to_vec());
    }

    /// The value at a path, if there is one.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<String> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let value = values.get(path)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

/// Answers one message: type, request, transaction and length, each four bytes, and as much after them.
fn answer(mut stream: &UnixStream, values: &Values) -> io::Result<()> {
    let mut head = [0; 16];
    stream.read_exact(&mut head)?;
    let word = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
    let length = u32::from_ne_bytes(word(12)) as usize;
    let mut body = vec![0; length.min(MOST_BYTES)];
    stream.read_exact(&mut body)?;
    let kind = u32::from_ne_bytes(word(0));
    let (kind, body) = match act(kind, &body, values) {
        Ok(body) => (kind, body),
        Err(error) => (ERROR, error.to_vec()),
    };
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let mut message = kind.to_ne_bytes().to_vec();
    message.extend(&head[4..12]);
    message.extend(length.to_ne_bytes());
    message.extend(body);
    stream.write_all(&message)
}

fn act(kind: u32, body: &[u8], values: &Values) -> Result<Vec<u8>, &'static [u8]> {
    let mut parts = body.splitn(2, |byte| *byte == 0);
    let path = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let path = match path.starts_with('/') {
        true => path.into_owned(),
        false => format!("{HOME}{path}"),
    };
    let mut values = values.lock().unwrap_or_else(PoisonError::into_inner);
    match kind {
        READ => values.get(&path).cloned().ok_or(b"ENOENT\0"),
        WRITE => {
            values.insert(path, parts.next().unwrap_or_default().to_vec());
            Ok(b"OK\0".to_vec())
        }
        _ => Err(b"ENOSYS\0"),
    }
}
