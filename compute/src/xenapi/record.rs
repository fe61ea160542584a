//! What XenAPI says of a pool's objects, and what it means for one host. Pure.
//!
//! Of each record only the fields that are used are kept; one that has them otherwise than the API's
//! reference says is taken as not there, and the rest of the answer still counts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use model::{GuestState, MacAddr, NetworkId, PortId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::libvirt::domain::{Domain, Interface};
use crate::seen::SeenGuest;

/// The classes that are asked for.
pub const CLASSES: [&str; 5] = ["host", "vm", "vif", "network", "pif"];

/// The most objects of a class that are kept: some pools have thousands of guests.
const MOST_OBJECTS: usize = 65_536;

/// The longest text of a record, or reference, in bytes: names are what a person can read.
const MOST_TEXT: usize = 1_024;

/// The longest code of a fault that is shown, and the longest text beside it that is looked at.
const MOST_CODE: usize = 64;
const MOST_DATA: usize = 4_096;

/// A refusal, by its code. What else it says may hold what was sent, and is never shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct Fault {
    /// `SESSION_INVALID`, `EVENTS_LOST`, `HOST_IS_SLAVE`, …
    pub code: String,
    /// The first word beside it: of `HOST_IS_SLAVE`, where the master is.
    pub about: Option<String>,
}

/// The answer to a call: JSON-RPC 2.0, section 5.
///
/// # Errors
/// When it is no answer.
pub fn decode_reply(bytes: &[u8]) -> Result<Result<&RawValue, Fault>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Reply<'a> {
        #[serde(borrow, default)]
        result: Option<&'a RawValue>,
        #[serde(borrow, default)]
        error: Option<RawFault<'a>>,
    }
    #[derive(Deserialize)]
    struct RawFault<'a> {
        #[serde(borrow)]
        message: Cow<'a, str>,
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
    }
    let reply: Reply<'_> = serde_json::from_slice(bytes)?;
    let Some(error) = reply.error else {
        let result = reply.result;
        return result.map(Ok).ok_or_else(|| missing("result"));
    };
    let code = error.message.chars().take(MOST_CODE);
    let code = code.filter(|c| c.is_ascii_alphanumeric() || *c == '_');
    let data = error.data.map(RawValue::get);
    let data = data.filter(|text| text.len() <= MOST_DATA);
    let words = data.and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
    Ok(Err(Fault {
        code: code.collect(),
        about: words.and_then(|words| words.into_iter().next()),
    }))
}

fn missing(field: &'static str) -> serde_json::Error {
    serde::de::Error::missing_field(field)
}

/// What `event.from` gives.
#[derive(Debug, Deserialize)]
pub struct Batch<'a> {
    #[serde(borrow)]
    events: Vec<Event<'a>>,
    /// Where to go on from.
    pub token: Token,
}

/// Where a stream of events is gone on from: nobody's business but XenAPI's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token(String);

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer).map(Self)
    }
}

impl Token {
    /// What is sent; empty at the beginning.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    class: Cow<'a, str>,
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow, rename = "ref")]
    reference: Cow<'a, str>,
    #[serde(borrow, default)]
    snapshot: Option<&'a RawValue>,
}

