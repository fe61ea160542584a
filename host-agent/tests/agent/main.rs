//! The whole agent as a program, against a real ovsdb-server and ovs-vswitchd (dummy datapath) and
//! a scripted controller over real mutual TLS.

mod controller;
mod healing;
mod host;
mod plan;
mod plugging;
mod restarts;
