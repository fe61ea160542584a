//! What a runtime asks: its environment and the configuration on standard input. Pure.
//!
//! ```json
//! { "cniVersion": "1.1.0", "name": "web", "type": "bulkhead-cni",
//!   "bulkhead": { "network": "web", "tenant": "acme",
//!                 "controller": "https://10.255.0.1:8443",
//!                 "token_file": "/etc/bulkhead/cni.token", "ca_file": "/etc/bulkhead/ca.pem" } }
//! ```
//!
//! or `"bulkhead": { "port": "<id>" }`, or either of them in `runtimeConfig` (capability `bulkhead`) or in
//! `CNI_ARGS`, as `BULKHEAD_PORT` and `BULKHEAD_NETWORK`. What is said twice must be the same.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use model::{MacAddr, PortId};
use serde::Deserialize;

use super::answer::{ErrorCode, Failure, VERSIONS};
use crate::containers::Place;

/// Where an agent keeps its state, unless the configuration says otherwise.
const STATE: &str = "/var/lib/bulkhead/agent";

/// Where a controller on this host listens.
const CONTROLLER: &str = "unix:/var/lib/bulkhead/api.sock";

/// The most attachments that are looked at when leftovers are collected.
const MOST_VALID: usize = 2_000;

/// What is asked, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The version that the runtime speaks.
    pub version: String,
    /// The name of the network configuration.
    pub list: String,
    /// What to do.
    pub command: Command,
    /// Which port it is about; to add one, it is always said.
    pub which: Option<Which>,
    /// Whose network that is, where several tenants use the name.
    pub tenant: Option<String>,
    /// The Ethernet address that a new port is to have.
    pub mac: Option<MacAddr>,
    /// The addresses that it is to have.
    pub addresses: Vec<IpAddr>,
    /// The agent's state folder.
    pub state: PathBuf,
    /// How the controller is reached.
    pub controller: String,
    /// The file with the token.
    pub token_file: Option<PathBuf>,
    /// The file with the certificate of the controller's authority.
    pub ca_file: Option<PathBuf>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Plug in.
    Add {
        /// What.
        place: Place,
        /// Where the container's namespace is.
        namespace: PathBuf,
    },
    /// Say whether it is as it was.
    Check {
        /// What.
        place: Place,
        /// Where the container's namespace is.
        namespace: PathBuf,
        /// What it was given.
        addresses: Vec<IpNet>,
    },
    /// Remove.
    Delete {
        /// What.
        place: Place,
    },
    /// Remove what is not among these.
    Collect {
        /// What stays.
        valid: Vec<Place>,
    },
    /// Say whether something could be added.
    Status,
}

