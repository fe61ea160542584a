//! A port of two hosts, in any order of what may happen: moves, reports that come late, crashes, changes of mind.

use std::collections::VecDeque;

use model::Id;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What a plan says of the port on one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planned {
    Nothing,
    Lit,
    Standby(Generation),
}

/// A host: an agent, its switch, and what is on its way to and from the controller.
#[derive(Debug)]
struct Host {
    runs: bool,
    held: Planned,
    has_interface: bool,
    /// What the switch carries, whether or not an agent runs.
    lit: bool,
    gate: Option<Generation>,
    spoke: Option<Generation>,
    plans: VecDeque<(Generation, Planned)>,
    reports: VecDeque<(Generation, Option<Vif>)>,
    /// The controller's word.
    session: bool,
    told: bool,
    lost_at: i64,
    seen: Option<Vif>,
    told_held: Generation,
    newest: Generation,
    /// It was away for too long and has not taken a plan since.
    given_up: bool,
}

#[derive(Debug)]
struct World {
    now: i64,
    revision: u64,
    home: usize,
    migration: Option<Migration>,
    ids: [HostId; 2],
    hosts: [Host; 2],
    guest: usize,
    follows: bool,
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Begin,
    CallOff,
    GuestMoves,
    Speaks,
    Plugged(bool),
    Unplugged(bool),
    PlanArrives(bool),
    ReportArrives(bool),
    AgentDies(bool),
    AgentStarts(bool),
    SessionBreaks(bool),
    SessionOpens(bool),
    ControllerRestarts,
    TimePasses(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    let hosts = any::<bool>();
    prop_oneof![
        2 => Just(Happening::Begin),
        1 => Just(Happening::CallOff),
        2 => Just(Happening::GuestMoves),
        4 => Just(Happening::Speaks),
        2 => hosts.prop_map(Happening::Plugged),
        1 => hosts.prop_map(Happening::Unplugged),
        8 => hosts.prop_map(Happening::PlanArrives),
        8 => hosts.prop_map(Happening::ReportArrives),
        1 => hosts.prop_map(Happening::AgentDies),
        2 => hosts.prop_map(Happening::AgentStarts),
        1 => hosts.prop_map(Happening::SessionBreaks),
        2 => hosts.prop_map(Happening::SessionOpens),
        1 => Just(Happening::ControllerRestarts),
        2 => (0..20u8).prop_map(Happening::TimePasses),
    ]
}

impl Host {
    fn new(has_interface: bool) -> Self {
        Self {
            runs: true,
            held: Planned::Nothing,
            has_interface,
            lit: false,
            gate: None,
            spoke: None,
            plans: VecDeque::new(),
            reports: VecDeque::new(),
            session: true,
            told: false,
            lost_at: 0,
            seen: None,
            told_held: Generation(0),
            newest: Generation(0),
            given_up: false,
        }
    }

    /// A pass of the agent.
    fn pass(&mut self) {
        if !self.runs {
            return;
        }
        self.lit = self.has_interface && self.held == Planned::Lit;
        self.gate = match self.held {
            Planned::Standby(since) if self.has_interface => Some(since),
            _ => None,
        };
        self.spoke = self.spoke.filter(|it| self.gate == Some(*it));
        if self.session {
            self.report();
        }
    }

    fn report(&mut self) {
        self.reports.push_back((self.newest, self.vif()));
    }

    fn vif(&self) -> Option<Vif> {
        let state = match (self.lit, self.gate) {
            (true, _) => PortState::Active,
            (_, Some(_)) => PortState::Standby,
            _ => PortState::Down,
        };
        self.has_interface.then(|| Vif {
            interface: "vif".into(),
            iface_id: String::new(),
            port_id: None,
            ifindex: Some(7),
            state,
            reason: None,
            generation: self.gate,
            spoke: self.spoke,
            guest: None,
        })
    }

