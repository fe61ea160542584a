//! Building a lab, finding it again, and reaching its parts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};

use crate::controller::Controller;
use crate::down::Removed;
use crate::layout::{self, Layout, MANAGEMENT_NIC};
use crate::port::SwitchPort;
use crate::process::{Identity, Process};
use crate::requirements::requirements_with;
use crate::state::{Format, Phase, State, StateFile};
use crate::vswitch::Vswitch;
use crate::{Datapath, Error, Host, MOST_HOSTS, Nics, Prefix, Spec, cable, namespace, wiring};

/// How many hosts are started at a time: more only wait for each other.
const AT_A_TIME: usize = 8;
/// How many random prefixes to try before giving up.
const PREFIX_TRIES: usize = 32;

/// A running lab. Clones are the same lab, and dropping one changes nothing.
#[derive(Debug, Clone)]
pub struct Lab {
    pub(crate) layout: Arc<Layout>,
    pub(crate) state: StateFile,
}

impl Lab {
    /// Builds a lab. It goes on when the caller ends. When building fails, what was built is
    /// removed again.
    ///
    /// # Errors
    /// When the spec is wrong, the machine lacks something, the directory or prefix is taken, or
    /// a program does not start.
    pub async fn up(mut spec: Spec) -> Result<Self, Error> {
        spec.check()?;
        requirements_with(spec.programs.as_deref())?;
        let prefix = free_prefix(spec.prefix.as_ref())?;
        spec.prefix = Some(prefix.clone());
        let state = StateFile::new(&spec.directory);
        state.claim(&State {
            format: Format::V1,
            phase: Phase::Building,
            builder: Identity::own()?,
            prefix: prefix.clone(),
            spec: spec.clone(),
            processes: BTreeMap::new(),
        })?;
        let lab = Self {
            layout: Arc::new(Layout { spec, prefix }),
            state,
        };
        lab.take_prefix().await?;
        if let Err(error) = lab.build().await {
            // The reason it failed matters more than a failing removal, which can be repeated.
            let _removed = lab.down().await;
            return Err(error);
        }
        Ok(lab)
    }

