//! How the migration of an instance ends, given what its two hosts say of it: pure.
//!
//! libvirt hands an instance over by itself, and its host says what came of it. Where that is lost, because an
//! agent was killed meanwhile, what runs where says it. In doubt nothing is concluded: an instance that was
//! taken for lost too soon would run twice.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::report::InstanceReport;
use model::{InstanceId, InstanceMigration, Timestamp};

use super::migrating::Contact;

/// How long nothing of an instance must be seen on either host until it is taken for lost, in milliseconds.
const LOST_MILLISECONDS: i64 = 15_000;

/// What one of the two hosts says of the instance.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Whether it says anything.
    pub(crate) contact: Contact,
    /// What.
    pub(crate) report: Option<InstanceReport>,
}

/// How a migration ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It runs on its new host.
    There,
    /// It is where it was, because of this.
    Stayed(String),
}

impl Seen {
    fn runs(&self) -> bool {
        let runs = self.report.as_ref().is_some_and(|it| it.running);
        self.contact == Contact::Open && runs
    }

    /// The host says that there is nothing of it.
    fn is_empty(&self) -> bool {
        let empty = self.report.as_ref().is_some_and(|it| !it.running);
        self.contact == Contact::Open && empty
    }
}

/// How this migration ended, if it did. `lost` remembers since when nothing of an instance is seen.
pub(crate) fn end(
    (id, migration): (InstanceId, &InstanceMigration),
    (from, to): (&Seen, &Seen),
    lost: &mut BTreeMap<InstanceId, Timestamp>,
    now: Timestamp,
) -> Option<End> {
    let departure = from.report.as_ref().and_then(|it| it.departure.as_ref());
    let departure = departure.filter(|it| it.began_at == migration.began_at);
    let is_seen = !(from.is_empty() && to.is_empty());
    if is_seen {
        lost.remove(&id);
    }
    let there = to.runs() && (from.is_empty() || from.contact == Contact::Lost);
    match departure.map(|it| &it.failure) {
        Some(None) => return Some(End::There),
        _ if there => return Some(End::There),
        Some(Some(reason)) if from.runs() && !to.runs() => {
            return Some(End::Stayed(reason.clone()));
        }
        _ if is_seen => return None,
        _ => {}
    }
    let since = *lost.entry(id).or_insert(now);
    let age = now.unix_milliseconds() - since.unix_milliseconds();
    let reason = "it was lost on its way, and is started again".to_owned();
    (age > LOST_MILLISECONDS).then_some(End::Stayed(reason))
}
