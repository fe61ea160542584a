//! Guests that do not take a VIF, or do not let go of one: nobody is told otherwise, and the port is as good
//! as before.

use serde_json::Value;
use tests::eventually;

use super::{LONG, Scene};
use crate::PATIENCE;

impl Scene {
    /// Waits until a port is active, with this guest behind it.
    fn has(&self, guest: &str, port: &str) {
        eventually("the guest has its VIF", PATIENCE, || {
            let status = self.vif(port)["status"].clone();
            status["state"] == "active" && status["guest"]["name"] == guest
        });
    }

    /// Waits until a port is down, with no guest behind it and no flow for it.
    fn is_free(&self, port: &Value) {
        let (name, mac) = (text(&port["name"]), text(&port["mac"]));
        eventually("the port is down, and nothing of it left", PATIENCE, || {
            let status = self.vif(&name)["status"].clone();
            let flows = self.pool.flows(1);
            status["state"] == "down"
                && status["guest"].is_null()
                && !flows.iter().any(|flow| flow.contains(&mac))
        });
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_vif_that_a_guest_has_no_slot_for_is_refused_and_goes_into_another_guest() {
    let scene = Scene::set(LONG);
    scene.libvirt.define_q35("full", "");
    scene.libvirt.define("roomy", "", "");
    for guest in ["full", "roomy"] {
        scene.libvirt.must(&format!("start {guest} --paused"));
    }
    // However many libvirt has left.
    let mut refused = None;
    for number in 0..8 {
        let port = scene.port(&format!("name=extra{number}"));
        let asked = format!("vif-attach extra{number} tenant=acme vm=full host=h1");
        match scene.pool.netctl(&asked) {
            Ok(_) => scene.has("full", &format!("extra{number}")),
            Err(complaint) => {
                refused = Some((port, complaint));
                break;
            }
        }
    }
    let (port, complaint) = refused.unwrap();
    let name = text(&port["name"]);
    assert!(complaint.contains("has no free slot"), "{complaint}");
    assert!(complaint.contains("pcie-root-port"), "{complaint}");
    // It is nobody's, and is not on the way to anybody.
    let kept = scene.libvirt.must("dumpxml --inactive full");
    assert!(!kept.contains(&text(&port["id"])), "{kept}");
    assert!(scene.vif(&name)["host_id"].is_null());
    scene.is_free(&port);
    scene
        .pool
        .must(&format!("vif-attach {name} tenant=acme vm=roomy host=h1"));
    scene.has("roomy", &name);
}

#[test]
fn a_guest_that_does_not_let_go_of_a_vif_has_it_until_it_ends() {
    let scene = Scene::set(LONG);
    for guest in ["stuck", "other"] {
        scene.libvirt.define(guest, "", "");
        scene.libvirt.must(&format!("start {guest} --paused"));
    }
    let port = scene.port("name=extra");
    scene
        .pool
        .must("vif-attach extra tenant=acme vm=stuck host=h1");
    scene.has("stuck", "extra");
    // What does not run lets go of nothing.
    let complaint = scene.pool.netctl("vif-detach extra tenant=acme");
    let complaint = complaint.unwrap_err();
    assert!(complaint.contains("has not let go of it"), "{complaint}");
    scene.has("stuck", "extra");
    assert!(!scene.vif("extra")["host_id"].is_null());
    // So nobody else gets it.
    let asked = "vif-attach extra tenant=acme vm=other host=h1";
    let complaint = scene.pool.netctl(asked).unwrap_err();
    assert!(complaint.contains("detach it there first"), "{complaint}");

    scene.libvirt.must("destroy stuck");
    scene.is_free(&port);
    scene.pool.must(asked);
    scene.has("other", "extra");
}
