//! One host of the lab: a namespace with NICs, a switch and an agent.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::controller::Controller;
use crate::layout::{self, Layout};
use crate::process::{Launch, Process, Ready};
use crate::requirements::AGENT;
use crate::state::StateFile;
use crate::vswitch::Vswitch;
use crate::{Error, namespace};

/// A host of the lab.
#[derive(Debug, Clone)]
pub struct Host {
    number: usize,
    directory: PathBuf,
    namespace: String,
    vswitch: Vswitch,
    agent: Option<Process>,
}

impl Host {
    pub(crate) fn new(layout: &Layout, state: &StateFile, number: usize) -> Self {
        let directory = layout.host_directory(number);
        let vswitch = Vswitch {
            state: state.clone(),
            name: layout::host_name(number),
            namespace: layout.host_namespace(number),
            rundir: directory.join("ovs"),
            datapath: layout.spec.datapath,
        };
        let mut host = Self {
            number,
            directory,
            namespace: layout.host_namespace(number),
            vswitch,
            agent: None,
        };
        host.agent = host.agent_launch(layout).map(|launch| {
            let name = format!("{}.agent", host.name());
            Process::new(state.clone(), name, launch)
        });
        host
    }

    /// Counted from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// `h1` for host 1; also the name in its certificate.
    pub fn name(&self) -> &str {
        &self.vswitch.name
    }

    /// Its network namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its address in the management network, 10.255.0.0/16.
    pub fn address(&self) -> Ipv4Addr {
        layout::host_address(self.number)
    }

    /// The NIC of the private network: no address; the trunk's VLANs pass, and frames
    /// without a tag.
    pub fn private_nic(&self) -> &'static str {
        layout::PRIVATE_NIC
    }

    /// The NIC of the public network, in the layout [`Nics::Separate`](crate::Nics::Separate): no
    /// address.
    pub fn public_nic(&self) -> &'static str {
        layout::PUBLIC_NIC
    }

    /// The folder of all its files.
    pub fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// Its switch.
    pub fn vswitch(&self) -> &Vswitch {
        &self.vswitch
    }

    /// Its agent.
    ///
    /// # Errors
    /// When the lab has switches only.
    pub fn agent(&self) -> Result<&Process, Error> {
        self.agent.as_ref().ok_or(Error::SwitchesOnly)
    }

    /// Where the agent keeps its state.
    pub fn agent_directory(&self) -> PathBuf {
        self.directory.join("agent")
    }

    /// Where the sockets of the host's libvirt are, if it has one: a lab starts none.
    pub fn libvirt_directory(&self) -> PathBuf {
        self.directory.join("libvirt")
    }

    /// The folder of what its machines boot.
    pub fn images_directory(&self) -> PathBuf {
        self.directory.join("images")
    }

    /// The folder of the agent's certificate and key.
    pub fn certificate_directory(&self) -> PathBuf {
        self.directory.join("certificate")
    }

    /// Runs a command line on the host and gives what it printed.
    ///
    /// # Errors
    /// When it fails, or takes longer than two minutes.
    pub async fn run(&self, line: &[&str]) -> Result<String, Error> {
        namespace::run_in(&self.namespace, line).await
    }

    /// Its processes, in the order they are started.
    pub fn processes(&self) -> Vec<Process> {
        let mut processes = vec![self.vswitch.ovsdb(), self.vswitch.vswitchd()];
        processes.extend(self.agent.clone());
        processes
    }

    /// Gives the agent its certificate and starts it.
    pub(crate) async fn raise_agent(&self, controller: &Controller) -> Result<(), Error> {
        for directory in [self.agent_directory(), self.certificate_directory()] {
            std::fs::create_dir_all(&directory).map_err(Error::file("create", &directory))?;
        }
        controller
            .certify(self.name(), &self.certificate_directory())
            .await?;
        self.agent()?.start().await
    }

    fn agent_launch(&self, layout: &Layout) -> Option<Launch> {
        // No two agents on a machine may share a prefix: each removes what it does not want.
        let namespaces = format!("{}{}-", layout.instance_prefix(), self.name());
        let program = layout.spec.programs.as_ref()?.join(AGENT);
        let options: [(&str, OsString); 10] = [
            ("--controller", layout::AGENTS.to_string().into()),
            ("--certificate-dir", self.certificate_directory().into()),
            ("--state-dir", self.agent_directory().into()),
            ("--ovsdb", self.vswitch.ovsdb_address().into()),
            ("--ovs-rundir", self.vswitch.rundir().into()),
            // Not the machine's own, which is nobody's host here.
            ("--libvirt-dir", self.libvirt_directory().into()),
            ("--libvirt-migration-uri", "qemu+tcp://{host}/system".into()),
            ("--images-dir", self.images_directory().into()),
            ("--xenapi", self.directory.join("xenapi.json").into()),
            ("--namespace-prefix", namespaces.into()),
        ];
        Some(Launch {
            namespace: self.namespace.clone(),
            program,
            arguments: options
                .into_iter()
                .flat_map(|(option, value)| [option.into(), value])
                .collect(),
            ovs_rundir: Some(self.vswitch.rundir().to_path_buf()),
            environment: Vec::new(),
            log: self.directory.join("agent.log"),
            ready: Ready::Started,
        })
    }
}
