//! A lab with its controller and agents, spoken to through `netctl` as an operator would.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use lab::{Lab, Spec};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::Instance;

/// What a pool is made of.
#[derive(Clone, Debug)]
pub struct PoolSpec {
    /// How many hosts.
    pub hosts: usize,
    /// Whether frames really flow, or switches only pretend (for scale).
    pub datapath: lab::Datapath,
    /// What NICs the hosts have.
    pub nics: lab::Nics,
    /// What else the controller is told, as on its command line.
    pub controller_arguments: Vec<String>,
}

impl PoolSpec {
    /// Hosts with a real datapath.
    #[must_use]
    pub fn real(hosts: usize) -> Self {
        Self {
            hosts,
            datapath: lab::Datapath::Netdev,
            nics: lab::Nics::Separate,
            controller_arguments: Vec::new(),
        }
    }

    /// The same, with a controller that is told these, too.
    #[must_use]
    pub fn told(self, arguments: &[&str]) -> Self {
        let controller_arguments = arguments.iter().map(|it| (*it).to_owned()).collect();
        Self {
            controller_arguments,
            ..self
        }
    }
}

/// A running pool; it is taken down when it is dropped, also by a failed test.
pub struct Pool {
    lab: Lab,
    runtime: Runtime,
    programs: PathBuf,
    directory: tempfile::TempDir,
}

impl Pool {
    /// Builds a pool and waits until every host's agent has reported.
    #[must_use]
    pub fn up(spec: &PoolSpec) -> Self {
        let programs = programs();
        let runtime = Runtime::new().unwrap_or_else(|e| panic!("{e}"));
        let directory = tempfile::Builder::new().prefix("bulkhead-").tempdir();
        let directory = directory.unwrap_or_else(|e| panic!("{e}"));
        let lab = runtime.block_on(Lab::up(Spec {
            directory: directory.path().join("lab"),
            hosts: spec.hosts,
            datapath: spec.datapath,
            nics: spec.nics,
            programs: Some(programs.clone()),
            sampling_rate: 64,
            polling_seconds: 1,
            controller_arguments: spec.controller_arguments.clone(),
            ..Spec::default()
        }));
        let lab =
            lab.unwrap_or_else(|e| panic!("the lab did not come up: {:#}", anyhow::Error::new(e)));
        let pool = Self {
            lab,
            runtime,
            programs,
            directory,
        };
        pool.wait_for_hosts(spec.hosts);
        pool
    }

    /// The lab below.
    #[must_use]
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Waits for something of the lab.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The same, from a thread of a test that has several.
    pub fn wait_in<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.handle().block_on(future)
    }

    /// Runs `netctl` with the words of `line`; gives what it printed, or what it complained of.
    pub fn netctl(&self, line: &str) -> Result<String, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.netctl_words(&words)
    }

    /// The same with words that may have spaces in them.
    pub fn netctl_words(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new(self.programs.join("netctl"))
            .args(words)
            .env("NETCTL_LAB", self.lab.directory())
            .output()
            .unwrap_or_else(|e| panic!("could not run netctl: {e}"));
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Runs `netctl`, which must succeed.
    pub fn must(&self, line: &str) -> String {
        let done = self.netctl(line);
        done.unwrap_or_else(|complaint| panic!("netctl {line}\n{complaint}"))
    }

    /// Lets everybody through a tenant's default group, so that a test sees what keeps tenants apart
    /// without it.
    pub fn admit_everybody(&self, tenant: &str) {
        self.must(&format!("group-allow default tenant={tenant}"));
    }

    /// Runs `netctl … -o json`, which must succeed.
    pub fn json(&self, line: &str) -> Value {
        let text = self.must(&format!("{line} -o json"));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("netctl {line}: {e}\n{text}"))
    }

    /// Starts an instance on a network and gives it once its VIF is active.
    pub fn vm_start(&self, name: &str, tenant: &str, network: &str, host: &str) -> Instance {
        self.must(&format!(
            "vm-start {name} tenant={tenant} network={network} host={host}"
        ));
        self.instance(name, tenant, host)
    }

    /// An instance that runs.
    #[must_use]
    pub fn instance(&self, name: &str, tenant: &str, host: &str) -> Instance {
        let shown = self.json(&format!("vm-show {name} tenant={tenant}"));
        let port_id = text(&shown["port_ids"][0]);
        let port = self.json(&format!("vif-show {port_id}"));
        Instance {
            name: name.to_owned(),
            tenant: tenant.to_owned(),
            host: host.to_owned(),
            namespace: text(&shown["status"]["handle"]),
            mac: mac(&text(&port["mac"])),
            address: text(&port["addresses"][0])
                .parse()
                .unwrap_or_else(|e| panic!("{e}")),
            port_id,
        }
    }

    pub(crate) fn wait_for_hosts(&self, count: usize) {
        eventually(
            "every host has realized its plan",
            Duration::from_secs(120),
            || {
                let hosts = self.json("host-list");
                let well = |host: &&Value| {
                    let status = &host["status"];
                    status["connected"] == true
                        && !status["realized"].is_null()
                        && status["realized"] == status["planned"]
                };
                hosts
                    .as_array()
                    .is_some_and(|all| all.iter().filter(well).count() == count)
            },
        );
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("KEEP_LAB").is_some() {
            self.directory.disable_cleanup(true);
            eprintln!("kept: {}", self.lab.directory().display());
            return;
        }
        if let Err(error) = self.runtime.block_on(self.lab.down()) {
            let error = anyhow::Error::new(error);
            eprintln!("the lab was not taken down: {error:#}");
        }
    }
}

/// Waits until `holds`, looking often; panics when `patience` has passed.
pub fn eventually(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < patience,
            "did not happen in {patience:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The programs stand beside the folder of the test binaries, where `make build` puts them.
#[must_use]
pub fn programs() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_else(|e| panic!("{e}"));
    let folders = this.ancestors().skip(1).take(2);
    let found = folders
        .into_iter()
        .find(|folder| folder.join("bulkhead-agent").exists());
    found
        .unwrap_or_else(|| panic!("the programs are not built: run `make build` first"))
        .to_path_buf()
}

fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("expected a text, found {value}"))
        .to_owned()
}

pub(crate) fn mac(text: &str) -> [u8; 6] {
    let parsed: model::MacAddr = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
    parsed.octets()
}
