//! The collectors that are measured.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::collect;
use crate::measured::Standing;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// All of it: attribution, both meters and the ledger.
    Ours,
    /// nfdump's: writes what it decoded.
    Sfcapd,
    /// pmacct's: sums by agent and interface.
    Sfacctd,
}

pub(crate) struct Running {
    child: Child,
    address: SocketAddrV4,
    _folder: TempDir,
}

impl Subject {
    pub(crate) const ALL: [Self; 3] = [Self::Ours, Self::Sfcapd, Self::Sfacctd];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "bulkhead",
            Self::Sfcapd => "sfcapd",
            Self::Sfacctd => "sfacctd",
        }
    }

    pub(crate) fn start(self) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        let mut command = self.command(port, folder.path());
        let command = command.stdin(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn();
        let child = child.unwrap_or_else(|e| panic!("{}: {e}; run `make tools`", self.name()));
        let start = Instant::now();
        while sockets(port).is_empty() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{} does not listen",
                self.name()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Running {
            child,
            address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
            _folder: folder,
        }
    }

    fn command(self, port: u16, folder: &Path) -> Command {
        let port = port.to_string();
        match self {
            Self::Ours => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.arg(collect::VERB);
                command.arg(format!("127.0.0.1:{port}"));
                command.arg(folder.join("usage.db"));
                command
            }
            Self::Sfcapd => {
                let mut command = Command::new("sfcapd");
                command.args(["-4", "-b", "127.0.0.1", "-p", &port, "-B", "16777216", "-w"]);
                command.arg(folder).stdout(Stdio::null());
                command
            }
            Self::Sfacctd => {
                let file = folder.join("sfacctd.conf");
                fs::write(&file, configuration(&port, folder)).unwrap();
                let mut command = Command::new("sfacctd");
                command.arg("-f").arg(file).stdout(Stdio::null());
                command
            }
        }
    }
}

fn configuration(port: &str, folder: &Path) -> String {
    let output = folder.join("usage.csv");
    let output = output.display();
    format!(
        "daemonize: false\nsfacctd_ip: 127.0.0.1\nsfacctd_port: {port}\n\
         sfacctd_pipe_size: 16777216\nplugin_pipe_size: 67108864\nplugin_buffer_size: 65536\n\
         sfacctd_renormalize: true\nplugins: print\naggregate: peer_src_ip, in_iface\n\
         print_refresh_time: 5\nprint_output: csv\nprint_output_file: {output}\n"
    )
}

impl Running {
    pub(crate) const fn address(&self) -> SocketAddrV4 {
        self.address
    }

    pub(crate) fn standing(&self) -> Standing {
        let mut standing = Standing {
            dropped: sockets(self.address.port()).iter().sum(),
            ..Standing::default()
        };
        for pid in family(self.child.id()) {
            standing.processor_seconds += processor_seconds(pid);
            standing.megabytes += megabytes(pid);
        }
        standing
    }

    pub(crate) fn stop(mut self) {
        // Ours ends with its input; the others on a signal.
        drop(self.child.stdin.take());
        let pid = Pid::from_raw(self.child.id().try_into().unwrap());
        if !self.ends_soon() {
            kill(pid, Signal::SIGTERM).unwrap();
            if !self.ends_soon() {
                self.child.kill().unwrap();
            }
        }
        self.child.wait().unwrap();
    }

    fn ends_soon(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

/// A process and those it started.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(pid) = all.get(next) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        all.extend(
            children
                .split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
        next += 1;
    }
    all
}

/// Time on a processor so far, of all threads (proc(5), schedstat of each task).
fn processor_seconds(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().filter_map(Result::ok);
    let spent = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    spent.sum::<f64>() / 1e9
}

fn megabytes(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}

/// What the kernel dropped at each of the sockets of a port.
fn sockets(port: u16) -> Vec<u64> {
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let port = format!(":{port:04X}");
    let rows = table.lines().skip(1).filter_map(|row| {
        let mut columns = row.split_ascii_whitespace();
        let ours = columns.nth(1)?.ends_with(&port);
        ours.then(|| columns.last()?.parse().ok())?
    });
    rows.collect()
}
