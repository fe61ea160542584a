//! A data centre on one machine, for trying, testing and measuring Bulkhead.
//!
//! ```text
//!   <prefix>-ctl          <prefix>-h1                          <prefix>-hN     <prefix>-out
//!   bulkhead-controller   ovsdb-server, ovs-vswitchd,          (the same)      the outside
//!                         bulkhead-agent
//!   eth0 10.255.0.1       eth0 10.255.1.1   eth1     eth2      eth0 eth1 eth2  eth0 203.0.113.1
//!        |                     |             |        |           |   |   |         |
//!     ctl-mgmt              h1-mgmt       h1-trunk h1-public                   out-public
//!   +----+---------------------+-------------+--------+-----------+---+---+---------+------+
//!   | <prefix>-sw: the physical switch, an Open vSwitch of its own                         |
//!   | *-mgmt: access ports of the management VLAN; *-public: of the public one             |
//!   | *-trunk: the private network; only the listed VLANs pass                             |
//!   +--------------------------------------------------------------------------------------+
//! ```
//!
//! [`Nics`] has other layouts: one NIC for all, and two that are meant for a bond. [`SwitchPort`] is
//! where cables are cut and switches misconfigured.
//!
//! [`Lab::up`] builds all of this under one directory and one name prefix and returns; the lab
//! goes on by itself. [`Lab::open`] finds it again, from any process, and [`Lab::down`] leaves
//! nothing of it behind, however far the building came. Nothing is changed in the machine's own
//! network namespace, and no traffic leaves the machine.
//!
//! ```no_run
//! # async fn example() -> Result<(), lab::Error> {
//! use lab::{Lab, Signal, Spec};
//!
//! let lab = Lab::up(Spec { hosts: 2, ..Spec::default() }).await?;
//! let host = lab.host(1)?;
//! host.run(&["ping", "-c1", "10.255.1.2"]).await?;
//! host.vswitch().ovs_ofctl(&["dump-flows", "br-int"]).await?;
//! host.vswitch().vswitchd().kill(Signal::SIGKILL).await?;
//! host.vswitch().vswitchd().start().await?;
//! lab.down().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Where to go next: [`Spec`] says what to build, `layout` where everything is, [`Host`] and
//! [`Controller`] what a test can do to one, [`Process`] how programs are started and killed.
//! What a host's switch is programmed with is no business of this crate: see `host-agent`.

mod cable;
mod controller;
mod down;
mod error;
mod execute;
mod host;
mod lab;
mod layout;
pub mod namespace;
mod port;
mod process;
mod requirements;
mod spec;
mod state;
mod status;
mod vswitch;
mod wiring;

pub use controller::Controller;
pub use down::Removed;
pub use error::Error;
pub use host::Host;
pub use lab::Lab;
pub use nix::sys::signal::Signal;
pub use port::SwitchPort;
pub use process::Process;
pub use requirements::{Missing, requirements};
pub use spec::{
    Datapath, MOST_HOSTS, Nics, Prefix, Spec, Trunks, default_directory, programs_beside_this_one,
};
pub use state::Phase;
pub use status::{ControllerStatus, HostStatus, ProcessStatus, Status};
pub use vswitch::Vswitch;
