//! Named network namespaces, the way `ip netns` has them: `/run/netns/<name>` is a bind mount of
//! the namespace (ip-netns(8)).

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::statfs::statfs;
use nix::unistd::Pid;

const DIRECTORY: &str = "/run/netns";

/// `NSFS_MAGIC` of `linux/magic.h`: what a mounted namespace says its file system is.
const NSFS_MAGIC: i64 = 0x6e73_6673;

/// Where the namespace `name` is mounted.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

/// The names of all namespaces that start with `prefix`, also of those only half made.
pub(crate) fn list(prefix: &str) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(DIRECTORY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| name.starts_with(prefix)).collect())
}

/// Makes the namespace `name`, unless it is there.
pub(crate) fn ensure(name: &str) -> io::Result<()> {
    let path = path(name);
    fs::create_dir_all(DIRECTORY)?;
    match File::create_new(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => drop(created?),
    }
    if is_namespace(&path)? {
        return Ok(());
    }
    // A thread of its own: `unshare` moves whoever calls it.
    on_own_thread(move || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        mount(
            Some("/proc/thread-self/ns/net"),
            &path,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )?;
        Ok(())
    })
}

/// Ends every process in the namespace `name` and removes it.
pub(crate) fn remove(name: &str) -> io::Result<()> {
    let path = path(name);
    if is_namespace(&path)? {
        end_processes(&path)?;
        umount2(&path, MntFlags::MNT_DETACH)?;
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Does `work` inside the namespace that is mounted at `path`. If it cannot be entered, nothing is done.
pub(crate) fn inside<T: Send>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    let namespace = File::open(path)?;
    on_own_thread(move || {
        setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET)?;
        work()
    })
}

fn on_own_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let panicked = |_| Err(io::Error::other("the thread in the namespace panicked"));
    thread::scope(|scope| scope.spawn(work).join().unwrap_or_else(panicked))
}

pub(crate) fn is_namespace(path: &Path) -> io::Result<bool> {
    match statfs(path) {
        Ok(found) => Ok(found.filesystem_type().0 == NSFS_MAGIC),
        Err(nix::errno::Errno::ENOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// An instance that is stopped has no processes left, as a machine that is switched off.
fn end_processes(namespace: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let wanted = fs::metadata(namespace)?.ino();
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // Processes come and go; one that cannot be looked at is gone.
        let found = fs::metadata(entry.path().join("ns/net"));
        if found.is_ok_and(|found| found.ino() == wanted) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
    Ok(())
}
