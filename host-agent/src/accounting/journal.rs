//! The meters on disk: `usage.journal` in the state folder, a line for what each reading changed.
//!
//! ```text
//!   <checksum> {"whole": everything}        first line: written anew when the rest has grown as long
//!   <checksum> {"change": what is new, what is gone}
//!   <checksum> {"change": ...}              each on disk before anything of it is offered
//! ```
//!
//! What is written is as much as changed, not as much as there is. A line that was cut, or that its
//! checksum does not fit, ends the journal: it was never acknowledged. Whatever happens to an append, the
//! next save writes everything anew.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::drops::DropState;
use super::intervals::Kept;
use super::state::{FlowState, MeterState, ReadAt, State};
use crate::plan_store;

/// Shorter journals are not written anew, in bytes.
const SHORT: u64 = 64 << 10;
/// Nothing of ours is longer, in bytes.
const LONGEST: u64 = 1 << 30;
/// Hexadecimal digits of a checksum.
const DIGITS: usize = 16;

/// One of many things that are kept by their keys.
pub(super) trait Row: Clone + PartialEq {
    /// What it is kept by.
    type Key: Ord + Clone;

    /// Its key.
    fn key(&self) -> Self::Key;
}

/// What became of the rows of a kind.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Changes<R, K> {
    /// New, or other than before.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    put: Vec<R>,
    /// There no more.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    gone: Vec<K>,
}

/// From one state to the next.
#[derive(Debug, Serialize, Deserialize)]
struct Change {
    batch: u64,
    interval_seconds: std::num::NonZeroU32,
    read: Option<ReadAt>,
    flows: Changes<FlowState, <FlowState as Row>::Key>,
    drops: Changes<DropState, <DropState as Row>::Key>,
    meters: Changes<MeterState, <MeterState as Row>::Key>,
    kept: Changes<Kept, <Kept as Row>::Key>,
}

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line<S, C> {
    Whole(S),
    Change(C),
}

/// The journal, and what it says until now.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// To append to; none when it is to be written anew.
    open: Option<Open>,
    saved: Option<State>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// The length of the first line.
    whole: u64,
    /// Of all others.
    appended: u64,
}

impl Journal {
    /// The journal of a state folder, and what it says.
    pub(super) fn load(folder: &Path) -> (Self, io::Result<State>) {
        let path = folder.join("usage.journal");
        let state = match read(&path) {
            // Written by an earlier version.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                plan_store::read(&former(&path))
            }
            read => read,
        };
        let journal = Self {
            path,
            open: None,
            saved: None,
        };
        (journal, state)
    }

    /// Keeps a state. When this answers, it survives a power cut.
    pub(super) fn save(&mut self, state: State) -> io::Result<()> {
        match self.append(&state) {
            Some(appended) => appended?,
            None => self.write_anew(&state)?,
        }
        self.saved = Some(state);
        Ok(())
    }

    /// Appends what changed, if that is what is to be done.
    fn append(&mut self, state: &State) -> Option<io::Result<()>> {
        // What fails in the middle of a line leaves a journal that must not be appended to.
        let mut open = self.open.take()?;
        let saved = self.saved.as_ref()?;
        if saved.epoch != state.epoch || open.appended > SHORT.max(open.whole) {
            return None;
        }
        let change = Line::<(), _>::Change(Change::between(saved, state));
        let appended = line(&change).and_then(|line| {
            open.file.write_all(&line)?;
            open.file.sync_data()?;
            open.appended += line.len() as u64;
            Ok(())
        });
        if appended.is_ok() {
            self.open = Some(open);
        }
        Some(appended)
    }

    fn write_anew(&mut self, state: &State) -> io::Result<()> {
        let fresh = self.path.with_extension("journal.new");
        let line = line(&Line::<_, ()>::Whole(state))?;
        let mut file = plan_store::writable(&fresh)?;
        file.write_all(&line)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        // The rename itself is only durable once the folder is.
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        // From here on the former file would only be in the way.
        if let Err(error) = fs::remove_file(former(&self.path))
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        self.open = Some(Open {
            file,
            whole: line.len() as u64,
            appended: 0,
        });
        Ok(())
    }
}

/// Where an earlier version kept it.
fn former(path: &Path) -> PathBuf {
    path.with_extension("json")
}

fn line(content: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(content)?;
    let mut line = checksum(&json).into_bytes();
    line.push(b' ');
    line.extend(json);
    line.push(b'\n');
    Ok(line)
}

fn checksum(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.take(DIGITS / 2).collect()
}

/// What a journal says, up to its first line that is not whole.
fn read(path: &Path) -> io::Result<State> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').map(content);
    let Some(Line::Whole(mut state)) = lines.next().flatten() else {
        let what = "the journal of the meters does not begin with all of them";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    };
    while let Some(Some(Line::Change(change))) = lines.next() {
        change.apply(&mut state);
    }
    Ok(state)
}

/// What a line says, if it is whole.
fn content(line: &[u8]) -> Option<Line<State, Change>> {
    let (digits, rest) = line.split_at_checked(DIGITS)?;
    let json = rest.strip_prefix(b" ")?.strip_suffix(b"\n")?;
    let fits = checksum(json).as_bytes() == digits;
    fits.then(|| serde_json::from_slice(json).ok()).flatten()
}

impl Change {
    fn between(before: &State, after: &State) -> Self {
        Self {
            batch: after.batch,
            interval_seconds: after.interval_seconds,
            read: after.read.clone(),
            flows: changes(&before.flows, &after.flows),
            drops: changes(&before.drops, &after.drops),
            meters: changes(&before.meters, &after.meters),
            kept: changes(&before.kept, &after.kept),
        }
    }

    fn apply(self, state: &mut State) {
        state.batch = self.batch;
        state.interval_seconds = self.interval_seconds;
        state.read = self.read;
        apply(&mut state.flows, self.flows);
        apply(&mut state.drops, self.drops);
        apply(&mut state.meters, self.meters);
        apply(&mut state.kept, self.kept);
    }
}

fn changes<R: Row>(before: &[R], after: &[R]) -> Changes<R, R::Key> {
    let mut gone: BTreeMap<R::Key, &R> = before.iter().map(|row| (row.key(), row)).collect();
    let mut put = Vec::new();
    for row in after {
        if gone.remove(&row.key()) != Some(row) {
            put.push(row.clone());
        }
    }
    Changes {
        put,
        gone: gone.into_keys().collect(),
    }
}

fn apply<R: Row>(rows: &mut Vec<R>, changes: Changes<R, R::Key>) {
    let mut by_key: BTreeMap<R::Key, R> = rows.drain(..).map(|row| (row.key(), row)).collect();
    for key in changes.gone {
        by_key.remove(&key);
    }
    by_key.extend(changes.put.into_iter().map(|row| (row.key(), row)));
    rows.extend(by_key.into_values());
}

#[cfg(test)]
mod tests;