/// Reads the result of `event.from`.
///
/// # Errors
/// When it is none.
pub fn decode_batch(result: &RawValue) -> Result<Batch<'_>, serde_json::Error> {
    serde_json::from_str(result.get())
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Host {
    #[serde(deserialize_with = "parsed")]
    uuid: Uuid,
    #[serde(default)]
    software_version: Software,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Software {
    #[serde(default, deserialize_with = "text")]
    product_brand: String,
    #[serde(default, deserialize_with = "text")]
    product_version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Vm {
    #[serde(deserialize_with = "parsed")]
    uuid: Uuid,
    #[serde(deserialize_with = "text")]
    name_label: String,
    #[serde(deserialize_with = "text")]
    power_state: String,
    #[serde(deserialize_with = "text")]
    resident_on: String,
    #[serde(deserialize_with = "number")]
    domid: i32,
    #[serde(default)]
    is_control_domain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Vif {
    #[serde(deserialize_with = "parsed")]
    uuid: Uuid,
    #[serde(deserialize_with = "number")]
    device: i32,
    #[serde(deserialize_with = "text")]
    network: String,
    #[serde(rename = "VM", deserialize_with = "text")]
    vm: String,
    #[serde(rename = "MAC", deserialize_with = "parsed")]
    mac: MacAddr,
    currently_attached: bool,
    #[serde(default)]
    other_config: VifConfig,
}

/// What an operator says of a VIF: `xe vif-param-set other-config:bulkhead-port=…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct VifConfig {
    #[serde(rename = "bulkhead-port", default, deserialize_with = "said")]
    port: Option<PortId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Network {
    #[serde(deserialize_with = "text")]
    name_label: String,
    #[serde(deserialize_with = "text")]
    bridge: String,
    #[serde(default)]
    other_config: NetworkConfig,
}

/// What an operator says of a network: `xe network-param-set other-config:bulkhead-network=…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct NetworkConfig {
    #[serde(rename = "bulkhead-network", default, deserialize_with = "said")]
    network: Option<NetworkId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Pif {
    #[serde(deserialize_with = "text")]
    device: String,
    #[serde(deserialize_with = "text")]
    network: String,
    #[serde(deserialize_with = "text")]
    host: String,
}

/// The objects of one class, by their references.
type Objects<T> = BTreeMap<String, T>;

/// What is known of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    hosts: Objects<Host>,
    vms: Objects<Vm>,
    vifs: Objects<Vif>,
    networks: Objects<Network>,
    pifs: Objects<Pif>,
}

impl Records {
    /// Takes in what happened. Each event carries the whole of its object, so that the last one counts.
    pub fn apply(&mut self, batch: &Batch<'_>) {
        for event in &batch.events {
            match event.class.to_ascii_lowercase().as_str() {
                "host" => take(&mut self.hosts, event),
                "vm" => take(&mut self.vms, event),
                "vif" => take(&mut self.vifs, event),
                "network" => take(&mut self.networks, event),
                "pif" => take(&mut self.pifs, event),
                _ => {}
            }
        }
    }

    /// What a host's software calls itself; none, if the pool does not know the host.
    #[must_use]
    pub fn version(&self, host: Uuid) -> Option<String> {
        let (_, host) = self.host(host)?;
        let software = &host.software_version;
        let words = format!("{} {}", software.product_brand, software.product_version);
        Some(words.trim().to_owned())
    }

    /// The guests that run on a host, with the VIFs that are plugged in.
    #[must_use]
    pub fn guests(&self, host: Uuid) -> BTreeMap<Uuid, SeenGuest> {
        let Some((reference, _)) = self.host(host) else {
            return BTreeMap::new();
        };
        let here = self.vms.iter();
        let here = here.filter(|(_, vm)| vm.resident_on == *reference && !vm.is_control_domain);
        let mut interfaces = self.interfaces();
        let guests = here.map(|(reference, vm)| {
            let vifs = interfaces.remove(reference.as_str()).unwrap_or_default();
            let interfaces = vifs.into_iter().map(|vif| self.interface(vm, vif));
            (vm.uuid, seen(vm, interfaces.collect()))
        });
        guests.collect()
    }

    /// What stands in the way of isolation on a host: networks that are said to be a tenant's and are
    /// carried by something else as well.
    #[must_use]
    pub fn complaints(&self, host: Uuid, bridge: &str) -> BTreeSet<String> {
        let host = self.host(host).map(|(reference, _)| reference);
        let ours = self.networks.iter();
        let ours = ours.filter(|(_, network)| network.other_config.network.is_some());
        let mut complaints = BTreeSet::new();
        for (reference, network) in ours {
            let name = &network.name_label;
            if network.bridge != bridge {
                let other = &network.bridge;
                complaints.insert(format!("network {name} is on bridge {other}, not {bridge}"));
            }
            let pifs = self.pifs.values();
            let pifs = pifs.filter(|pif| pif.network == *reference && Some(&pif.host) == host);
            complaints.extend(pifs.map(|pif| {
                let nic = &pif.device;
                format!("network {name} is carried by {nic} as well, past all rules")
            }));
        }
        complaints
    }

    fn host(&self, uuid: Uuid) -> Option<(&String, &Host)> {
        self.hosts.iter().find(|(_, host)| host.uuid == uuid)
    }

    /// The VIFs that are plugged in, by their guest's reference.
    fn interfaces(&self) -> BTreeMap<&str, Vec<&Vif>> {
        let mut by_guest: BTreeMap<&str, Vec<&Vif>> = BTreeMap::new();
        for vif in self.vifs.values().filter(|vif| vif.currently_attached) {
            by_guest.entry(&vif.vm).or_default().push(vif);
        }
        by_guest
    }

    /// As an interface of libvirt's is described.
    fn interface(&self, vm: &Vm, vif: &Vif) -> Interface {
        let network = self.networks.get(&vif.network);
        Interface {
            kind: "xenapi".to_owned(),
            mac: Some(vif.mac),
            bridge: network.map(|network| network.bridge.clone()),
            link: (vm.domid > 0).then(|| format!("vif{}.{}", vm.domid, vif.device)),
            interface_id: Some(vif.uuid),
            port_id: vif.other_config.port,
            network_id: network.and_then(|network| network.other_config.network),
        }
    }
}

fn seen(vm: &Vm, interfaces: Vec<Interface>) -> SeenGuest {
    SeenGuest {
        state: match vm.power_state.as_str() {
            "Running" => GuestState::Running,
            "Paused" => GuestState::Paused,
            _ => GuestState::Other,
        },
        run: vm.domid,
        domain: Domain {
            uuid: vm.uuid,
            name: vm.name_label.clone(),
            interfaces,
        },
    }
}

fn take<T: DeserializeOwned>(objects: &mut Objects<T>, event: &Event<'_>) {
    let snapshot = event.snapshot.filter(|_| event.operation != "del");
    let record = snapshot.and_then(|text| serde_json::from_str(text.get()).ok());
    let reference = event.reference.as_ref();
    match record {
        Some(record) if reference.len() <= MOST_TEXT => {
            if objects.len() < MOST_OBJECTS || objects.contains_key(reference) {
                objects.insert(reference.to_owned(), record);
            }
        }
        _ => {
            objects.remove(reference);
        }
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.len() <= MOST_TEXT {
        true => Ok(text),
        false => Err(serde::de::Error::custom("a text too long")),
    }
}

fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: std::str::FromStr,
    D: Deserializer<'de>,
{
    let text = text(deserializer)?;
    let parsed = text.parse();
    parsed.map_err(|_| serde::de::Error::custom("a text of another form"))
}

/// What an operator wrote, which may be anything.
fn said<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: std::str::FromStr,
    D: Deserializer<'de>,
{
    let text = text(deserializer)?;
    Ok(text.trim().parse().ok())
}

/// Integers are texts in some versions and in some fields.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<'a> {
        Number(i32),
        Text(#[serde(borrow)] Cow<'a, str>),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests;
