//! A bridge's OpenFlow connection, for probes.

use std::path::{Path, PathBuf};

use openflow::client::{Client, Error, Events, Options};
use openflow::message::{
    AsyncConfig, FlowMod, MeterBand, MeterCommand, MeterMod, MeterUnit, PacketOut, ToSwitch,
};
use openflow::{Action, Flow, PortNo};

use crate::pipeline::cookie::Group;
use crate::pipeline::probe::{METER, PER_SECOND, is_probe, to_agent};

/// What the switch shall tell us of: what flows send to a controller, and nothing else.
const TOLD: AsyncConfig = AsyncConfig {
    packet_in: 1 << 1,
    port_status: 0,
    flow_removed: 0,
};

/// Above whatever an operator's own flows do with such a frame.
const BEFORE_ALL: u16 = 65_000;

/// How many probes may wait to be looked at: those of a whole round.
const EVENT_QUEUE: usize = 1 << 15;

/// Where a bridge listens, if it is there.
pub(super) fn socket(run_directory: &Path, bridge: &str) -> PathBuf {
    run_directory.join(format!("{bridge}.mgmt"))
}

/// Connects to a bridge, and hears its packet-ins from now on.
pub(super) async fn connect(run_directory: &Path, bridge: &str) -> Result<(Client, Events), Error> {
    let options = Options {
        event_queue: EVENT_QUEUE,
        ..Options::default()
    };
    let client = Client::connect(socket(run_directory, bridge), options).await?;
    let events = client.events();
    client.subscribe(TOLD).await?;
    Ok((client, events))
}

/// Catches every probe that comes to this bridge, for so many seconds.
pub(super) async fn catch(client: &Client, seconds: u16) -> Result<(), Error> {
    // Of these two one is refused: the meter may have outlived a check, or not be there.
    let commands = [MeterCommand::Modify, MeterCommand::Add];
    match client.send(commands.map(meter).into()).await {
        Ok(()) | Err(Error::Refused(_)) => {}
        Err(error) => return Err(error),
    }
    let flow = Flow::new(0, BEFORE_ALL, is_probe()).cookie(Group::INFRASTRUCTURE.cookie());
    let flow = Flow {
        hard_timeout: seconds,
        ..to_agent(flow)
    };
    client.commit(vec![FlowMod::add(flow)]).await
}

fn meter(command: MeterCommand) -> ToSwitch {
    ToSwitch::MeterMod(MeterMod {
        command,
        id: METER,
        unit: MeterUnit::Packets,
        bands: vec![MeterBand {
            rate: PER_SECOND,
            burst: PER_SECOND,
        }],
    })
}

/// Forwards a frame as the bridge forwards frames of its host.
pub(super) fn forward(data: Vec<u8>) -> PacketOut {
    PacketOut {
        in_port: PortNo::CONTROLLER,
        actions: vec![Action::output(PortNo::NORMAL)],
        data,
    }
}
