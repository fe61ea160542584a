//! What a domain's XML says of its network interfaces
//! (<https://libvirt.org/formatdomain.html#network-interfaces>). Pure.

use model::{MacAddr, NetworkId, PortId};
use roxmltree::{Document, Node, ParsingOptions};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Kind;

/// The namespace of our metadata in a domain's XML:
///
/// ```xml
/// <metadata>
///   <b:vifs xmlns:b="urn:bulkhead:domain">
///     <b:vif mac="52:54:00:00:01:01" port="0192…"/>
///   </b:vifs>
/// </metadata>
/// ```
pub const NAMESPACE: &str = "urn:bulkhead:domain";

/// The most nodes of a description that is read: some hundred disks and interfaces have a tenth of it.
const MOST_NODES: u32 = 100_000;

/// The most interfaces that are looked at.
const MOST_INTERFACES: usize = 256;

/// Why a description cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// It is no XML, or too much of it.
    #[error("could not read a domain's XML")]
    Xml(#[from] roxmltree::Error),
    /// It is XML of something else.
    #[error("it describes <{0}>, not <domain>")]
    NotDomain(String),
    /// It says not who it is.
    #[error("a domain without {0}")]
    Nameless(&'static str),
}

/// A domain, as far as its interfaces go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Its identifier.
    pub uuid: Uuid,
    /// Its name, unique on the host.
    pub name: String,
    /// Its network interfaces, in the order that they are described in.
    pub interfaces: Vec<Interface>,
}

/// A network interface of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// `bridge`, `network`, `ethernet`, …
    pub kind: String,
    /// The Ethernet address that the guest has there.
    pub mac: Option<MacAddr>,
    /// The bridge that it is plugged into by libvirt.
    pub bridge: Option<String>,
    /// The link on the host, known once the domain runs.
    pub link: Option<String>,
    /// What libvirt gives Open vSwitch as `iface-id`; where nobody names one, it makes one up.
    pub interface_id: Option<Uuid>,
    /// The port that our metadata says it carries.
    pub port_id: Option<PortId>,
    /// The tenant network that whoever runs the hypervisor says it is on; libvirt has no word for that.
    #[serde(default)]
    pub network_id: Option<NetworkId>,
}

impl Domain {
    /// Reads a description. What there is too much of is left out.
    ///
    /// # Errors
    /// When it is no description of a domain.
    pub fn parse(xml: &str) -> Result<Self, DomainError> {
        let document = document(xml)?;
        let root = document.root_element();
        let text = |name| child(root, name).and_then(|node| node.text());
        let uuid = text("uuid").and_then(|text| text.trim().parse().ok());
        let claims = claims(root);
        let devices = child(root, "devices");
        let interfaces = devices.into_iter().flat_map(|devices| devices.children());
        let interfaces = interfaces.filter(|node| node.has_tag_name("interface"));
        Ok(Self {
            uuid: uuid.ok_or(DomainError::Nameless("a UUID"))?,
            name: text("name")
                .ok_or(DomainError::Nameless("a name"))?
                .to_owned(),
            interfaces: interfaces
                .take(MOST_INTERFACES)
                .map(|node| interface(node, &claims))
                .collect(),
        })
    }
}

/// Which kind of guest is described. libvirt's hooks are told no other way.
///
/// # Errors
/// When it is no description of a domain.
pub fn kind(xml: &str) -> Result<Kind, DomainError> {
    match document(xml)?.root_element().attribute("type") {
        Some("lxc") => Ok(Kind::Lxc),
        _ => Ok(Kind::Qemu),
    }
}

fn document(xml: &str) -> Result<Document<'_>, DomainError> {
    let options = ParsingOptions {
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(xml, options)?;
    let root = document.root_element();
    match root.has_tag_name("domain") {
        true => Ok(document),
        false => Err(DomainError::NotDomain(root.tag_name().name().to_owned())),
    }
}

fn interface(node: Node<'_, '_>, claims: &[(MacAddr, PortId)]) -> Interface {
    let said = |of: &str, attribute: &str| {
        let value = child(node, of)?.attribute(attribute)?;
        Some(value.to_owned())
    };
    let mac = said("mac", "address").and_then(|text| text.parse().ok());
    let virtual_port = child(node, "virtualport");
    let parameters = virtual_port.and_then(|it| child(it, "parameters"));
    let interface_id = parameters.and_then(|it| it.attribute("interfaceid"));
    let mut claimed = claims.iter().filter(|(claimed, _)| Some(*claimed) == mac);
    Interface {
        kind: node.attribute("type").unwrap_or_default().to_owned(),
        mac,
        bridge: said("source", "bridge"),
        link: said("target", "dev"),
        interface_id: interface_id.and_then(|text| text.parse().ok()),
        port_id: claimed.next().map(|(_, port)| *port),
        network_id: None,
    }
}

/// Which port each Ethernet address is to carry, by our metadata.
fn claims(root: Node<'_, '_>) -> Vec<(MacAddr, PortId)> {
    let metadata = child(root, "metadata");
    let ours = metadata.into_iter().flat_map(|node| node.children());
    let ours = ours.filter(|node| node.has_tag_name((NAMESPACE, "vifs")));
    let entries = ours.flat_map(|node| node.children());
    // `virsh metadata` gives a namespace to the outermost element alone.
    let entries = entries.filter(|node| node.tag_name().name() == "vif");
    let claims = entries.filter_map(|node| {
        let mac = node.attribute("mac")?.parse().ok()?;
        Some((mac, node.attribute("port")?.parse().ok()?))
    });
    claims.take(MOST_INTERFACES).collect()
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

#[cfg(test)]
mod tests;
