//! Doing something inside a network namespace, on a thread of its own.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use nix::sched::{CloneFlags, setns};

/// Enters the namespace; panics if it cannot, so that nothing is ever done outside by mistake.
pub(crate) fn enter(name: &str) {
    let path = Path::new("/run/netns").join(name);
    let file = File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    setns(file.as_fd(), CloneFlags::CLONE_NEWNET)
        .unwrap_or_else(|e| panic!("could not enter {name}: {e}"));
}

/// Does `work` inside the namespace `name`.
pub fn inside<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
    let run = || {
        enter(name);
        work()
    };
    std::thread::scope(|scope| match scope.spawn(run).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
