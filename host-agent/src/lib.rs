//! The agent of one host: makes Open vSwitch be what the plan says.
//!
//! ```text
//!   session ---plan---> reconcile ---status---> session          one task each
//!                          |
//!        observe ->  topology, pipeline  -> diff -> apply        decide: pure; act: at the edge
//! ```
//!
//! * [`session`]: plans in and reports out; [`plan_store`]: the plan on disk; [`status`]: what there
//!   is to report.
//! * [`wanted`]: a plan, checked; [`observe`]: what OVSDB says; [`binding`]: which interface carries
//!   which port.
//! * [`tunnels`]: whether the hosts at the other ends of tunnels are there.
//! * [`topology`]: bridges, ports and sampling, as OVSDB rows. [`pipeline`]: flows. [`diff`]: what
//!   has to change for installed flows to be the wanted ones. All pure.
//! * [`zones`]: which port's connections are tracked where.
//! * [`switch`]: the flows of the integration bridge, over OpenFlow. [`links`]: the kernel's links.
//! * [`path`]: what touches the way to the controller, pure; [`trial`]: such a change, under a deadline
//!   that holds without the agent; [`presence`]: addresses that move between NICs and bridges.
//! * [`nics`]: what the host has to carry networks with.
//! * [`shield`]: keeps VIFs away from the host's own protocol stack.
//! * [`respond`]: what DHCP and router solicitations are answered with, pure; [`responder`]: the task
//!   that answers them.
//! * [`announcer`]: the task that tells the fabric of ports and addresses that came here.
//! * [`probe`]: probes of the fabric as frames; [`prober`]: the task that sends and hears them.
//! * [`tracer`]: the task that says what becomes of packets, by the flows that are installed.
//! * [`accounting`]: the task that counts what ports move, for the bill.
//! * [`sample_relay`]: the task that hands the switch's samples on, where they take this way.
//! * [`reconcile`]: the task that puts these together. [`instances`]: the task that runs instances.
//! * [`guests`]: the task that knows what others run here; [`hold`]: their starts wait for their VIFs;
//!   [`plugger`]: the task that gives them VIFs while they run.
//! * [`containers`]: plugs in what container runtimes and LXC run; [`cni`]: the plugin that asks for it.
//! * [`hotplug`]: what Xen's toolstack runs for each VIF.
//! * [`hypervisors`]: what starts these.
//!
//! What does not live here: how instances are run (`compute`), the two protocols (`ovsdb` and
//! `openflow`), and any decision that concerns more than this host (the controller).

pub mod accounting;
pub mod announcer;
pub mod binding;
pub mod cni;
pub mod connection_limits;
pub mod containers;
pub mod diff;
pub mod gateways;
pub mod guests;
pub mod hold;
pub mod hotplug;
pub mod hypervisors;
pub mod instances;
pub mod links;
pub mod nics;
pub mod observe;
pub mod path;
pub mod pipeline;
pub mod plan_store;
pub mod plugger;
pub mod presence;
pub mod probe;
pub mod prober;
pub mod reconcile;
pub mod respond;
pub mod responder;
pub mod sample_relay;
pub mod session;
pub mod shield;
pub mod status;
pub mod switch;
pub mod topology;
pub mod tracer;
pub mod trial;
pub mod tunnels;
pub mod wanted;
pub mod zones;
