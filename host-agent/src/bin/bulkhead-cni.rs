//! The plugin that container runtimes call by CNI: asks this host's agent, see `host_agent::cni`.

use std::process::ExitCode;

fn main() -> ExitCode {
    host_agent::cni::run()
}