    fn place(&self, now: i64) -> Place {
        let at = |seconds: i64| Timestamp::from_unix_seconds(seconds);
        let contact = match (self.session, self.told) {
            (true, true) => Contact::Open,
            (true, false) => Contact::Away,
            _ => Contact::of_absent(at(self.lost_at), at(now)),
        };
        Place {
            contact,
            held: self.told_held,
            vif: self.seen.clone(),
        }
    }
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            now: 1_000,
            revision: 1,
            home: 0,
            migration: None,
            ids: [Id::generate(), Id::generate()],
            hosts: [Host::new(true), Host::new(false)],
            guest: 0,
            follows: false,
        };
        world.send_plans();
        world.settle();
        world
    }

    fn number(&self, id: HostId) -> usize {
        usize::from(self.ids[1] == id)
    }

    fn planned(&self, host: usize) -> Planned {
        match self.migration {
            None if self.home == host => Planned::Lit,
            None => Planned::Nothing,
            Some(migration) if migration.lit() == Some(self.ids[host]) => Planned::Lit,
            Some(migration) => Planned::Standby(migration.since),
        }
    }

    fn send_plans(&mut self) {
        for host in 0..2 {
            let plan = self.planned(host);
            if self.hosts[host].session {
                let plan = (Generation(self.revision), plan);
                self.hosts[host].plans.push_back(plan);
            }
        }
    }

    fn write(&mut self, migration: Option<Migration>, home: usize) {
        self.revision += 1;
        self.home = home;
        self.migration = migration;
        self.send_plans();
    }

    fn next_stage(&mut self, step: Step) {
        let since = Generation(self.revision + 1);
        match step {
            Step::Over(home) => self.write(None, self.number(home)),
            Step::To(stage) => {
                let migration = self.migration.map(|it| Migration { stage, since, ..it });
                let home = migration.map_or(self.home, |it| self.number(it.home()));
                self.write(migration, home);
            }
        }
    }

    /// What the controller does with what it knows.
    fn judge(&mut self) {
        let places = [0, 1].map(|host| self.hosts[host].place(self.now));
        for (host, place) in self.hosts.iter_mut().zip(&places) {
            host.given_up |= place.contact == Contact::Lost;
        }
        let Some(migration) = self.migration else {
            // Without a migration, a port follows its interface when its host has let go of it. That rests
            // on what a host said last, and is not what this is about.
            let other = 1 - self.home;
            if self.follows && places[self.home].is_empty() && places[other].present().is_some() {
                self.write(None, other);
            }
            return;
        };
        let from = &places[self.number(migration.from)];
        let to = &places[self.number(migration.to)];
        let now = Timestamp::from_unix_seconds(self.now);
        if let Some(step) = next(&migration, from, to, now) {
            self.next_stage(step);
        }
    }

    fn happens(&mut self, what: Happening) {
        match what {
            Happening::Begin if self.migration.is_none() => {
                let migration = Migration {
                    from: self.ids[self.home],
                    to: self.ids[1 - self.home],
                    stage: MigrationStage::Prepared,
                    since: Generation(self.revision + 1),
                    began_at: Timestamp::from_unix_seconds(self.now),
                };
                self.write(Some(migration), self.home);
            }
            Happening::CallOff => self.call_off(),
            Happening::GuestMoves => self.guest = 1 - self.guest,
            Happening::Speaks => {
                let host = &mut self.hosts[self.guest];
                if host.runs && host.gate.is_some() {
                    host.spoke = host.gate;
                    host.pass();
                }
            }
            Happening::Plugged(host) => self.plug(usize::from(host), true),
            Happening::Unplugged(host) => self.plug(usize::from(host), false),
            Happening::PlanArrives(host) => self.plan_arrives(usize::from(host)),
            Happening::ReportArrives(host) => {
                let host = &mut self.hosts[usize::from(host)];
                if let Some((held, seen)) = host.reports.pop_front() {
                    host.told_held = held;
                    host.seen = seen;
                    host.told = true;
                }
            }
            Happening::AgentDies(host) => {
                self.session_breaks(usize::from(host));
                self.hosts[usize::from(host)].runs = false;
            }
            Happening::AgentStarts(host) => {
                let host = &mut self.hosts[usize::from(host)];
                if !host.runs {
                    host.runs = true;
                    host.spoke = None;
                    host.pass();
                }
            }
            Happening::SessionBreaks(host) => self.session_breaks(usize::from(host)),
            Happening::SessionOpens(host) => self.session_opens(usize::from(host)),
            Happening::ControllerRestarts => {
                for host in 0..2 {
                    self.session_breaks(host);
                    let now = self.now;
                    let host = &mut self.hosts[host];
                    (host.seen, host.lost_at) = (None, now);
                    host.told_held = Generation(0);
                }
                self.revision += 1;
            }
            Happening::TimePasses(seconds) => self.now += i64::from(seconds),
            Happening::Begin => {}
        }
        self.judge();
    }

    fn call_off(&mut self) {
        let Some(migration) = self.migration else {
            return;
        };
        match migration.stage {
            MigrationStage::Prepared | MigrationStage::Switching => {
                self.next_stage(Step::Over(migration.from));
            }
            MigrationStage::Switched | MigrationStage::Returning => {
                self.next_stage(Step::To(MigrationStage::CallingOff));
            }
            MigrationStage::CallingOff => {}
        }
    }

    fn plug(&mut self, host: usize, has_interface: bool) {
        let host = &mut self.hosts[host];
        host.has_interface = has_interface;
        // Without an interface there is nothing to pass, whoever knows of it; a new one has a new number.
        host.lit = false;
        host.gate = None;
        host.pass();
    }

    fn plan_arrives(&mut self, host: usize) {
        let host = &mut self.hosts[host];
        if host.runs
            && host.session
            && let Some((generation, plan)) = host.plans.pop_front()
        {
            (host.newest, host.held) = (generation, plan);
            host.given_up = false;
            host.pass();
        }
    }

    fn session_breaks(&mut self, host: usize) {
        let now = self.now;
        let host = &mut self.hosts[host];
        if host.session {
            (host.session, host.lost_at) = (false, now);
        }
        host.plans.clear();
        host.reports.clear();
    }

    fn session_opens(&mut self, host: usize) {
        let plan = self.planned(host);
        let host = &mut self.hosts[host];
        if host.runs && !host.session {
            (host.session, host.told) = (true, false);
            host.plans.push_back((Generation(self.revision), plan));
            host.report();
        }
    }

    /// Everything that is on its way arrives, and nothing else happens.
    fn settle(&mut self) {
        for _ in 0..50 {
            for host in [false, true] {
                self.happens(Happening::AgentStarts(host));
                self.happens(Happening::SessionOpens(host));
                self.happens(Happening::PlanArrives(host));
                self.happens(Happening::ReportArrives(host));
            }
        }
    }

    fn lit(&self) -> Vec<usize> {
        let lit = |host: &usize| self.hosts[*host].lit && !self.hosts[*host].given_up;
        [0, 1].into_iter().filter(lit).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn in_any_order_of_events_a_port_is_lit_on_one_host_at_most_and_at_last_where_its_guest_runs(
        what in prop::collection::vec(happening(), 0..120),
        winner in any::<Index>(),
    ) {
        let mut world = World::new();
        prop_assert_eq!(world.lit(), [0]);
        for it in what {
            world.happens(it);
            let lit = world.lit();
            prop_assert!(lit.len() <= 1, "both are lit after {:?}: {:#?}", it, world);
        }
        // It ends somewhere: its guest runs there, and nothing of it is left on the other host.
        let winner = winner.index(2);
        world.settle();
        world.guest = winner;
        world.follows = true;
        world.happens(Happening::Plugged(winner == 1));
        world.happens(Happening::Unplugged(winner == 0));
        world.settle();
        world.happens(Happening::Speaks);
        world.settle();
        prop_assert_eq!(world.lit(), [winner], "{:#?}", world);
    }
}

