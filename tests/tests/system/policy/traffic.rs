//! Traffic to see policies by.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tests::{Instance, namespace};

/// How long a connection may take to come about; one that is refused says nothing.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Accepts connections inside an instance, and sends back what it hears.
pub(super) struct Listener {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub(super) fn start(at: &Instance, port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, at) = (Arc::clone(&stop), at.clone());
        let socket = namespace::inside(&at.namespace, || {
            TcpListener::bind(SocketAddr::from((at.address, port))).unwrap()
        });
        socket.set_nonblocking(true).unwrap();
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match socket.accept() {
                    Ok((stream, _)) => _ = thread::spawn(move || echo(stream)),
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

fn echo(mut stream: TcpStream) {
    stream.set_nonblocking(false).unwrap_or_default();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap_or_default();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

/// Whether a connection to a listener comes about and carries something both ways.
pub(super) fn connects(from: &Instance, to: &Instance, port: u16) -> bool {
    let target = SocketAddr::from((to.address, port));
    let said = namespace::inside(&from.namespace, || {
        let mut stream = TcpStream::connect_timeout(&target, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"hello")?;
        let mut heard = [0; 5];
        stream.read_exact(&mut heard)
    });
    said.is_ok()
}

/// A connection over which something goes both ways all the time.
pub(super) struct Stream {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Stream {
    pub(super) fn start(from: &Instance, to: &Instance, port: u16) -> Self {
        let target = SocketAddr::from((to.address, port));
        let mut stream = namespace::inside(&from.namespace, || {
            TcpStream::connect_timeout(&target, Duration::from_secs(5)).unwrap()
        });
        stream
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        let (stop, answered) = (
            Arc::new(AtomicBool::new(false)),
            Arc::<AtomicU64>::default(),
        );
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&answered));
        let thread = thread::spawn(move || {
            let mut heard = [0; 4096];
            while !stopped.load(Ordering::Relaxed) {
                if stream.write_all(&[0x5a; 100]).is_err() {
                    return;
                }
                if let Ok(count) = stream.read(&mut heard) {
                    counted.fetch_add(count as u64, Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(2));
            }
        });
        Self {
            stop,
            answered,
            thread: Some(thread),
        }
    }

    /// How many bytes came back so far.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whether anything comes back within a moment.
    pub(super) fn is_alive(&self) -> bool {
        let (before, start) = (self.answered(), Instant::now());
        while start.elapsed() < Duration::from_secs(5) {
            if self.answered() > before {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// Three pings that do not fit one packet; how many were answered.
pub(super) fn large_pings(mut ping: Command, to: &Instance) -> u32 {
    let output = ping
        .args(["-n", "-q", "-W", "2", "-c", "3", "-i", "0.2", "-s", "4000"])
        .arg(to.address.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let before = text.split(" received").next().unwrap_or_default();
    let number = before.rsplit(' ').next().unwrap_or_default();
    number.parse().unwrap_or(0)
}
