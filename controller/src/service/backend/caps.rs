//! Caps, as the REST API has them, and what operators hear of them.

use api::backend::{Caller, CapBackend, Outcome};
use api::problem::{Code, Problem};
use api::request::{CapCreate, CapUpdate};
use api::resource::{CapStatus, CapView};
use model::{Cap, CapAction, CapId, CapStanding, EventKind, Timestamp};

use crate::caps::decide::{News, Why, span};
use crate::caps::{Late, Used};
use crate::intent::Intent;
use crate::service::{Service, caller, cap};

impl CapBackend for Service {
    fn caps(&self) -> Vec<CapView> {
        let intent = self.writer.intent();
        let caps = intent.caps.values();
        caps.map(|it| self.cap_view(Cap::clone(it))).collect()
    }

    fn cap(&self, id: CapId) -> Option<CapView> {
        let intent = self.writer.intent();
        let cap = intent.caps.get(&id)?;
        Some(self.cap_view(Cap::clone(cap)))
    }

    async fn cap_create(&self, caller: Caller, request: CapCreate) -> Outcome<CapView> {
        let Some(interval_seconds) = self.usage_interval_seconds() else {
            let detail = "the collector runs on its own, so that nobody here knows what is moved; \
                          caps need it within the controller";
            return Err(Problem::new(Code::StoreUnavailable, detail));
        };
        let at = (interval_seconds.get(), Timestamp::now());
        let decide = |intent: &_| cap::create(intent, request, at);
        let made = self.writer.change(caller, "cap_create", decide).await?;
        self.caps.changed();
        Ok(self.cap_view(made))
    }

    async fn cap_update(&self, caller: Caller, id: CapId, request: CapUpdate) -> Outcome<CapView> {
        let verb = match request.standing {
            Some(_) => "cap_lift",
            None => "cap_update",
        };
        let (actor, now) = (caller.actor.clone(), Timestamp::now());
        let mut before = CapStanding::Below;
        let decide = |intent: &Intent| {
            let held = intent.caps.get(&id);
            before = held.map_or(before, |cap| cap.state.standing);
            cap::update(intent, id, (request, now))
        };
        let cap: Cap = self.writer.change(caller, verb, decide).await?;
        if before == CapStanding::Reached && cap.state.standing == CapStanding::Lifted {
            let until = span(&cap, now).to;
            let said = format!("{actor} lifted {} until {until}", self.cap_name(&cap));
            self.fleet.note(EventKind::CapLifted, said);
        }
        self.caps.changed();
        Ok(self.cap_view(cap))
    }

    async fn cap_delete(&self, caller: Caller, id: CapId) -> Outcome<()> {
        let actor = caller.actor.clone();
        let decide = |intent: &_| cap::delete(intent, id);
        let cap = self.writer.change(caller, "cap_delete", decide).await?;
        if cap.state.standing == CapStanding::Reached {
            let said = format!(
                "{actor} took {} away, which was reached",
                self.cap_name(&cap)
            );
            self.fleet.note(EventKind::CapLifted, said);
        }
        Ok(())
    }
}

impl Service {
    /// Writes what became of these caps, and then tells of it.
    pub(crate) async fn caps_look(
        &self,
        verb: &'static str,
        used: Vec<Used>,
        now: Timestamp,
    ) -> Outcome<()> {
        let decide = |intent: &_| Ok(cap::look(intent, &used, now));
        let asks = caller("controller".to_owned());
        let happened: Vec<(Cap, News)> = self.writer.change(asks, verb, decide).await?;
        for (cap, news) in &happened {
            self.say_of_cap(cap, *news);
        }
        Ok(())
    }

    fn say_of_cap(&self, cap: &Cap, news: News) {
        let name = self.cap_name(cap);
        let (moved, bytes) = (cap.state.noted_bytes, cap.bytes.get());
        let since = cap.state.period_start;
        match news {
            News::Warned(share) => {
                let said = format!("{share} of {name}: {moved} of {bytes} bytes since {since}");
                self.fleet.note(EventKind::CapWarned, said);
            }
            News::Reached => {
                let then = match cap.action {
                    CapAction::Throttle { rate } => {
                        format!("each VIF that it is about is held to {rate} bit/s")
                    }
                    CapAction::Suspend => "what it counts is suspended".to_owned(),
                };
                let said =
                    format!("{name} is reached: {moved} of {bytes} bytes since {since}; {then}");
                self.fleet.note(EventKind::CapReached, said);
            }
            News::Lifted(Why::Raised) => {
                let said = format!("{name} is lifted: it was raised beyond {moved} bytes");
                self.fleet.note(EventKind::CapLifted, said);
            }
            // All of a pool at once: that must not push out everything else. The audit log has each.
            News::Lifted(Why::NewPeriod) => {
                let said = format!("{name} is lifted: a new {} began", cap.period.name());
                self.fleet.tell_of(EventKind::CapLifted, None, said);
            }
        }
    }

    /// Tells operators that caps may be enforced late.
    pub(crate) fn say_caps_are_late(&self, late: Late) {
        self.fleet
            .tell_of(EventKind::CapLate, late.host, late.message);
    }

    /// What a cap is called in a sentence.
    fn cap_name(&self, cap: &Cap) -> String {
        let intent = self.writer.intent();
        let tenant = intent.tenants.get(&cap.tenant_id);
        let tenant = tenant.map_or("?", |it| it.name.as_str());
        let whose = match cap.port_id {
            Some(port) => format!("VIF {port} of tenant {tenant}"),
            None => format!("tenant {tenant}"),
        };
        let class = cap.class.name();
        format!("the {class} cap {} of {whose}", cap.id)
    }

    fn cap_view(&self, cap: Cap) -> CapView {
        let used = self.caps.used(cap.id);
        let status = CapStatus {
            used_bytes: used.map(|(bytes, _)| bytes),
            checked_at: used.map(|(_, at)| at),
        };
        CapView { cap, status }
    }
}
