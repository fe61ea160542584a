//! `netctl watch` beside whatever else happens.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::Pool;

/// A `netctl watch -o json` that goes on until this is dropped.
pub struct Watching {
    child: Child,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Watching {
    /// Begins to watch a lab, from its first event on.
    #[must_use]
    pub fn start(pool: &Pool) -> Self {
        let child = Command::new(crate::pool::programs().join("netctl"))
            .args(["watch", "-o", "json", "--after", "0", "--lab"])
            .arg(pool.lab().directory())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.unwrap_or_else(|e| panic!("could not run netctl: {e}"));
        let seen = Arc::<Mutex<Vec<Value>>>::default();
        let (lines, said) = (child.stdout.take(), seen.clone());
        std::thread::spawn(move || {
            let lines = lines
                .into_iter()
                .flat_map(|out| BufReader::new(out).lines());
            for line in lines.map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}"));
                said.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(event);
            }
        });
        Self { child, seen }
    }

    /// What was printed so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Value> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    /// Whether an event of this kind was printed whose message has these words.
    #[must_use]
    pub fn has(&self, kind: &str, words: &str) -> bool {
        let seen = self.seen();
        let mut seen = seen.iter();
        seen.any(|it| it["kind"] == kind && it["message"].to_string().contains(words))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}