/// Which port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one, which is there.
    Port(PortId),
    /// A new one of this network, by its name or id, which goes with the container.
    Network(String),
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Configuration {
    cni_version: String,
    name: String,
    bulkhead: Settings,
    runtime_config: RuntimeConfiguration,
    prev_result: Option<PreviousResult>,
    #[serde(rename = "cni.dev/valid-attachments")]
    valid: Option<Vec<Attached>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RuntimeConfiguration {
    bulkhead: Settings,
    mac: Option<String>,
    ips: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    port: Option<String>,
    network: Option<String>,
    tenant: Option<String>,
    controller: Option<String>,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    state_dir: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PreviousResult {
    ips: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    address: IpNet,
}

#[derive(Deserialize)]
struct Attached {
    #[serde(rename = "containerID")]
    container: String,
    #[serde(rename = "ifname")]
    inside: String,
}

/// The version that a configuration says it is of, however wrong it is otherwise.
#[must_use]
pub fn version_of(input: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(input).ok()?;
    Some(value.get("cniVersion")?.as_str()?.to_owned())
}

impl Call {
    /// Reads it.
    ///
    /// # Errors
    /// With everything that is wrong, at once.
    pub fn read(
        environment: &dyn Fn(&str) -> Option<String>,
        input: &[u8],
    ) -> Result<Self, Failure> {
        let configuration: Configuration = serde_json::from_slice(input).map_err(|error| {
            Failure::new(
                ErrorCode::Decoding,
                "the network configuration is not understood",
            )
            .why(&error)
        })?;
        let version = configuration.cni_version.clone();
        if !VERSIONS.contains(&version.as_str()) {
            let says = format!(
                "got a configuration of version {version:?}; expected one of {}",
                VERSIONS.join(", ")
            );
            return Err(Failure::new(ErrorCode::Version, says));
        }
        let arguments = Arguments::parse(&environment("CNI_ARGS").unwrap_or_default());
        let mut wrong = Wrong::default();
        let command = command(environment, &configuration, &mut wrong);
        wrong.check(ErrorCode::Environment)?;
        let which = which(&configuration, &arguments, &mut wrong);
        if which.is_none() && matches!(command, Some(Command::Add { .. })) {
            wrong.add("bulkhead.port or bulkhead.network is missing: which port is it to be?");
        }
        let mac = mac(&configuration, &arguments, &mut wrong);
        let addresses = addresses(&configuration, &arguments, &mut wrong);
        let is_given = mac.is_some() || !addresses.is_empty();
        if matches!(which, Some(Which::Port(_))) && is_given {
            wrong.add(
                "an Ethernet or IP address is given for a port that is there, which has its own",
            );
        }
        wrong.check(ErrorCode::Configuration)?;
        let settings = configuration.bulkhead;
        let Some(command) = command else {
            return Err(Failure::new(ErrorCode::Environment, "nothing is asked"));
        };
        Ok(Self {
            version,
            list: configuration.name,
            command,
            which,
            tenant: settings.tenant,
            mac,
            addresses,
            state: settings.state_dir.unwrap_or_else(|| STATE.into()),
            controller: settings.controller.unwrap_or_else(|| CONTROLLER.to_owned()),
            token_file: settings.token_file,
            ca_file: settings.ca_file,
        })
    }
}

/// Everything that is wrong.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn add(&mut self, says: impl Into<String>) {
        self.0.push(says.into());
    }

    fn check(&self, code: ErrorCode) -> Result<(), Failure> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(code, self.0.join("; "))),
        }
    }
}

fn command(
    environment: &dyn Fn(&str) -> Option<String>,
    configuration: &Configuration,
    wrong: &mut Wrong,
) -> Option<Command> {
    let command = required(environment, "CNI_COMMAND", wrong)?;
    if configuration.name.is_empty() {
        wrong.add("the configuration has no name");
    }
    match command.as_str() {
        "ADD" | "CHECK" => {
            let place = place(environment, wrong);
            let namespace = required(environment, "CNI_NETNS", wrong);
            let (place, namespace) = (place?, PathBuf::from(namespace?));
            if command == "ADD" {
                if configuration.prev_result.is_some() {
                    wrong.add("bulkhead-cni makes the interface, so it is the first of its list");
                }
                return Some(Command::Add { place, namespace });
            }
            let Some(before) = &configuration.prev_result else {
                wrong.add("CHECK needs the prevResult of what is to be checked");
                return None;
            };
            let addresses = before.ips.iter().map(|it| it.address).collect();
            Some(Command::Check {
                place,
                namespace,
                addresses,
            })
        }
        "DEL" => place(environment, wrong).map(|place| Command::Delete { place }),
        "GC" => valid(configuration, wrong),
        "STATUS" => Some(Command::Status),
        other => {
            let commands = "ADD, DEL, CHECK, GC, STATUS, VERSION";
            wrong.add(format!(
                "CNI_COMMAND: got {other:?}; expected one of {commands}"
            ));
            None
        }
    }
}

fn valid(configuration: &Configuration, wrong: &mut Wrong) -> Option<Command> {
    let Some(valid) = &configuration.valid else {
        // Nothing said is not the same as nothing valid.
        wrong.add("GC needs cni.dev/valid-attachments");
        return None;
    };
    if valid.len() > MOST_VALID {
        let got = valid.len();
        wrong.add(format!(
            "got {got} valid attachments; expected at most {MOST_VALID}"
        ));
    }
    let places = valid.iter().map(|it| Place {
        container: it.container.clone(),
        inside: it.inside.clone(),
    });
    let valid = places.collect();
    Some(Command::Collect { valid })
}

