//! Guests of Xen that nobody tells of but the interfaces that were plugged for them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use compute::ovsdb::AnnouncedGuest;
use model::{DriverFound, Guest, GuestState};

use super::XEN;

/// Who is behind each interface. Whether a guest's processors run, an interface does not say.
pub(super) fn behind(announced: &[AnnouncedGuest]) -> BTreeMap<String, Guest> {
    let guests = announced.iter().map(|it| {
        let guest = Guest {
            driver: XEN.to_owned(),
            name: it.name.clone().unwrap_or_else(|| it.uuid.to_string()),
            uuid: it.uuid,
            state: GuestState::Other,
        };
        (it.interface.clone(), guest)
    });
    guests.collect()
}

/// Xen, where any guest of its has an interface here.
pub(super) fn driver(announced: &[AnnouncedGuest]) -> Option<DriverFound> {
    let guests: BTreeSet<_> = announced.iter().map(|it| it.uuid).collect();
    (!guests.is_empty()).then(|| DriverFound {
        name: XEN.to_owned(),
        version: None,
        guests: guests.len(),
        reason: None,
    })
}