    /// Finds the lab in `directory`, whole or half built.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let state = StateFile::new(directory);
        let State { prefix, spec, .. } = state.load()?;
        Ok(Self {
            layout: Arc::new(Layout { spec, prefix }),
            state,
        })
    }

    /// Removes all of the lab: processes, namespaces with whatever runs in them, files. Works on
    /// a half-built one too, and may be repeated.
    ///
    /// # Errors
    /// When something would not go.
    pub async fn down(&self) -> Result<Removed, Error> {
        crate::down::down(&self.layout, &self.state).await
    }

    /// Adds one more host to the running lab.
    ///
    /// # Errors
    /// When there is no room for one, or something of it does not start.
    pub async fn add_host(&self) -> Result<Host, Error> {
        let number = self.state.update(|state| {
            state.spec.hosts += 1;
            state.spec.hosts
        })?;
        if number > MOST_HOSTS {
            self.state.update(|state| state.spec.hosts -= 1)?;
            return Err(Error::BadSpec(format!(
                "a lab has at most {MOST_HOSTS} hosts"
            )));
        }
        wiring::lay_hosts(&self.layout, number..=number).await?;
        let host = Host::new(&self.layout, &self.state, number);
        self.raise_switch_of(&host).await?;
        if self.layout.spec.programs.is_some() {
            host.raise_agent(&self.controller()?).await?;
        }
        Ok(host)
    }

    /// The directory everything lies in.
    pub fn directory(&self) -> &Path {
        &self.layout.spec.directory
    }

    /// How the names of its namespaces start.
    pub fn prefix(&self) -> &Prefix {
        &self.layout.prefix
    }

    /// The controller.
    ///
    /// # Errors
    /// When the lab has switches only.
    pub fn controller(&self) -> Result<Controller, Error> {
        Controller::of(&self.layout, &self.state).ok_or(Error::SwitchesOnly)
    }

    /// The physical switch between the hosts; its bridge is `br-sw`, and host 1 is on its ports
    /// `h1-mgmt`, `h1-trunk` and `h1-public`; see [`Nics`] for others.
    pub fn switch(&self) -> Vswitch {
        Vswitch {
            state: self.state.clone(),
            name: "switch".to_owned(),
            namespace: self.layout.switch_namespace(),
            rundir: self.layout.switch_directory(),
            datapath: Datapath::Netdev,
        }
    }

    /// Starts an Open vSwitch inside an instance's namespace, as a guest might that tells VLANs apart.
    /// It ends with the lab.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn raise_switch_in(&self, namespace: &str, name: &str) -> Result<Vswitch, Error> {
        let switch = Vswitch {
            state: self.state.clone(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            rundir: self.directory().join("guests").join(name),
            datapath: Datapath::Netdev,
        };
        switch.raise().await?;
        Ok(switch)
    }

    /// The physical switch's end of the cable to a NIC of a host.
    ///
    /// # Errors
    /// When there is no such host or NIC.
    pub fn switch_port(&self, host: usize, nic: &str) -> Result<SwitchPort, Error> {
        self.host(host)?;
        let mut cables = cable::of_host(&self.layout, host).into_iter();
        let cable = cables.find(|cable| cable.nic == nic);
        let cable = cable.ok_or_else(|| Error::BadSpec(format!("h{host} has no NIC {nic}")))?;
        let bonded = self.layout.spec.nics == Nics::Lacp && nic != MANAGEMENT_NIC;
        let row = match bonded {
            true => layout::host_bond(host),
            false => cable.port.clone(),
        };
        Ok(SwitchPort {
            switch: self.switch(),
            cable,
            row,
        })
    }

    /// The namespace of the place outside: on the public network, and the router there, with
    /// 203.0.113.1/24 and 2001:db8:113::1/64.
    pub fn outside(&self) -> String {
        self.layout.outside_namespace()
    }

    /// The hosts, in order.
    ///
    /// # Errors
    /// When the lab is gone.
    pub fn hosts(&self) -> Result<Vec<Host>, Error> {
        let count = self.state.load()?.spec.hosts;
        Ok((1..=count)
            .map(|number| Host::new(&self.layout, &self.state, number))
            .collect())
    }

    /// Host `number`, counted from 1.
    ///
    /// # Errors
    /// When there is none of that number.
    pub fn host(&self, number: usize) -> Result<Host, Error> {
        let hosts = self.state.load()?.spec.hosts;
        if !(1..=hosts).contains(&number) {
            return Err(Error::NoSuchHost { number, hosts });
        }
        Ok(Host::new(&self.layout, &self.state, number))
    }

    /// The namespaces of the instances that agents made, sorted.
    ///
    /// # Errors
    /// When the namespaces cannot be listed.
    pub fn instances(&self) -> Result<Vec<String>, Error> {
        let start = self.layout.instance_prefix();
        let mut names = namespace::list(self.prefix())?;
        names.retain(|name| name.starts_with(&start));
        Ok(names)
    }

    /// Every process the lab has by design, in the order they are started.
    ///
    /// # Errors
    /// When the lab is gone.
    pub fn processes(&self) -> Result<Vec<Process>, Error> {
        let switch = self.switch();
        let mut processes = vec![switch.ovsdb(), switch.vswitchd()];
        if let Ok(controller) = self.controller() {
            processes.push(controller.process().clone());
        }
        processes.extend(self.hosts()?.iter().flat_map(Host::processes));
        Ok(processes)
    }

    /// Makes the first namespace. Until this has worked the prefix may be somebody else's, so on
    /// failure only the directory is given back.
    async fn take_prefix(&self) -> Result<(), Error> {
        let taken = namespace::create(&self.layout.switch_namespace()).await;
        if taken.is_err() {
            let directory = self.directory();
            fs::remove_dir_all(directory).map_err(Error::file("remove", directory))?;
        }
        taken
    }

    async fn build(&self) -> Result<(), Error> {
        let hosts = self.hosts()?;
        wiring::lay_ends(&self.layout).await?;
        wiring::lay_hosts(&self.layout, 1..=hosts.len()).await?;
        self.switch().raise().await?;
        wiring::build_switch(&self.layout, &self.switch()).await?;
        let switches = stream::iter(hosts.iter().map(Ok))
            .try_for_each_concurrent(AT_A_TIME, |host| self.raise_switch_of(host));
        futures::try_join!(switches, self.raise_controller())?;
        self.raise_agents(&hosts).await?;
        self.refuse_dead_processes()?;
        self.state.update(|state| state.phase = Phase::Up)
    }

    async fn raise_switch_of(&self, host: &Host) -> Result<(), Error> {
        let switch = self.switch();
        futures::try_join!(
            wiring::plug_host(&self.layout, &switch, host.number()),
            host.vswitch().raise()
        )?;
        Ok(())
    }

    async fn raise_controller(&self) -> Result<(), Error> {
        let Ok(controller) = self.controller() else {
            return Ok(());
        };
        let directory = controller.directory();
        fs::create_dir_all(directory).map_err(Error::file("create", directory))?;
        controller.process().start().await
    }

    async fn raise_agents(&self, hosts: &[Host]) -> Result<(), Error> {
        let Ok(controller) = self.controller() else {
            return Ok(());
        };
        stream::iter(hosts)
            .map(|host| host.raise_agent(&controller))
            .buffer_unordered(AT_A_TIME)
            .try_collect()
            .await
    }

    /// An agent cannot be asked whether it is ready, but one that gave up is noticed here.
    fn refuse_dead_processes(&self) -> Result<(), Error> {
        for process in self.processes()? {
            process.pid()?.ok_or_else(|| process.died())?;
        }
        Ok(())
    }
}

fn free_prefix(wanted: Option<&Prefix>) -> Result<Prefix, Error> {
    if let Some(prefix) = wanted {
        return only_if_free(prefix.clone());
    }
    for _ in 1..PREFIX_TRIES {
        if let Ok(prefix) = only_if_free(Prefix::random()?) {
            return Ok(prefix);
        }
    }
    only_if_free(Prefix::random()?)
}

fn only_if_free(prefix: Prefix) -> Result<Prefix, Error> {
    if namespace::list(&prefix)?.is_empty() {
        return Ok(prefix);
    }
    Err(Error::PrefixTaken {
        prefix: prefix.to_string(),
    })
}
