//! A port of the physical switch: what can go wrong with a cable, done on purpose.

use crate::cable::{Cable, Passes};
use crate::layout::BRIDGE;
use crate::vswitch::Vswitch;
use crate::{Error, namespace};

/// The physical switch's end of one cable of a host.
#[derive(Debug, Clone)]
pub struct SwitchPort {
    pub(crate) switch: Vswitch,
    pub(crate) cable: Cable,
    /// The port's row in the switch: a bond of several cables is one.
    pub(crate) row: String,
}

impl SwitchPort {
    /// Its name on the bridge `br-sw`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cable.port
    }

    /// Cuts the cable: both ends lose their carrier.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn cut(&self) -> Result<(), Error> {
        self.link(&["down"]).await
    }

    /// Mends a cable that was cut.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn mend(&self) -> Result<(), Error> {
        self.link(&["up"]).await
    }

    /// Lets nothing of a VLAN through any more, as if the switch had not been told of it.
    ///
    /// # Errors
    /// When the port is no trunk, or the command fails.
    pub async fn take_vlan(&self, vlan: u16) -> Result<(), Error> {
        self.refuse_access()?;
        self.edit_trunks("remove", vlan).await
    }

    /// Lets a VLAN through.
    ///
    /// # Errors
    /// When the port is no trunk, or the command fails.
    pub async fn give_vlan(&self, vlan: u16) -> Result<(), Error> {
        self.refuse_access()?;
        self.edit_trunks("add", vlan).await
    }

    /// Makes the port an access port of another VLAN.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn set_access_vlan(&self, vlan: u16) -> Result<(), Error> {
        let tag = format!("tag={vlan}");
        let line = ["set", "Port", &self.row, &tag];
        self.switch.ovs_vsctl(&line).await.map(drop)
    }

    /// Makes the switch drop packets larger than this, without a word, in both directions.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn set_mtu(&self, bytes: u16) -> Result<(), Error> {
        // Unasked, the switch would set the link back to what it knows.
        let request = format!("mtu_request={bytes}");
        let line = ["set", "Interface", self.name(), &request];
        self.switch.ovs_vsctl(&line).await?;
        self.link(&["mtu", &bytes.to_string()]).await
    }

    fn refuse_access(&self) -> Result<(), Error> {
        match self.cable.passes {
            Passes::Many { .. } => Ok(()),
            Passes::One(_) => Err(Error::BadSpec(format!("{} is no trunk", self.name()))),
        }
    }

    async fn edit_trunks(&self, verb: &str, vlan: u16) -> Result<(), Error> {
        let vlan = vlan.to_string();
        let line = [verb, "Port", &self.row, "trunks", &vlan];
        self.switch.ovs_vsctl(&line).await?;
        // What was learned on the VLAN before would hide the difference.
        self.switch.ovs_appctl(&["fdb/flush", BRIDGE]).await?;
        Ok(())
    }

    async fn link(&self, what: &[&str]) -> Result<(), Error> {
        let mut line = vec!["ip", "link", "set", self.name()];
        line.extend(what);
        namespace::run_in(&self.switch.namespace, &line).await?;
        Ok(())
    }
}
