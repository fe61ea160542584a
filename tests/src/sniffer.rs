//! Catches every frame that reaches an instance.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use pnet::datalink::{self, Channel, Config, DataLinkReceiver};

use crate::namespace;

/// A packet socket inside a namespace. Frames that the instance itself sends are caught too.
pub struct Sniffer {
    stop: Arc<AtomicBool>,
    caught: Caught,
    thread: Option<JoinHandle<()>>,
}

type Caught = Arc<Mutex<Vec<Vec<u8>>>>;

impl Sniffer {
    /// Starts to catch on `interface`; every frame after the return is caught.
    #[must_use]
    pub fn start(namespace: &str, interface: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = mpsc::channel();
        let (namespace, interface) = (namespace.to_owned(), interface.to_owned());
        let told = Arc::clone(&stop);
        let caught = Caught::default();
        let here = Arc::clone(&caught);
        let thread = std::thread::spawn(move || {
            namespace::enter(&namespace);
            let socket = open(&interface);
            ready.send(()).unwrap_or_default();
            catch(socket, &told, &here);
        });
        assert!(is_ready.recv().is_ok(), "the sniffer did not start");
        Self {
            stop,
            caught,
            thread: Some(thread),
        }
    }

    /// How many frames of this kind it has caught so far.
    #[must_use]
    pub fn count(&self, kind: impl Fn(&Vec<u8>) -> bool) -> usize {
        let caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        caught.iter().filter(|frame| kind(frame)).count()
    }

    /// Stops, after what is under way has had time to arrive, and gives what was caught.
    #[must_use]
    pub fn stop(mut self) -> Vec<Vec<u8>> {
        std::thread::sleep(Duration::from_millis(300));
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok(), "the sniffer failed");
        }
        let mut caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut caught)
    }
}

impl Drop for Sniffer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn open(interface: &str) -> Box<dyn DataLinkReceiver> {
    match channel(interface) {
        Channel::Ethernet(_, receiver) => receiver,
        _ => panic!("no Ethernet channel on {interface}"),
    }
}

pub(crate) fn channel(interface: &str) -> Channel {
    let found = datalink::interfaces()
        .into_iter()
        .find(|it| it.name == interface);
    let found = found.unwrap_or_else(|| panic!("there is no {interface} here"));
    let config = Config {
        read_timeout: Some(Duration::from_millis(50)),
        read_buffer_size: 1 << 16,
        ..Config::default()
    };
    datalink::channel(&found, config).unwrap_or_else(|e| panic!("{interface}: {e}"))
}

fn catch(mut socket: Box<dyn DataLinkReceiver>, stop: &AtomicBool, caught: &Caught) {
    while !stop.load(Ordering::Relaxed) {
        // A time-out is not an error: it lets us look at `stop`.
        if let Ok(frame) = socket.next() {
            let mut caught = caught.lock().unwrap_or_else(PoisonError::into_inner);
            caught.push(frame.to_vec());
        }
    }
}
