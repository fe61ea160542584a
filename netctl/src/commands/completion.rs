//! `completion`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Done;
use crate::args::Cli;
use crate::print::Output;

/// For which shell.
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell; source the script, or put it where the shell looks for completions
    shell: Shell,
}

impl Completion {
    pub(super) fn run(&self) -> Done {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "netctl", &mut script);
        Output::Text(String::from_utf8_lossy(&script).into_owned()).into()
    }
}