/// A place with an interface in this state.
fn place(state: PortState, generation: u64) -> Place {
    let mut host = Host::new(true);
    host.lit = state == PortState::Active;
    let mut vif = host.vif().unwrap();
    vif.state = state;
    vif.generation = Some(Generation(generation));
    Place {
        contact: Contact::Open,
        held: Generation(0),
        vif: Some(vif),
    }
}

fn guest(place: Place, state: GuestState) -> Place {
    let vif = place.vif.map(|vif| Vif {
        guest: Some(Guest {
            driver: "libvirt".into(),
            name: "web".into(),
            uuid: uuid::Uuid::from_u128(9),
            state,
        }),
        ..vif
    });
    Place { vif, ..place }
}

fn migration(stage: MigrationStage) -> Migration {
    Migration {
        from: Id::generate(),
        to: Id::generate(),
        stage,
        since: Generation(5),
        began_at: Timestamp::from_unix_seconds(1_000),
    }
}

fn step(stage: MigrationStage, from: &Place, to: &Place) -> Option<MigrationStage> {
    let now = Timestamp::from_unix_seconds(1_001);
    match next(&migration(stage), from, to, now)? {
        Step::To(stage) => Some(stage),
        Step::Over(_) => None,
    }
}

#[test]
fn a_guest_that_its_source_paused_is_switched_before_it_runs_on_a_target_that_is_ready() {
    use GuestState::{Paused, Running};
    let from = |state| guest(place(PortState::Active, 4), state);
    let ready = guest(place(PortState::Standby, 5), Paused);
    let unready = guest(place(PortState::Building, 5), Paused);
    let prepared = |from: &Place, to: &Place| step(MigrationStage::Prepared, from, to);
    assert_eq!(prepared(&from(Running), &ready), None);
    assert_eq!(prepared(&from(Paused), &unready), None);
    assert_eq!(
        prepared(&from(Paused), &ready),
        Some(MigrationStage::Switching)
    );
    // A guest that runs there is there, whatever was heard of it last from the source.
    let running = guest(place(PortState::Building, 5), Running);
    assert_eq!(
        prepared(&from(Running), &running),
        Some(MigrationStage::Switching)
    );
}

#[test]
fn what_a_host_said_of_an_earlier_stage_does_not_make_it_dark() {
    let to = place(PortState::Standby, 5);
    let switching = |from: &Place| step(MigrationStage::Switching, from, &to);
    assert_eq!(switching(&place(PortState::Standby, 4)), None);
    assert_eq!(switching(&place(PortState::Active, 5)), None);
    let dark = place(PortState::Standby, 5);
    assert_eq!(switching(&dark), Some(MigrationStage::Switched));
    let away = Place {
        contact: Contact::Away,
        ..dark
    };
    assert_eq!(switching(&away), None);
}

#[test]
fn nobody_forgets_a_prepared_migration_for_ever() {
    let prepared = migration(MigrationStage::Prepared);
    let (from, to) = (place(PortState::Active, 4), place(PortState::Standby, 5));
    let at = |seconds: i64| {
        let now = prepared.began_at.unix_seconds() + seconds;
        next(&prepared, &from, &to, Timestamp::from_unix_seconds(now))
    };
    assert_eq!(at(Migration::PREPARED_SECONDS_MAX), None);
    let late = at(Migration::PREPARED_SECONDS_MAX + 1);
    assert_eq!(late, Some(Step::Over(prepared.from)));
}
