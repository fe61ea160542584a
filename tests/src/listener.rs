//! Somebody who listens to one who counts, over one connection of TCP, while something else happens.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::instance::{accept, listen};
use crate::{Instance, namespace};

/// Where it listens.
const PORT: u16 = 7002;

/// Takes one connection, and listens for as long as that lasts.
pub struct Listener {
    heard: Arc<AtomicU64>,
    wrong: Arc<Mutex<Option<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens inside an instance.
    #[must_use]
    pub fn start(at: &Instance) -> Self {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
        let listener = namespace::inside(&at.namespace, || listen(any));
        let (heard, wrong) = (
            Arc::<AtomicU64>::default(),
            Arc::<Mutex<Option<String>>>::default(),
        );
        let (counted, said) = (Arc::clone(&heard), Arc::clone(&wrong));
        let thread = thread::spawn(move || {
            let stream = accept(&listener);
            // Others are refused from here on: one connection is all there is.
            drop(listener);
            let _unbounded = stream.set_read_timeout(None);
            for line in BufReader::new(stream).lines() {
                let Ok(line) = line else {
                    return;
                };
                let before = counted.load(Ordering::SeqCst);
                if line.parse() == Ok(before + 1) {
                    counted.store(before + 1, Ordering::SeqCst);
                } else if let Ok(mut said) = said.lock() {
                    said.get_or_insert(line);
                }
            }
        });
        Self {
            heard,
            wrong,
            thread: Some(thread),
        }
    }

    /// How far the other has counted, without leaving anything out.
    #[must_use]
    pub fn heard(&self) -> u64 {
        let wrong = self.wrong.lock().map(|it| it.clone());
        assert!(matches!(wrong, Ok(None)), "it miscounted: {wrong:?}");
        self.heard.load(Ordering::SeqCst)
    }

    /// Whether the connection, once there was one, ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}
