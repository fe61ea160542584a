//! What is told of ports that may lie about who they are.

use model::{EventKind, Port, SpoofGuard};

use crate::service::Service;

impl Service {
    /// Whoever watches must learn of a port that may lie about who it is.
    pub(super) fn tell_guard(&self, before: SpoofGuard, port: &Port, actor: &str) {
        if before == port.spoof_guard {
            return;
        }
        let switched = match port.spoof_guard {
            SpoofGuard::On => "on",
            SpoofGuard::Off => "off",
        };
        let message = format!(
            "{actor} switched the spoof guard of port {} {switched}",
            port.id
        );
        self.fleet.note(EventKind::SpoofGuard, message);
    }
}
