//! What bounds a VIF, on the command line.

use api::request::{LimitsUpdate, Setting};
use clap::Args;
use model::{BitRate, Burst, Connections, Limits, PacketRate};

use super::{Maybe, optional};

/// How much a VIF may take. Directions are as its instance sees them.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LimitArgs {
    /// Bits per second that it may send, such as 100M; as much as it can if empty
    #[arg(long, value_parser = optional::<BitRate>)]
    rate_out: Option<Maybe<BitRate>>,
    /// Bits per second that it may be sent, such as 1G
    #[arg(long, value_parser = optional::<BitRate>)]
    rate_in: Option<Maybe<BitRate>>,
    /// Packets per second that it may send, such as 10k
    #[arg(long, value_parser = optional::<PacketRate>)]
    packets_out: Option<Maybe<PacketRate>>,
    /// Packets per second that it may be sent
    #[arg(long, value_parser = optional::<PacketRate>)]
    packets_in: Option<Maybe<PacketRate>>,
    /// Packets per second that it may send to everybody, broadcast and multicast; 1k if empty
    #[arg(long, value_parser = optional::<PacketRate>)]
    floods_out: Option<Maybe<PacketRate>>,
    /// Connections that it may have at once; 100000 if empty
    #[arg(long, value_parser = optional::<Connections>)]
    connections: Option<Maybe<Connections>>,
    /// Milliseconds for which it may exceed its rates after it was silent: 10 to 10000; 200 if empty
    #[arg(long = "burst", value_parser = optional::<Burst>)]
    burst_milliseconds: Option<Maybe<Burst>>,
}

impl LimitArgs {
    pub(super) fn update(&self) -> LimitsUpdate {
        LimitsUpdate {
            rate_out: given(self.rate_out),
            rate_in: given(self.rate_in),
            packets_out: given(self.packets_out),
            packets_in: given(self.packets_in),
            floods_out: given(self.floods_out),
            connections: given(self.connections),
            burst_milliseconds: given(self.burst_milliseconds),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.update().of(Limits::default())
    }
}

fn given<T>(value: Option<Maybe<T>>) -> Setting<T> {
    match value {
        None => Setting::Kept,
        Some(Maybe(None)) => Setting::Removed,
        Some(Maybe(Some(value))) => Setting::To(value),
    }
}
