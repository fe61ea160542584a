//! What the API shows: objects with what hosts say of them.

use api::resource::{HostView, InstanceView, PortView, RuleHitsView, TunnelView};
use model::{Encapsulation, Host, HostId, HostStatus, Port, SecurityGroup, Traffic};
use uuid::Uuid;

use crate::fleet::{Observed, SeenHost};
use crate::intent::Intent;
use crate::object::PluggedInstance;
use crate::service::instance;

/// What each logged rule of a group let through on all hosts.
pub(super) fn group_hits<'a>(
    group: &'a SecurityGroup,
    observed: &'a Observed,
) -> impl Iterator<Item = RuleHitsView> + 'a {
    let logged = group.rules.iter().filter(|rule| rule.allows.logged);
    logged.map(move |rule| {
        let hosts = observed.hosts();
        let hits = hosts.filter_map(|(_, seen)| seen.rule_hits.get(&rule.id));
        let traffic = hits.fold(Traffic::default(), |sum, hits| Traffic {
            packets: sum.packets.saturating_add(hits.packets),
            bytes: sum.bytes.saturating_add(hits.bytes),
        });
        RuleHitsView {
            id: rule.id,
            security_group_id: group.id,
            traffic,
        }
    })
}

/// The tunnels of a host, as it sees them.
pub(super) fn tunnel_views<'a>(
    intent: &'a Intent,
    host: HostId,
    seen: &'a SeenHost,
) -> impl Iterator<Item = TunnelView> + 'a {
    seen.tunnels.values().map(move |it| {
        let peer = intent.host_with_endpoint(it.tunnel.peer).map(|it| it.id);
        let [ours, theirs] = [Some(host), peer].map(|id| id.map_or(0, |id| id.uuid().as_u128()));
        // Both ends have one of each kind, so the two ids and the kind must not cancel out.
        let kind = u128::from(it.tunnel.kind == Encapsulation::Geneve);
        TunnelView {
            id: Uuid::from_u128(ours ^ theirs.rotate_left(64) ^ kind),
            host_id: host,
            peer_host_id: peer,
            tunnel: it.tunnel.clone(),
            since: it.since,
        }
    })
}

/// The interface of a sub-port is its trunk's, and so is what is known of it.
pub(super) fn port_view(intent: &Intent, port: &Port, observed: &Observed) -> PortView {
    let trunk = port.on_trunk.and_then(|it| intent.ports.get(&it.trunk_id));
    PortView {
        port: port.clone(),
        status: observed.port_status(trunk.map_or(port, |trunk| trunk)),
    }
}

pub(super) fn instance_view(plugged: &PluggedInstance, observed: &Observed) -> InstanceView {
    let instance = plugged.instance.clone();
    let status = observed.instance_status(instance.host_id, instance.id);
    InstanceView {
        instance,
        port_ids: plugged.port_ids.clone(),
        status: status.unwrap_or(instance::NOT_REPORTED),
    }
}

pub(super) fn host_view(host: &Host, observed: &Observed) -> HostView {
    let status = observed.host(host.id).map(|seen| HostStatus {
        nics: seen.nics.to_vec(),
        ..seen.status.clone()
    });
    HostView {
        host: host.clone(),
        status: status.unwrap_or_default(),
    }
}
