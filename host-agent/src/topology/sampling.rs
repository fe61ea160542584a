//! sFlow of the integration bridge.

use model::SampleWay;
use model::plan::{PlanKey, Sampling};
use ovsdb::{Condition, NamedUuid, Operation, Value};

use super::Surroundings;
use super::edit::Edit;
use crate::observe::{Bridge, OWNER, Sflow, SflowSettings};
use crate::sample_relay;
use crate::wanted::Wanted;

/// Touches nothing that is right: any change restarts the switch's sequence numbers and uptime, and
/// looks like loss to a collector.
pub(super) fn plan(bridge: &Bridge, wanted: &Wanted, surroundings: &Surroundings, edit: &mut Edit) {
    let settings = wanted.sampling.as_ref();
    let settings = settings.map(|sampling| settings_of(sampling, surroundings));
    match (&bridge.sflow, settings) {
        (None, None) => {}
        (Some(Sflow { ours: false, .. }), None) => {}
        (Some(Sflow { ours: false, .. }), Some(_)) => edit.fail(
            PlanKey::Sampling,
            "br-int has sFlow settings that are not ours".to_owned(),
        ),
        (Some(_), None) => {
            let nothing = vec![("sflow", Value::empty_set())];
            edit.update("Bridge", bridge.row, nothing);
        }
        (Some(sflow), Some(settings)) if sflow.settings == settings => {}
        (Some(sflow), Some(settings)) => {
            edit.update("sFlow", sflow.row, columns(settings).into());
        }
        (None, Some(settings)) => add(bridge, settings, edit),
    }
}

fn settings_of(sampling: &Sampling, surroundings: &Surroundings) -> SflowSettings {
    let target = match sampling.way {
        SampleWay::Datagrams => sampling.collector,
        SampleWay::Session => sample_relay::ADDRESS,
    };
    SflowSettings {
        agent: surroundings.management_interface.clone(),
        targets: [target.to_string()].into(),
        sampling: Some(sampling.rate.into()),
        header: Some(sampling.header_bytes.into()),
        polling: Some(sampling.polling_seconds.into()),
    }
}

fn add(bridge: &Bridge, settings: SflowSettings, edit: &mut Edit) {
    let name = edit.row_name();
    let insert = Operation::insert("sFlow")
        .with_uuid_name(name.as_str())
        .column("external_ids", Value::map([OWNER]));
    let insert = columns(settings)
        .into_iter()
        .fold(insert, |insert, (column, value)| {
            insert.column(column, value)
        });
    edit.push(insert);
    let attach = Operation::update("Bridge")
        .where_(Condition::equal("_uuid", bridge.row))
        .column("sflow", NamedUuid::new(name));
    edit.push(attach);
}

fn columns(settings: SflowSettings) -> [(&'static str, Value); 5] {
    [
        ("agent", Value::set(settings.agent)),
        ("targets", Value::set(settings.targets)),
        ("sampling", Value::set(settings.sampling)),
        ("header", Value::set(settings.header)),
        ("polling", Value::set(settings.polling)),
    ]
}
