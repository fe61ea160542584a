//! Starts `netctl`: everything is in the library, so that tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    netctl::main(std::env::args_os())
}
