//! The zones of connections and their limits, as part of a pass.

use tracing::warn;

use super::{Link, Reconciler};
use crate::binding::{self, Binding};
use crate::connection_limits;
use crate::wanted::Wanted;

impl Reconciler {
    /// Limits what is tracked for each plugged port. A switch that cannot be told so still carries its
    /// frames: operators hear of it, once.
    pub(super) async fn limit_connections(&mut self, wanted: &Wanted) {
        let limits = connection_limits::wanted(wanted, self.zones.known());
        let settings = &self.settings;
        let applied =
            self.connections
                .apply(&settings.run_directory, &settings.datapath_type, limits);
        let complaint = applied.await.err().map(anyhow::Error::from);
        let complaint = complaint.map(|error| format!("{error:#}"));
        if let Some(complaint) = &complaint
            && self.unlimited.as_ref() != Some(complaint)
        {
            warn!("connections are not limited: {complaint}");
            let remark = format!("connections of VIFs are not limited: {complaint}");
            self.channels.remarks.push(remark);
        }
        self.unlimited = complaint;
    }

    /// Gives zones to ports and routers that need one, and flushes what was another's before.
    pub(super) async fn settle_zones(
        &mut self,
        wanted: &Wanted,
        binding: &Binding,
    ) -> Result<(), openflow::client::Error> {
        let plugged = binding.carriers.keys().copied();
        let planned = |port| wanted.ports.contains_key(&port);
        self.zones.settle(plugged, planned);
        let translating = binding::translating(wanted);
        let planned = |router| binding::translating(wanted).any(|it| it == router);
        self.router_zones.settle(translating, planned);
        let unflushed = self.zones.unflushed().into_iter();
        let unflushed = unflushed.chain(self.router_zones.unflushed()).collect();
        if let Link::Up(switch) = &mut self.link {
            switch.flush(unflushed).await?;
            self.zones.flushed();
            self.router_zones.flushed();
        }
        Ok(())
    }
}
