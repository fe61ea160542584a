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

/// How long a host must have said that there is nothing of an instance until it is believed, in milliseconds: what
/// comes may have come since it looked.
const REFUSED_MILLISECONDS: i64 = 4_000;

/// The same where neither host has anything of it.
const LOST_MILLISECONDS: i64 = 15_000;

/// What a migration seems to have come to, and since when: it has to seem so for a while.
pub(crate) type Doubts = BTreeMap<InstanceId, (Doubt, Timestamp)>;

/// What a migration seems to have come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Its old host could not send it, and has it still.
    Refused,
    /// Nobody has it.
    Lost,
}

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
        let report = self.report.as_ref();
        let empty = report.is_some_and(|it| !it.running && it.handle.is_none());
        self.contact == Contact::Open && empty
    }
}

/// How this migration ended, if it did. `doubts` remembers what each seemed to have come to.
pub(crate) fn end(
    (id, migration): (InstanceId, &InstanceMigration),
    (from, to): (&Seen, &Seen),
    doubts: &mut Doubts,
    now: Timestamp,
) -> Option<End> {
    let departure = from.report.as_ref().and_then(|it| it.departure.as_ref());
    let departure = departure.filter(|it| it.began_at == migration.began_at);
    let failure = departure.map(|it| &it.failure);
    let there = to.runs() && (from.is_empty() || from.contact == Contact::Lost);
    if there || failure == Some(&None) {
        return Some(End::There);
    }
    // Whoever asked twice hears that it is under way already: it may be there any moment.
    let refused = failure.and_then(Option::as_ref).filter(|_| from.runs());
    let lost = "it was lost on its way, and is started again".to_owned();
    let (doubt, wait, reason) = match refused {
        _ if !to.is_empty() => return settle(id, doubts),
        Some(reason) => (Doubt::Refused, REFUSED_MILLISECONDS, reason.clone()),
        None if from.is_empty() => (Doubt::Lost, LOST_MILLISECONDS, lost),
        None => return settle(id, doubts),
    };
    let held = doubts.get(&id).filter(|(held, _)| *held == doubt);
    let since = held.map_or(now, |(_, since)| *since);
    doubts.insert(id, (doubt, since));
    let age = now.unix_milliseconds() - since.unix_milliseconds();
    (age > wait).then_some(End::Stayed(reason))
}

/// There is no doubt about it any more.
fn settle(id: InstanceId, doubts: &mut Doubts) -> Option<End> {
    doubts.remove(&id);
    None
}
