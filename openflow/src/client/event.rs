//! What a switch says unasked.

use bytes::Bytes;
use tokio::sync::broadcast::{self, error::RecvError};
use tracing::warn;

use crate::message::{
    FlowRemoved, FlowUpdate, FromSwitch, Header, MultipartReply, PacketIn, PortStatus, kind,
    multipart,
};

/// Something that happened in the switch.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A flow changed, by whoever it was.
    FlowsChanged(FlowUpdate),
    /// A flow that asked for it (`send_flow_rem`) is gone; its last counts are here.
    FlowRemoved(FlowRemoved),
    /// A packet for us.
    PacketIn(PacketIn),
    /// A port appeared, vanished or changed.
    PortStatus(PortStatus),
    /// Events were lost, because they came faster than they were taken or could not be
    /// understood: look at the whole state again.
    MonitorOverflow,
}

/// The stream of events; see [`super::Client::events`].
#[derive(Debug)]
pub struct Events(pub(super) broadcast::Receiver<Event>);

impl Events {
    /// Waits for the next event; `None` when the connection is closed. Loses nothing when the
    /// wait is given up.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(_)) => Some(Event::MonitorOverflow),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Whether nobody asked for this message.
pub(super) fn is_event(header: Header, frame: &Bytes) -> bool {
    match header.kind {
        kind::PACKET_IN | kind::FLOW_REMOVED | kind::PORT_STATUS | kind::EXPERIMENTER => true,
        // Open vSwitch sends changes to flows as multipart replies to request 0, once the
        // reply to the request that began the monitoring is over.
        kind::MULTIPART_REPLY => header.xid == 0 && multipart::is_flow_monitor(frame),
        _ => false,
    }
}

/// The events in a message.
pub(super) fn decode(frame: &Bytes) -> Vec<Event> {
    match FromSwitch::decode(frame) {
        Ok((_, FromSwitch::PacketIn(packet))) => vec![Event::PacketIn(packet)],
        Ok((_, FromSwitch::FlowRemoved(flow))) => vec![Event::FlowRemoved(flow)],
        Ok((_, FromSwitch::PortStatus(status))) => vec![Event::PortStatus(status)],
        Ok((_, FromSwitch::Multipart(MultipartReply::FlowUpdates(updates)))) => {
            updates.into_iter().map(Event::FlowsChanged).collect()
        }
        Ok(_) => Vec::new(),
        Err(error) => {
            warn!(%error, "an event of the switch could not be decoded");
            vec![Event::MonitorOverflow]
        }
    }
}
