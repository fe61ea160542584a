//! One Open vSwitch: its database server, its switch daemon, and the commands to look into it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::execute::run;
use crate::process::{Launch, Process, Ready};
use crate::requirements::SCHEMA;
use crate::state::StateFile;
use crate::{Datapath, Error, namespace};

/// Seconds that `ovs-vsctl` waits for the switch to do what the database says.
const VSCTL_LIMIT_SECONDS: u32 = 90;

/// An Open vSwitch of the lab: a host's, or the physical switch.
#[derive(Debug, Clone)]
pub struct Vswitch {
    pub(crate) state: StateFile,
    /// `h1`, or `switch`.
    pub(crate) name: String,
    pub(crate) namespace: String,
    /// Holds the database, the sockets, the pid files and the logs.
    pub(crate) rundir: PathBuf,
    pub(crate) datapath: Datapath,
}

impl Vswitch {
    /// The directory of its sockets: what `OVS_RUNDIR` must say.
    pub fn rundir(&self) -> &Path {
        &self.rundir
    }

    /// The database server's unix socket.
    pub fn ovsdb_socket(&self) -> PathBuf {
        self.rundir.join("db.sock")
    }

    /// The same as `unix:PATH`, as Open vSwitch's programs and Bulkhead's agent want it.
    pub fn ovsdb_address(&self) -> String {
        format!("unix:{}", self.ovsdb_socket().display())
    }

    /// Its database server.
    pub fn ovsdb(&self) -> Process {
        let mut arguments = vec![
            self.rundir.join("conf.db").into(),
            format!("--remote=p{}", self.ovsdb_address()).into(),
            "--remote=db:Open_vSwitch,Open_vSwitch,manager_options".into(),
        ];
        arguments.extend(self.daemon_options("ovsdb"));
        let ready = Ready::Accepts(self.ovsdb_socket());
        self.process("ovsdb", "ovsdb-server", arguments, ready)
    }

    /// Its switch daemon.
    pub fn vswitchd(&self) -> Process {
        let mut arguments = vec![self.ovsdb_address().into()];
        arguments.extend(self.daemon_options("vswitchd"));
        if self.datapath == Datapath::Dummy {
            arguments.push("--enable-dummy=system".into());
            arguments.push("--disable-system".into());
        }
        let ready = Ready::Configured(self.control_socket("vswitchd"));
        self.process("vswitchd", "ovs-vswitchd", arguments, ready)
    }

    /// Runs `ovs-vsctl` on its database.
    ///
    /// # Errors
    /// When the command fails, or the switch does not follow in time.
    pub async fn ovs_vsctl(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = self.command("ovs-vsctl");
        command
            .arg(format!("--db={}", self.ovsdb_address()))
            .arg(format!("--timeout={VSCTL_LIMIT_SECONDS}"))
            .args(arguments);
        run(command).await
    }

    /// Runs `ovs-ofctl`, which finds this switch's bridges by their names.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn ovs_ofctl(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = self.command("ovs-ofctl");
        command.args(arguments);
        run(command).await
    }

    /// Runs `ovs-appctl` on the switch daemon.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn ovs_appctl(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = self.command("ovs-appctl");
        command
            .arg("--target")
            .arg(self.control_socket("vswitchd"))
            .args(arguments);
        run(command).await
    }

    /// Makes the database, starts both daemons and waits until the switch follows the database.
    pub(crate) async fn raise(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.rundir).map_err(Error::file("create", &self.rundir))?;
        let mut create = self.command("ovsdb-tool");
        create
            .arg("create")
            .arg(self.rundir.join("conf.db"))
            .arg(SCHEMA);
        run(create).await?;
        self.ovsdb().start().await?;
        let identity = format!("external_ids:system-id={}", self.name);
        self.ovs_vsctl(&["--no-wait", "set", "Open_vSwitch", ".", &identity])
            .await?;
        self.vswitchd().start().await
    }

    fn command(&self, program: &str) -> Command {
        let mut command = namespace::command(&self.namespace, program);
        command.env("OVS_RUNDIR", &self.rundir);
        command
    }

    fn process(
        &self,
        role: &str,
        program: &str,
        arguments: Vec<OsString>,
        ready: Ready,
    ) -> Process {
        let launch = Launch {
            namespace: self.namespace.clone(),
            program: program.into(),
            arguments,
            ovs_rundir: Some(self.rundir.clone()),
            environment: Vec::new(),
            log: self.rundir.join(format!("{role}.log")),
            ready,
        };
        Process::new(self.state.clone(), format!("{}.{role}", self.name), launch)
    }

    /// What both daemons are told: everything in their own directory, and only warnings, on the
    /// output that becomes the log.
    fn daemon_options(&self, role: &str) -> [OsString; 4] {
        let pidfile = self.rundir.join(format!("{role}.pid"));
        [
            format!("--pidfile={}", pidfile.display()).into(),
            format!("--unixctl={}", self.control_socket(role).display()).into(),
            "--verbose=console:warn".into(),
            "--verbose=syslog:off".into(),
        ]
    }

    fn control_socket(&self, role: &str) -> PathBuf {
        // Agents look for the switch daemon's by the name that it has everywhere.
        match role {
            "vswitchd" => self.rundir.join("ovs-vswitchd.ctl"),
            _ => self.rundir.join(format!("{role}.ctl")),
        }
    }
}
