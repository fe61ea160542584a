//! The lab's controller: where to reach it, and how it is started.

use std::ffi::OsString;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

use crate::execute::run;
use crate::layout::{self, Layout};
use crate::process::{Launch, Process, Ready};
use crate::requirements::CONTROLLER;
use crate::state::StateFile;
use crate::{Error, namespace};

/// The lab's controller.
#[derive(Debug, Clone)]
pub struct Controller {
    program: PathBuf,
    directory: PathBuf,
    namespace: String,
    process: Process,
}

impl Controller {
    /// `None` when the lab has switches only.
    pub(crate) fn of(layout: &Layout, state: &StateFile) -> Option<Self> {
        let program = layout.spec.programs.as_ref()?.join(CONTROLLER);
        let directory = layout.controller_directory();
        let namespace = layout.controller_namespace();
        let launch = Launch {
            namespace: namespace.clone(),
            program: program.clone(),
            arguments: serve_arguments(layout),
            ovs_rundir: None,
            environment: Vec::new(),
            log: layout.controller_log(),
            ready: Ready::Healthy(directory.join("api.sock")),
        };
        Some(Self {
            program,
            directory,
            namespace,
            process: Process::new(state.clone(), "controller", launch),
        })
    }

    /// Its process, to kill, stop and start.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The network namespace it runs in.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The unix socket it serves the REST API on: reachable from any namespace.
    pub fn api_socket(&self) -> PathBuf {
        self.directory.join("api.sock")
    }

    /// Where it serves the REST API over TLS, inside the management network.
    pub fn api_address(&self) -> SocketAddrV4 {
        layout::API
    }

    /// The file with the administrator's token.
    pub fn admin_token(&self) -> PathBuf {
        self.directory.join("admin.token")
    }

    /// Writes a certificate for the host `name` into the folder `out`.
    pub(crate) async fn certify(&self, name: &str, out: &Path) -> Result<(), Error> {
        let mut command = namespace::command(&self.namespace, &self.program);
        command
            .args(["host-certificate", "--name", name, "--data-dir"])
            .arg(&self.directory)
            .arg("--out")
            .arg(out);
        run(command).await?;
        Ok(())
    }
}

fn serve_arguments(layout: &Layout) -> Vec<OsString> {
    let spec = &layout.spec;
    let mut arguments: Vec<OsString> = vec![
        "serve".into(),
        "--data-dir".into(),
        layout.controller_directory().into(),
    ];
    let options = [
        ("--api-listen", layout::API.to_string()),
        ("--agent-listen", layout::AGENTS.to_string()),
        ("--sflow-listen", layout::SFLOW.to_string()),
        ("--advertise", layout::CONTROLLER_ADDRESS.to_string()),
        ("--sampling-rate", spec.sampling_rate.to_string()),
        ("--polling-seconds", spec.polling_seconds.to_string()),
    ];
    for (option, value) in options {
        arguments.extend([option.into(), value.into()]);
    }
    arguments.extend(spec.controller_arguments.iter().map(OsString::from));
    arguments
}
