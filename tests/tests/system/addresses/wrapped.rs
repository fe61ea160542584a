//! The same addresses by the same clients in networks that are wrapped between hosts.

use super::{Scene, everybody_is_configured};

#[test]
fn real_clients_are_configured_on_vxlan() {
    everybody_is_configured(&Scene::on("vxlan"));
}

#[test]
fn real_clients_are_configured_on_geneve() {
    everybody_is_configured(&Scene::on("geneve"));
}
