//! Plugs VIFs into guests that run, and out of them.
//!
//! A guest that libvirt keeps (a *persistent* domain) has the VIF again when it is started the next time; one
//! that libvirt forgets when it ends has it as long as it runs.

use std::path::Path;
use std::time::Duration;

use model::{MacAddr, PortId};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Kind;
use super::client::{Connection, Error};
use super::domain::{Domain, DomainError, Interface};
use super::protocol::{Described, DomainRef, Impact, Listed};

/// How long a guest may take to let go of a VIF: it is asked to, and a busy one answers late.
const LETTING_GO: Duration = Duration::from_secs(20);

/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(200);

/// What libvirt says where a guest has no slot left.
const NO_SLOT: [&str; 2] = ["No more available PCI slots", "no more available PCI"];

/// A VIF as a guest is to have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vif {
    /// The port.
    pub port: PortId,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// The largest IP packet it may send, in bytes.
    pub mtu: u16,
}

/// Why a VIF was not plugged in or out.
#[derive(Debug, thiserror::Error)]
pub enum PlugError {
    /// Nothing to ask.
    #[error("no libvirt is on this host")]
    NoDaemon,
    /// It is not among those that run.
    #[error("no guest {0} runs on this host")]
    NoGuest(String),
    /// It is there.
    #[error("guest {guest} has it already")]
    Already {
        /// The guest.
        guest: String,
    },
    /// Another interface has its Ethernet address.
    #[error("guest {guest} has another interface with the Ethernet address {mac}")]
    MacTaken {
        /// The guest.
        guest: String,
        /// The address.
        mac: MacAddr,
    },
    /// It is not there.
    #[error("guest {guest} does not have it")]
    NotThere {
        /// The guest.
        guest: String,
    },
    /// Where would it go?
    #[error(
        "guest {guest} has no free slot to plug into; a machine of type q35 needs a pcie-root-port for \
         each device that is plugged in while it runs"
    )]
    NoSlot {
        /// The guest.
        guest: String,
        /// As libvirt says it.
        #[source]
        source: Error,
    },
    /// It was asked to, and did not.
    #[error("guest {guest} has not let go of it in {} s: does its system run?", LETTING_GO.as_secs())]
    Held {
        /// The guest.
        guest: String,
    },
    /// Its description makes no sense.
    #[error("could not read the description of guest {guest}")]
    Description {
        /// The guest.
        guest: String,
        /// Why.
        #[source]
        source: DomainError,
    },
    /// libvirt did not do it.
    #[error("could not have libvirt do it")]
    Libvirt(#[from] Error),
}

/// Plugs a VIF into a guest that runs, and into what libvirt keeps of it. `folder` is where libvirt's
/// sockets are, `bridge` what it is plugged into on the host; `guest` is the guest's name or UUID.
///
/// # Errors
/// When the guest does not have it afterwards.
pub async fn attach(folder: &Path, bridge: &str, guest: &str, vif: &Vif) -> Result<(), PlugError> {
    let mut guest = Found::of(folder, guest).await?;
    if guest.live.carrying(vif.port, vif.mac).is_some() {
        return Err(PlugError::Already {
            guest: guest.name(),
        });
    }
    let has_mac = |domain: &Domain| domain.interfaces.iter().any(|it| it.mac == Some(vif.mac));
    if has_mac(&guest.live) {
        let (guest, mac) = (guest.name(), vif.mac);
        return Err(PlugError::MacTaken { guest, mac });
    }
    let impact = match &guest.kept {
        // What is kept has it already: somebody took it out of the one that runs alone.
        Some(kept) if !has_mac(kept) => Impact::Both,
        _ => Impact::Live,
    };
    let xml = interface_xml(bridge, vif);
    let attached = guest.connection.attach(&guest.domain, &xml, impact).await;
    attached.map_err(|source| match is_out_of_slots(&source) {
        true => PlugError::NoSlot {
            guest: guest.name(),
            source,
        },
        false => source.into(),
    })
}

/// Plugs a port's VIF out of a guest that runs, and out of what libvirt keeps of it; waits until the guest
/// has let go of it.
///
/// # Errors
/// When the guest has it still, or never had it.
pub async fn detach(
    folder: &Path,
    guest: &str,
    port: PortId,
    mac: MacAddr,
) -> Result<(), PlugError> {
    let mut guest = Found::of(folder, guest).await?;
    if guest.live.carrying(port, mac).is_none() {
        return Err(PlugError::NotThere {
            guest: guest.name(),
        });
    }
    let of_mac = |domain: &Domain| {
        let interfaces = domain.interfaces.iter();
        interfaces.filter(|it| it.mac == Some(mac)).count()
    };
    // libvirt finds it by its Ethernet address, which has to be that of one.
    if of_mac(&guest.live) > 1 {
        let guest = guest.name();
        return Err(PlugError::MacTaken { guest, mac });
    }
    let is_kept = guest.kept.as_ref().is_some_and(|kept| of_mac(kept) == 1);
    let impact = match is_kept {
        true => Impact::Both,
        false => Impact::Live,
    };
    let xml = format!("<interface type='ethernet'><mac address='{mac}'/></interface>");
    // libvirt itself waits for the guest for a part of it.
    let deadline = Instant::now() + LETTING_GO;
    guest.connection.detach(&guest.domain, &xml, impact).await?;
    loop {
        match guest.look().await? {
            Some(live) if live.carrying(port, mac).is_some() => {}
            _ => return Ok(()),
        }
        if Instant::now() >= deadline {
            return Err(PlugError::Held {
                guest: guest.name(),
            });
        }
        sleep(LOOK).await;
    }
}

