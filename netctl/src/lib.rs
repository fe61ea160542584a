//! The operator's command: asks the controller over its REST API, and prints.
//!
//! ```text
//!   argv -> keys -> args -> connection -> commands -> print -> stdout
//!           name=x  clap    which server   one file    table, json,
//!           to flags        and token      per noun    csv, id
//! ```
//!
//! Nothing is decided here: what is allowed is for the server to say. [`exit`] lists what the exit
//! codes mean.

mod args;
mod commands;
mod connection;
pub mod exit;
mod failure;
mod keys;
mod names;
mod print;
mod resolve;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

use args::Cli;
use exit::Exit;
use failure::Failure;

/// Does what the command line says, and tells how it went.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let outcome = parse(args.into_iter().collect()).and_then(|cli| run(&cli));
    match outcome {
        Ok(exit) => exit.into(),
        Err(Stop::Clap(error)) => exit_of_clap(&error),
        Err(Stop::Failure(failure)) => {
            eprintln!("{failure}");
            failure.exit.into()
        }
    }
}

/// Why there is nothing (more) to do.
enum Stop {
    /// The command line asks for help or is wrong; clap has the text for it.
    Clap(clap::Error),
    /// It could not be done.
    Failure(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn parse(args: Vec<OsString>) -> Result<Cli, Stop> {
    let command = Cli::command();
    let args = keys::rewrite(args, &command)?;
    let matches = command.try_get_matches_from(args).map_err(Stop::Clap)?;
    Cli::from_arg_matches(&matches).map_err(Stop::Clap)
}

fn run(cli: &Cli) -> Result<Exit, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("could not start", &error))?;
    let format = cli.format();
    let ran = runtime.block_on(cli.command.run(&cli.connection, format))?;
    // What was made is made, however long its hosts take.
    write(&print::render(&ran.done.output, format))?;
    Ok(runtime.block_on(cli.waiting.after(&ran, format))?)
}

fn exit_of_clap(error: &clap::Error) -> ExitCode {
    // Nobody is left to be told when printing fails.
    let _printed = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done.into(),
        _ => Exit::Usage.into(),
    }
}

/// Whoever closes the pipe has seen enough.
fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::local("could not write the result", &error))
        }
        _ => Ok(()),
    }
}
