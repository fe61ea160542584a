//! Labs on this machine: real namespaces, real switches, and stand-ins for Bulkhead's programs.

mod crash;
mod programs;
mod scratch;
mod switches;
