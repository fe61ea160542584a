//! One TCP connection that stays open while something else happens.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::instance::{accept, listen};
use crate::{Instance, namespace};

/// How long may pass before what was said is heard.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection between two instances.
pub struct Conversation {
    speaker: TcpStream,
    listener: TcpStream,
}

impl Conversation {
    /// Connects one to the other.
    #[must_use]
    pub fn begin(from: &Instance, to: &Instance) -> Self {
        const PORT: u16 = 7007;
        let target = SocketAddr::from((to.address, PORT));
        let waiting = namespace::inside(&to.namespace, || listen(target));
        let speaker = namespace::inside(&from.namespace, || {
            let stream = TcpStream::connect_timeout(&target, Duration::from_secs(20));
            stream.unwrap_or_else(|e| panic!("connect to {target}: {e}"))
        });
        let listener = accept(&waiting);
        for stream in [&speaker, &listener] {
            stream
                .set_read_timeout(Some(PATIENCE))
                .unwrap_or_else(|e| panic!("{e}"));
        }
        Self { speaker, listener }
    }

    /// Says something; gives whether anything was heard soon, of this or of what was said before.
    pub fn is_heard(&mut self) -> bool {
        let said = self.speaker.write_all(b"still there?");
        said.unwrap_or_else(|e| panic!("the connection is gone: {e}"));
        let mut heard = [0; 4_096];
        loop {
            match self.listener.read(&mut heard) {
                Ok(0) => panic!("the connection was closed"),
                Ok(_) => return true,
                // A signal of another test's child.
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return false;
                }
                Err(e) => panic!("the connection is gone: {e}"),
            }
        }
    }
}
