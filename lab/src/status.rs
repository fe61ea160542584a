//! How a lab is doing, as one value to print.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use serde::Serialize;

use crate::state::Phase;
use crate::{Controller, Error, Host, Lab, Process};

/// A lab at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// How the names of its namespaces start.
    pub prefix: String,
    /// Where its files are.
    pub directory: PathBuf,
    /// How far its building came.
    pub phase: Phase,
    /// The controller; `None` in a lab of switches only.
    pub controller: Option<ControllerStatus>,
    /// The hosts, in order.
    pub hosts: Vec<HostStatus>,
    /// Every process the lab should have, the controller's and the hosts' included.
    pub processes: Vec<ProcessStatus>,
    /// The namespaces of running instances.
    pub instances: Vec<String>,
}

impl Status {
    /// Is all of it built and running?
    pub fn is_whole(&self) -> bool {
        self.phase == Phase::Up && self.processes.iter().all(|process| process.pid.is_some())
    }
}

/// Where the controller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControllerStatus {
    /// The unix socket of its REST API.
    pub api_socket: PathBuf,
    /// The same API over TLS, inside the management network.
    pub api_address: SocketAddrV4,
    /// The file with the administrator's token.
    pub admin_token: PathBuf,
}

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostStatus {
    /// Such as `h1`.
    pub name: String,
    /// Its network namespace.
    pub namespace: String,
    /// Its management address.
    pub address: Ipv4Addr,
    /// The address of its switch's database, `unix:PATH`.
    pub ovsdb: String,
    /// The run directory of its switch.
    pub ovs_rundir: PathBuf,
}

/// A process that should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessStatus {
    /// Such as `h1.agent`.
    pub name: String,
    /// Its process id; `None` when it does not run.
    pub pid: Option<u32>,
    /// Its log file.
    pub log: PathBuf,
}

impl Lab {
    /// How the lab is doing.
    ///
    /// # Errors
    /// When the lab is gone.
    pub fn status(&self) -> Result<Status, Error> {
        let processes: Result<Vec<ProcessStatus>, Error> =
            self.processes()?.iter().map(process_status).collect();
        Ok(Status {
            prefix: self.prefix().to_string(),
            directory: self.directory().to_path_buf(),
            phase: self.state.load()?.phase,
            controller: self.controller().ok().as_ref().map(controller_status),
            hosts: self.hosts()?.iter().map(host_status).collect(),
            processes: processes?,
            instances: self.instances()?,
        })
    }
}

fn controller_status(controller: &Controller) -> ControllerStatus {
    ControllerStatus {
        api_socket: controller.api_socket(),
        api_address: controller.api_address(),
        admin_token: controller.admin_token(),
    }
}

fn host_status(host: &Host) -> HostStatus {
    HostStatus {
        name: host.name().to_owned(),
        namespace: host.namespace().to_owned(),
        address: host.address(),
        ovsdb: host.vswitch().ovsdb_address(),
        ovs_rundir: host.vswitch().rundir().to_path_buf(),
    }
}

fn process_status(process: &Process) -> Result<ProcessStatus, Error> {
    Ok(ProcessStatus {
        name: process.name().to_owned(),
        pid: process.pid()?,
        log: process.log().to_path_buf(),
    })
}
