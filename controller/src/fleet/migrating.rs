//! How a migration goes on, given what its two hosts say: pure.
//!
//! See [`Migration`] for the stages. Two rules make sure that a port is lit on one host at most: it is lit
//! nowhere until the host that had it says that it is dark *by the plan that took it away*, and of hosts
//! without a session nothing is believed until they are given up. A host that is given up may still carry
//! frames, but nobody is behind its interface: the guest was seen to run on the other one.

#[cfg(test)]
mod tests;

use model::plan::Generation;
use model::report::Vif;
use model::{Guest, GuestState, HostId, Migration, MigrationStage, PortState, Timestamp};

/// How long a host may be away before it is given up, in milliseconds: an agent that restarts takes less.
const GIVEN_UP_MILLISECONDS: i64 = 10_000;

/// What one of the two hosts says of the port.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Whether it says anything.
    pub(crate) contact: Contact,
    /// The newest plan that it holds, as last told.
    pub(crate) held: Generation,
    /// Its live interface that names the port, as last told.
    pub(crate) vif: Option<Vif>,
}

/// How it stands with a host's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    /// It is open, and the host said all that it has.
    Open,
    /// It is not, or the host said nothing yet: it may have anything.
    Away,
    /// It is not for so long that the host is given up.
    Lost,
}

impl Contact {
    /// Of a host without a session since then.
    pub(super) fn of_absent(since: Timestamp, now: Timestamp) -> Self {
        let age = now.unix_milliseconds() - since.unix_milliseconds();
        match age > GIVEN_UP_MILLISECONDS {
            true => Self::Lost,
            false => Self::Away,
        }
    }
}

impl Place {
    /// The interface, if the host is there and has one.
    fn present(&self) -> Option<&Vif> {
        self.vif.as_ref().filter(|_| self.contact == Contact::Open)
    }

    /// The host is there, and has none.
    fn is_empty(&self) -> bool {
        self.contact == Contact::Open && self.vif.is_none()
    }

    /// Whether no frame of the port passes there, by the plan of this generation.
    fn is_dark(&self, since: Generation) -> bool {
        match (self.contact, &self.vif) {
            (Contact::Away, _) => false,
            (Contact::Lost, _) => true,
            // By an older plan, an interface that comes back would be lit.
            (Contact::Open, None) => self.held >= since,
            (Contact::Open, Some(vif)) => is_standby(vif, since),
        }
    }

    /// Whether rules are in place behind an interface of the port, by the plan of this generation.
    pub(crate) fn is_ready(&self, since: Generation) -> bool {
        self.present().is_some_and(|vif| is_standby(vif, since))
    }

    /// Whether whoever is behind the interface spoke since then, though on standby.
    fn spoke(&self, since: Generation) -> bool {
        self.present().is_some_and(|vif| vif.spoke >= Some(since))
    }

    fn guest(&self) -> Option<&Guest> {
        self.present()?.guest.as_ref()
    }

    fn guest_is(&self, state: GuestState) -> bool {
        self.guest().is_some_and(|guest| guest.state == state)
    }
}

fn is_standby(vif: &Vif, since: Generation) -> bool {
    vif.state == PortState::Standby && vif.generation >= Some(since)
}

/// What becomes of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is at this stage from now on.
    To(MigrationStage),
    /// It is over, and the port belongs to this host.
    Over(HostId),
}

/// The next step, if it is time for one.
pub(crate) fn next(
    migration: &Migration,
    from: &Place,
    to: &Place,
    now: Timestamp,
) -> Option<Step> {
    let since = migration.since;
    match migration.stage {
        MigrationStage::Prepared if runs_at_target(since, from, to) => {
            Some(Step::To(MigrationStage::Switching))
        }
        MigrationStage::Prepared => {
            let most = Migration::PREPARED_SECONDS_MAX * 1_000;
            let age = now.unix_milliseconds() - migration.began_at.unix_milliseconds();
            (age > most).then_some(Step::Over(migration.from))
        }
        MigrationStage::Switching => {
            let dark = from.is_dark(since);
            dark.then_some(Step::To(MigrationStage::Switched))
        }
        MigrationStage::Switched if to.present().is_some() && from.is_empty() => {
            Some(Step::Over(migration.to))
        }
        MigrationStage::Switched => {
            let back = runs_at_source(since, from, to);
            back.then_some(Step::To(MigrationStage::Returning))
        }
        MigrationStage::Returning => {
            let dark = to.is_dark(since);
            dark.then_some(Step::To(MigrationStage::Prepared))
        }
        MigrationStage::CallingOff => {
            let dark = to.is_dark(since);
            dark.then_some(Step::Over(migration.from))
        }
    }
}

/// Whether a prepared port is to be switched: its guest spoke or runs on the target, or the source let go
/// of it. A guest that the source paused is on its way if the target is ready for it: what the switch
/// takes is then over before it runs.
fn runs_at_target(since: Generation, from: &Place, to: &Place) -> bool {
    if to.present().is_none() {
        return false;
    }
    let uuid = |place: &Place| place.guest().map(|guest| guest.uuid);
    let on_its_way =
        from.guest_is(GuestState::Paused) && uuid(from) == uuid(to) && to.is_ready(since);
    to.spoke(since) || to.guest_is(GuestState::Running) || from.is_empty() || on_its_way
}

/// Whether a switched port is to come back: the target has no interface of it any more, or is given up, or
/// its guest does not run there; and whoever is behind the source's interface spoke after the switch.
fn runs_at_source(since: Generation, from: &Place, to: &Place) -> bool {
    if to.is_empty() {
        return from.present().is_some();
    }
    let stopped = to.guest().is_some() && !to.guest_is(GuestState::Running);
    from.spoke(since) && (to.contact == Contact::Lost || stopped)
}
