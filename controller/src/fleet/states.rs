//! What watchers are told of how ports and plans stand: only what is otherwise than the host said
//! before. What it says first after a start of the controller is nothing new.

use model::plan::Generation;
use model::report::Vif;
use model::{EventKind, HostId, PortId, PortState};

use super::Fleet;
use crate::journal::Note;

/// How ports and the plan of a host stand otherwise than before.
#[derive(Default)]
pub(crate) struct States {
    /// Whether the host has said before how its ports stand.
    known: bool,
    turned: Vec<Turned>,
    realized: Option<Generation>,
}

struct Turned {
    port: PortId,
    active: bool,
    reason: Option<String>,
}

impl States {
    /// Of a host that had realized one plan, and has realized another.
    pub(super) fn after(before: Option<Generation>, now: Generation) -> Self {
        Self {
            known: before.is_some(),
            turned: Vec::new(),
            realized: Some(now).filter(|_| before != Some(now)),
        }
    }

    /// A port was in one state, and is now as its interface says, if that is there still.
    pub(super) fn port(&mut self, port: PortId, was: Option<PortState>, now: Option<&Vif>) {
        let active = now.is_some_and(|vif| vif.state == PortState::Active);
        if self.known && active != (was == Some(PortState::Active)) {
            let reason = now.and_then(|vif| vif.reason.clone());
            self.turned.push(Turned {
                port,
                active,
                reason,
            });
        }
    }
}

impl Fleet {
    /// Tells watchers how ports and the plan of a host stand now.
    pub(super) fn tell_states(&self, host: HostId, states: &States) {
        for turned in &states.turned {
            self.tell_port(host, turned);
        }
        if let Some(generation) = states.realized {
            self.events.tell(Note {
                host_id: Some(host),
                noun: Some("host"),
                object_id: Some(host.uuid()),
                revision: Some(generation.0),
                ..Note::new(
                    EventKind::PlanRealized,
                    format!("plan {generation} is realized"),
                )
            });
        }
    }

    fn tell_port(&self, host: HostId, turned: &Turned) {
        let intent = self.intent();
        let port = intent.ports.get(&turned.port);
        let name = port
            .and_then(|port| port.name.as_ref())
            .map(ToString::to_string);
        let name = name.unwrap_or_else(|| turned.port.to_string());
        let (kind, state) = match turned.active {
            true => (EventKind::PortActive, "active"),
            false => (EventKind::PortDark, "dark"),
        };
        let reason = turned.reason.as_ref();
        let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
        self.events.tell(Note {
            host_id: Some(host),
            tenant_id: port.map(|port| port.tenant_id),
            noun: Some("port"),
            object_id: Some(turned.port.uuid()),
            ..Note::new(kind, format!("port {name} is {state}{reason}"))
        });
    }
}
