//! What xenstore says of a VIF.

use anyhow::{Context, bail};
use compute::libvirt::domain::{Domain, Interface};
use model::{MacAddr, PortId};
use uuid::Uuid;

use super::tools::{must_read, read};
use crate::observe::INTEGRATION_BRIDGE;

/// Where an operator may say in xenstore which port a VIF carries: below it the guest's identifier, and
/// below that the VIF's number. A guest can write nothing there.
const PORTS: &str = "/bulkhead";

/// A VIF that a guest is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vif {
    pub(super) mac: MacAddr,
    /// The port that it carries, where somebody said so.
    pub(super) port: Option<PortId>,
    pub(super) guest: Uuid,
    pub(super) guest_name: String,
}

impl Vif {
    /// Reads it from the backend's folder of xenstore.
    ///
    /// # Errors
    /// When something is missing, or it is not ours.
    pub(super) async fn read(backend: &str) -> anyhow::Result<Self> {
        let bridge = read(&format!("{backend}/bridge")).await?;
        if bridge.as_deref().is_some_and(|it| it != INTEGRATION_BRIDGE) {
            bail!("its bridge is not {INTEGRATION_BRIDGE}: {bridge:?}");
        }
        let mac = must_read(&format!("{backend}/mac")).await?;
        let mac = mac.parse().with_context(|| format!("its mac: {mac}"))?;
        let frontend = must_read(&format!("{backend}/frontend-id")).await?;
        let frontend: u16 = frontend.parse().context("its frontend-id is no domain")?;
        let vm = must_read(&format!("/local/domain/{frontend}/vm")).await?;
        let guest = must_read(&format!("{vm}/uuid")).await?;
        let guest: Uuid = guest.parse().context("its guest's identifier")?;
        let name = read(&format!("{vm}/name")).await?;
        let said = read(&format!("{PORTS}/{guest}/{}", number(backend)?)).await?;
        let port = said.map(|said| said.parse());
        Ok(Self {
            mac,
            port: port.transpose().context("the port that is said for it")?,
            guest,
            guest_name: name.unwrap_or_else(|| guest.to_string()),
        })
    }

    /// What Open vSwitch is told of the interface, as `ovs-vsctl` wants it.
    pub(super) fn external_ids(&self) -> Vec<String> {
        let said = self.port.map(|port| port.to_string());
        let ids = [
            ("attached-mac", Some(self.mac.to_string())),
            ("xs-vm-uuid", Some(self.guest.to_string())),
            ("xen-vm-name", Some(self.guest_name.clone())),
            ("iface-id", said.clone()),
            ("xs-vif-uuid", said),
        ];
        let ids = ids.into_iter();
        let ids = ids.filter_map(|(key, value)| {
            // In quotes, as JSON has them, a value is itself whatever is in it.
            let value = serde_json::Value::from(value?);
            Some(format!("external_ids:{key}={value}"))
        });
        ids.collect()
    }

    /// The guest, with this VIF alone, as the agent is asked for it.
    pub(super) fn domain(&self, link: &str) -> Domain {
        Domain {
            uuid: self.guest,
            name: self.guest_name.clone(),
            interfaces: vec![Interface {
                kind: "xen".to_owned(),
                mac: Some(self.mac),
                bridge: Some(INTEGRATION_BRIDGE.to_owned()),
                link: Some(link.to_owned()),
                port_id: self.port,
                ..Interface::default()
            }],
        }
    }
}

/// The number of a VIF in its guest: the last part of its backend's folder.
fn number(backend: &str) -> anyhow::Result<u16> {
    let (_, last) = backend.rsplit_once('/').unwrap_or_default();
    let number = last.parse();
    number.with_context(|| format!("XENBUS_PATH ends in no number: {backend}"))
}

/// The backend's folder of the VIF that an emulated NIC stands in for: `vif7.0-emu`.
pub(super) fn backend_of_emulated(interface: &str) -> anyhow::Result<String> {
    let numbers = interface.strip_prefix("vif");
    let numbers = numbers.and_then(|rest| rest.strip_suffix("-emu"));
    let numbers = numbers.and_then(|rest| rest.split_once('.'));
    let parsed = numbers
        .and_then(|(domain, vif)| Some((domain.parse::<u16>().ok()?, vif.parse::<u16>().ok()?)));
    let (domain, vif) = parsed.with_context(|| format!("no emulated NIC: {interface}"))?;
    Ok(format!("backend/vif/{domain}/{vif}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulated_nic_leads_to_the_vif_that_it_stands_in_for_and_nothing_else_does() {
        let found = backend_of_emulated("vif7.2-emu").unwrap();
        assert_eq!(found, "backend/vif/7/2");
        for strange in ["vif7.2", "tap7.2-emu", "vif7-emu", "vif../../0.1-emu", ""] {
            assert!(backend_of_emulated(strange).is_err(), "{strange}");
        }
    }

    #[test]
    fn the_name_of_a_guest_cannot_set_another_column_of_its_interface() {
        let vif = Vif {
            mac: "00:16:3e:00:00:01".parse().unwrap(),
            port: None,
            guest: Uuid::from_u128(9),
            guest_name: "web\" type=internal \\".to_owned(),
        };
        let ids = vif.external_ids();
        assert_eq!(
            ids[2],
            r#"external_ids:xen-vm-name="web\" type=internal \\""#
        );
        assert_eq!(ids.len(), 3, "nobody said which port");
    }
}
