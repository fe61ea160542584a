//! What starts everything that concerns instances, ours and others'.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use compute::Hypervisor;
use compute::libvirt::departures::Departures;
use compute::libvirt::machines::Machines;
use compute::libvirt::{Kind, Watcher};
use compute::netns::Netns;
use compute::seen::Seen;
use compute::xenapi;
use model::plan::HostPlan;
use ovsdb::{Client, Monitor};
use tokio::sync::watch;

use crate::containers::Containers;
use crate::guests::{Guests, Starting, Watched};
use crate::hold::{self, Holds};
use crate::instances::{Found, Instances};
use crate::observe::INTEGRATION_BRIDGE;
use crate::status::{Remarks, Status};

/// Where things are on this host.
pub struct Places {
    /// The agent's state folder.
    pub state: PathBuf,
    /// The folder of libvirt's sockets.
    pub libvirt: PathBuf,
    /// The folder of what machines boot.
    pub images: PathBuf,
    /// Where libvirt's daemons on other hosts are reached.
    pub other_libvirts: String,
    /// The file that says how to log in to XenAPI.
    pub xenapi: PathBuf,
    /// How the names of instances' namespaces start.
    pub namespaces: String,
}

/// What the tasks need that run instances, and watch what others run.
pub struct Hypervisors {
    /// What is wanted here.
    pub plan: watch::Receiver<Option<Arc<HostPlan>>>,
    /// What the last pass found.
    pub status: watch::Receiver<Option<Arc<Status>>>,
    /// The switch's database.
    pub ovsdb: Client,
    /// What it says.
    pub monitor: Monitor,
    /// Where to tell what was run.
    pub found: watch::Sender<Found>,
    /// Where to tell what others run.
    pub watched: watch::Sender<Watched>,
    /// What else an operator should know.
    pub remarks: Remarks,
}

impl Hypervisors {
    /// Opens the local socket; what is given runs instances, watches guests and answers there.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be opened.
    pub fn start(self, places: &Places) -> anyhow::Result<impl Future<Output = ()> + use<>> {
        let prefix = places.namespaces.as_str();
        let netns = Netns::new(prefix, INTEGRATION_BRIDGE, self.ovsdb.clone());
        let machines = Machines {
            sockets: places.libvirt.clone(),
            images: places.images.clone(),
            bridge: INTEGRATION_BRIDGE.to_owned(),
            others: places.other_libvirts.clone(),
            departures: Departures::default(),
        };
        let drivers: Vec<Box<dyn Hypervisor>> = vec![Box::new(netns), Box::new(machines)];
        let plan = self.plan.clone();
        let instances = Instances::new(drivers, plan, self.found, self.remarks.clone());
        let (qemu_watcher, libvirt_qemu) = Watcher::new(places.libvirt.clone(), Kind::Qemu);
        let (lxc_watcher, libvirt_lxc) = Watcher::new(places.libvirt.clone(), Kind::Lxc);
        let (starting_sender, starting) = watch::channel(Starting::default());
        let (xenapi_sender, xenapi) = watch::channel(Seen::default());
        let pools = xenapi::Watcher {
            settings: places.xenapi.clone(),
            seen: xenapi_sender,
        };
        let containers =
            Containers::new(self.plan.clone(), self.monitor.clone(), self.ovsdb.clone());
        let listener = hold::listen(&places.state);
        let listener = listener.context("could not open the agent's local socket")?;
        let holds = Holds {
            status: self.status,
            monitor: self.monitor.clone(),
            starting: starting_sender,
            coming: Mutex::default(),
            containers: containers.clone(),
        };
        let guests = Guests {
            libvirt_qemu,
            libvirt_lxc,
            xenapi,
            starting,
            plan: self.plan,
            ovsdb: self.ovsdb,
            monitor: self.monitor,
            watched: self.watched,
            remarks: self.remarks,
        };
        Ok(async move {
            tokio::select! {
                () = instances.run() => {}
                () = guests.run() => {}
                () = qemu_watcher.run() => {}
                () = lxc_watcher.run() => {}
                () = containers.sweep() => {}
                () = pools.run() => {}
                () = hold::serve(listener, holds) => {}
            }
        })
    }
}
