//! Containers among the guests of the host. Pure, but for looking whether there are such things here.

use std::collections::BTreeSet;
use std::path::Path;

use compute::container::{CNI, LXC, Plugged};
use model::{DriverFound, Guest, GuestState};

use super::Watched;
use crate::containers::identifier;

/// What runs containers, and the files of which any says that it is on this host.
const DRIVERS: [(&str, &[&str]); 2] = [
    (
        CNI,
        &["/opt/cni/bin/bulkhead-cni", "/usr/lib/cni/bulkhead-cni"],
    ),
    (LXC, &["/usr/bin/lxc-start"]),
];

/// Adds the containers that are plugged in, and what runs them.
pub(super) fn add(plugged: &[Plugged], watched: &mut Watched) {
    for found in plugged {
        let guest = Guest {
            driver: found.mark.driver.clone(),
            name: found.mark.container.clone(),
            uuid: identifier(&found.mark),
            state: GuestState::Running,
        };
        watched.behind.insert(found.link.clone(), guest);
    }
    for (name, files) in DRIVERS {
        let own = plugged.iter().filter(|it| it.mark.driver == name);
        let guests: BTreeSet<&str> = own.map(|it| it.mark.container.as_str()).collect();
        let is_here = files.iter().any(|file| Path::new(file).exists());
        if is_here || !guests.is_empty() {
            watched.drivers.push(DriverFound {
                name: name.to_owned(),
                version: None,
                guests: guests.len(),
                reason: None,
            });
        }
    }
}