/// A guest that runs, and a connection to ask about it.
struct Found {
    connection: Connection,
    domain: DomainRef,
    live: Domain,
    /// As it will be started the next time; none where libvirt does not keep it.
    kept: Option<Domain>,
}

impl Found {
    async fn of(folder: &Path, guest: &str) -> Result<Self, PlugError> {
        let socket = Kind::Qemu.socket(folder).ok_or(PlugError::NoDaemon)?;
        let mut connection = Connection::open(&socket, Kind::Qemu).await?;
        let uuid: Option<Uuid> = guest.parse().ok();
        let is_it = |it: &DomainRef| it.name == guest || Some(it.uuid) == uuid;
        let running = connection.domains(Listed::Active).await?;
        let unknown = || PlugError::NoGuest(guest.to_owned());
        let domain = running.into_iter().find(is_it).ok_or_else(unknown)?;
        let persistent = connection.domains(Listed::Persistent).await?;
        let kept = match persistent.iter().any(is_it) {
            true => describe(&mut connection, &domain, Described::Kept).await?,
            false => None,
        };
        let live = describe(&mut connection, &domain, Described::Live).await?;
        Ok(Self {
            live: live.ok_or_else(unknown)?,
            connection,
            domain,
            kept,
        })
    }

    async fn look(&mut self) -> Result<Option<Domain>, PlugError> {
        describe(&mut self.connection, &self.domain, Described::Live).await
    }

    fn name(&self) -> String {
        self.domain.name.clone()
    }
}

async fn describe(
    connection: &mut Connection,
    domain: &DomainRef,
    how: Described,
) -> Result<Option<Domain>, PlugError> {
    let Some(xml) = connection.xml(domain, how).await? else {
        return Ok(None);
    };
    let described = Domain::parse(&xml);
    described
        .map(Some)
        .map_err(|source| PlugError::Description {
            guest: domain.name.clone(),
            source,
        })
}

fn is_out_of_slots(error: &Error) -> bool {
    let Error::Refused(_, fault) = error else {
        return false;
    };
    NO_SLOT.iter().any(|words| fault.message.contains(words))
}

/// How libvirt is told of a VIF. A switch in userspace takes a guest's packets before anybody would have
/// filled in their checksums, and cuts none that is too large: so the guest does both.
#[must_use]
pub fn interface_xml(bridge: &str, vif: &Vif) -> String {
    let Vif { port, mac, mtu } = vif;
    format!(
        "<interface type='bridge'><mac address='{mac}'/><source bridge='{bridge}'/>\
         <virtualport type='openvswitch'><parameters interfaceid='{port}'/></virtualport>\
         <model type='virtio'/><driver><host csum='off' gso='off' tso4='off' tso6='off' ecn='off' \
         ufo='off'/></driver><mtu size='{mtu}'/></interface>"
    )
}

impl Domain {
    /// The interface that carries a port: one that names it, or else has its Ethernet address and names
    /// none.
    #[must_use]
    pub fn carrying(&self, port: PortId, mac: MacAddr) -> Option<&Interface> {
        let names = |it: &&Interface| it.port_id == Some(port);
        let given = |it: &&Interface| it.port_id.is_none() && it.interface_id == Some(port.uuid());
        let nameless = |it: &&Interface| {
            it.port_id.is_none() && it.interface_id.is_none() && it.mac == Some(mac)
        };
        let interfaces = || self.interfaces.iter();
        let named = interfaces()
            .find(names)
            .or_else(|| interfaces().find(given));
        named.or_else(|| interfaces().find(nameless))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "52:54:00:00:00:01";

    fn guest(interfaces: Vec<Interface>) -> Domain {
        Domain {
            uuid: Uuid::from_u128(9),
            name: "web".to_owned(),
            interfaces,
        }
    }

    fn interface(port_id: Option<u128>, interface_id: Option<u128>) -> Interface {
        Interface {
            mac: Some(MAC.parse().unwrap()),
            port_id: port_id.map(|it| Uuid::from_u128(it).into()),
            interface_id: interface_id.map(Uuid::from_u128),
            ..Interface::default()
        }
    }

    fn carries(it: Interface) -> bool {
        let port = Uuid::from_u128(1).into();
        guest(vec![it])
            .carrying(port, MAC.parse().unwrap())
            .is_some()
    }

    #[test]
    fn an_interface_carries_the_port_that_it_names_and_with_its_address_no_other() {
        assert!(carries(interface(Some(1), None)));
        assert!(carries(interface(Some(1), Some(2))));
        assert!(carries(interface(None, Some(1))));
        assert!(carries(interface(None, None)));
        assert!(!carries(interface(Some(2), Some(1))));
        assert!(!carries(interface(None, Some(2))));
    }

    #[test]
    fn what_libvirt_is_told_of_a_vif_is_what_it_reads_there() {
        let vif = Vif {
            port: Uuid::from_u128(1).into(),
            mac: MAC.parse().unwrap(),
            mtu: 1450,
        };
        let xml = interface_xml("br-int", &vif);
        let uuid = Uuid::from_u128(9);
        let xml =
            format!("<domain><name>web</name><uuid>{uuid}</uuid><devices>{xml}</devices></domain>");
        let domain = Domain::parse(&xml).unwrap();
        assert!(domain.carrying(vif.port, vif.mac).is_some());
        assert_eq!(domain.interfaces[0].bridge.as_deref(), Some("br-int"));
    }
}
