//! The limits of connections, as part of a pass.

use tracing::warn;

use super::Reconciler;
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
}