fn place(environment: &dyn Fn(&str) -> Option<String>, wrong: &mut Wrong) -> Option<Place> {
    let container = required(environment, "CNI_CONTAINERID", wrong);
    let inside = required(environment, "CNI_IFNAME", wrong);
    let (container, inside) = (container?, inside?);
    let ordinary = |it: char| it.is_ascii_alphanumeric() || "_.-".contains(it);
    if container.len() > 128 || !container.chars().all(ordinary) {
        wrong.add("CNI_CONTAINERID: expected up to 128 letters, digits, _, . and -");
    }
    Some(Place { container, inside })
}

fn required(
    environment: &dyn Fn(&str) -> Option<String>,
    name: &str,
    wrong: &mut Wrong,
) -> Option<String> {
    let value = environment(name).filter(|value| !value.is_empty());
    if value.is_none() {
        wrong.add(format!("{name} is missing from the environment"));
    }
    value
}

/// What `CNI_ARGS` says: `KEY=value;KEY=value`. Others' keys are others'.
#[derive(Default)]
struct Arguments {
    port: Option<String>,
    network: Option<String>,
    mac: Option<String>,
    ip: Option<String>,
}

impl Arguments {
    fn parse(text: &str) -> Self {
        let mut arguments = Self::default();
        let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        for (key, value) in pairs {
            let value = Some(value.to_owned());
            match key {
                "BULKHEAD_PORT" => arguments.port = value,
                "BULKHEAD_NETWORK" => arguments.network = value,
                "MAC" => arguments.mac = value,
                "IP" => arguments.ip = value,
                _ => {}
            }
        }
        arguments
    }
}

/// What is said in up to three places, if it is the same in all.
fn agreed(name: &str, said: [Option<&String>; 3], wrong: &mut Wrong) -> Option<String> {
    let mut said = said.into_iter().flatten();
    let first = said.next()?;
    if let Some(other) = said.find(|it| *it != first) {
        wrong.add(format!(
            "bulkhead.{name}: said to be {first:?} and {other:?}; expected one"
        ));
    }
    Some(first.clone())
}

fn which(configuration: &Configuration, arguments: &Arguments, wrong: &mut Wrong) -> Option<Which> {
    let (of_list, of_runtime) = (
        &configuration.bulkhead,
        &configuration.runtime_config.bulkhead,
    );
    let ports = [&of_list.port, &of_runtime.port, &arguments.port];
    let port = agreed("port", ports.map(Option::as_ref), wrong);
    let networks = [&of_list.network, &of_runtime.network, &arguments.network];
    let network = agreed("network", networks.map(Option::as_ref), wrong);
    match (port, network) {
        // The port is on some network of its own; the configuration's is for those that name none.
        (Some(port), _) => match port.parse() {
            Ok(port) => Some(Which::Port(port)),
            Err(_) => {
                wrong.add(format!(
                    "bulkhead.port: got {port:?}; expected the id of a port"
                ));
                None
            }
        },
        (None, Some(network)) => Some(Which::Network(network)),
        (None, None) => None,
    }
}

fn mac(configuration: &Configuration, arguments: &Arguments, wrong: &mut Wrong) -> Option<MacAddr> {
    let said = [
        configuration.runtime_config.mac.as_ref(),
        arguments.mac.as_ref(),
        None,
    ];
    let text = agreed("mac", said, wrong)?;
    let parsed = text.parse();
    if parsed.is_err() {
        wrong.add(format!("mac: got {text:?}; expected an Ethernet address"));
    }
    parsed.ok()
}

/// Runtimes give addresses with a prefix length or without; ours come from the subnet.
fn addresses(
    configuration: &Configuration,
    arguments: &Arguments,
    wrong: &mut Wrong,
) -> Vec<IpAddr> {
    let said = configuration.runtime_config.ips.iter();
    let mut addresses = Vec::new();
    for text in said.chain(&arguments.ip) {
        let bare = text.split('/').next().unwrap_or_default();
        match bare.parse() {
            Ok(address) if addresses.contains(&address) => {}
            Ok(address) => addresses.push(address),
            Err(_) => wrong.add(format!("ips: got {text:?}; expected an IP address")),
        }
    }
    addresses
}

#[cfg(test)]
mod tests;
