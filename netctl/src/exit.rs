//! What the exit codes of `netctl` mean. They do not change.

use std::process::ExitCode;

/// How a run of `netctl` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All was done.
    Done = 0,
    /// The server understood and said no; nothing was changed.
    Refused = 1,
    /// The command line is wrong.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// The server cannot be reached, or its answer is unusable.
    Unreachable = 4,
    /// There is no valid token.
    NoToken = 5,
    /// What was asked or waited for is not so.
    NotSo = 6,
    /// Something on this machine is wrong: a file, or the lab.
    Local = 7,
    /// What was changed is durable, but was not carried out everywhere in time.
    Late = 8,
}

/// Every code, as `--help` shows it.
pub const EXITS: &[(Exit, &str)] = &[
    (Exit::Done, "all was done"),
    (Exit::Refused, "the server said no; nothing was changed"),
    (Exit::Usage, "the command line is wrong"),
    (Exit::NotFound, "what was named does not exist"),
    (
        Exit::Unreachable,
        "the server cannot be reached, or its answer is unusable",
    ),
    (Exit::NoToken, "there is no valid token"),
    (
        Exit::NotSo,
        "what was asked or waited for is not so (status, vm-start, fabric-check, *-verify)",
    ),
    (
        Exit::Local,
        "something on this machine is wrong: a file, or the lab",
    ),
    (
        Exit::Late,
        "what was changed is durable, but not carried out everywhere in time (--wait)",
    ),
];

impl Exit {
    /// The code as the shell sees it.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
