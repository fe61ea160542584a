//! Flows carried out on a packet, in the order and within the limits of Open vSwitch.
//!
//! A flow that resubmits is carried on afterwards, so what is under way forms a stack of
//! levels. It is a list here and not recursion: a table may resubmit thousands of times.

mod action_set;
mod change;
mod ct;

use super::lookup::Key;
use super::state::State;
use super::{
    ConnectionTracker, Failure, Hop, Outcome, Output, Packet, Start, Tables, ToController,
};
use crate::action::{Action, Controller, Reason};
use crate::field::Field;
use crate::flow::Flow;
use crate::port::PortNo;

/// Resubmissions to the same or an earlier table that may be under way at once.
const MAX_DEPTH: u32 = 64;
/// Lookups in one go through the tables.
const MAX_RESUBMITS: u32 = 4096;
/// How often `ct` may send a packet through the tables anew.
const MAX_RECIRCULATIONS: u32 = 6;

pub(super) fn evaluate<'a>(
    tables: &'a Tables,
    packet: Packet,
    tracker: &mut dyn ConnectionTracker,
) -> Outcome<'a> {
    let mut state = State::new(packet.frame);
    for (field, value) in packet.fields {
        match field.reg_parts().is_empty() {
            true => state.put(field, value),
            false => state.set(field, value, field.full_mask()),
        }
    }
    let in_port = u128::from(packet.in_port.0);
    state.set(Field::InPort, in_port, Field::InPort.full_mask());
    let mut run = Run {
        tables,
        tracker,
        outcome: Outcome::default(),
    };
    let pass = run.begin(state, 0, None);
    run.pass(pass);
    if let Some(Failure::Unsupported(_)) = run.outcome.failure {
        run.outcome.outputs.clear();
        run.outcome.controllers.clear();
    }
    run.outcome
}

/// One evaluation.
struct Run<'a, 't> {
    tables: &'a Tables,
    tracker: &'t mut dyn ConnectionTracker,
    outcome: Outcome<'a>,
}

/// One go through the tables: the first, or one that a `ct` action begins.
struct Pass<'a> {
    /// Its place among [`Outcome::passes`].
    number: usize,
    state: State,
    stack: Vec<u128>,
    action_set: Vec<&'a Action>,
    levels: Vec<Level<'a>>,
    table: u8,
    /// The flow being carried out.
    flow: Option<&'a Flow>,
    depth: u32,
    resubmits: u32,
    recirculations: u32,
    /// An `exit` action was carried out.
    has_exited: bool,
    /// The action set is being carried out.
    in_action_set: bool,
}

/// Steps to be taken, and what is restored when they are.
struct Level<'a> {
    steps: Box<dyn Iterator<Item = Step<'a>> + 'a>,
    restore: Restore<'a>,
}

enum Step<'a> {
    Lookup { table: u8, in_port: PortNo },
    Act(&'a Action),
    ActAll(&'a [Action]),
    ClearActions,
    WriteActions(&'a [Action]),
    WriteMetadata { value: u64, mask: u64 },
    Goto(u8),
    CarryOutActionSet,
    LeaveActionSet,
}

enum Restore<'a> {
    Nothing,
    Table {
        table: u8,
        flow: Option<&'a Flow>,
        deepens: bool,
    },
    Packet {
        state: Box<State>,
        stack: Vec<u128>,
        action_set: Vec<&'a Action>,
    },
}

impl<'a> Pass<'a> {
    /// A pass that begins by looking the packet up in `table`.
    fn new(number: usize, state: State, table: u8) -> Pass<'a> {
        let in_port = port_of(&state);
        let steps = [Step::Lookup { table, in_port }, Step::CarryOutActionSet];
        let mut pass = Pass {
            number,
            state,
            stack: Vec::new(),
            action_set: Vec::new(),
            levels: Vec::new(),
            table,
            flow: None,
            depth: 0,
            resubmits: 0,
            recirculations: 0,
            has_exited: false,
            in_action_set: false,
        };
        pass.enter(steps.into_iter(), Restore::Nothing);
        pass
    }

    fn enter(&mut self, steps: impl Iterator<Item = Step<'a>> + 'a, restore: Restore<'a>) {
        self.levels.push(Level {
            steps: Box::new(steps),
            restore,
        });
    }

    /// Ends the innermost level, its remaining steps undone.
    fn leave(&mut self) {
        match self.levels.pop().map(|level| level.restore) {
            None | Some(Restore::Nothing) => {}
            Some(Restore::Table {
                table,
                flow,
                deepens,
            }) => {
                self.table = table;
                self.flow = flow;
                self.depth -= u32::from(deepens);
            }
            Some(Restore::Packet {
                state,
                stack,
                action_set,
            }) => {
                self.state = *state;
                self.stack = stack;
                self.action_set = action_set;
            }
        }
    }

    fn carry_out(&mut self, flow: &'a Flow) -> impl Iterator<Item = Step<'a>> + use<'a> {
        let instructions = &flow.instructions;
        let clear = instructions.clear_actions.then_some(Step::ClearActions);
        let metadata = instructions
            .write_metadata
            .map(|write| Step::WriteMetadata {
                value: write.value,
                mask: write.mask,
            });
        let write = Some(&instructions.write).filter(|actions| !actions.is_empty());
        let actions = instructions.apply.iter().map(Step::Act);
        actions
            .chain(clear)
            .chain(write.map(|actions| Step::WriteActions(actions)))
            .chain(metadata)
            .chain(instructions.goto_table.map(Step::Goto))
    }
}

fn port_of(state: &State) -> PortNo {
    PortNo(u32::try_from(state.get(Field::InPort)).unwrap_or_default())
}

impl<'a> Run<'a, '_> {
    /// A pass that begins in `table`, sent there by another one or by nobody.
    fn begin(&mut self, state: State, table: u8, sender: Option<&Pass<'a>>) -> Pass<'a> {
        let number = self.outcome.passes.len();
        self.outcome.passes.push(Start {
            table,
            sent_by: sender.map(|sender| sender.number),
            frame: state.frame.bytes().to_vec(),
            fields: state.fields().clone(),
        });
        let mut pass = Pass::new(number, state, table);
        if let Some(sender) = sender {
            pass.recirculations = sender.recirculations + 1;
            pass.stack = sender.stack.clone();
        }
        pass
    }

    /// Carries a pass out. When it fails, nothing of it goes out.
    fn pass(&mut self, mut pass: Pass<'a>) {
        let (outputs, controllers) = (self.outcome.outputs.len(), self.outcome.controllers.len());
        while let Some(level) = pass.levels.last_mut() {
            let next = level.steps.next().filter(|_| !pass.has_exited);
            let taken = match next {
                Some(step) => self.step(&mut pass, step),
                None => {
                    pass.leave();
                    Ok(())
                }
            };
            if let Err(failure) = taken {
                self.outcome.outputs.truncate(outputs);
                self.outcome.controllers.truncate(controllers);
                self.fail(failure);
                return;
            }
        }
    }

    /// Notes the first failure; that something cannot be done at all outweighs the others.
    fn fail(&mut self, failure: Failure) {
        let known = self.outcome.failure;
        let outweighs = matches!(failure, Failure::Unsupported(_));
        self.outcome.failure = known.filter(|_| !outweighs).or(Some(failure));
    }

    fn step(&mut self, pass: &mut Pass<'a>, step: Step<'a>) -> Result<(), Failure> {
        match step {
            Step::Lookup { table, in_port } => self.look_up(pass, table, in_port)?,
            Step::Act(action) => self.act(pass, action)?,
            Step::ActAll(actions) => pass.enter(actions.iter().map(Step::Act), Restore::Nothing),
            Step::ClearActions => pass.action_set.clear(),
            Step::WriteActions(actions) => pass.action_set.extend(actions),
            Step::WriteMetadata { value, mask } => {
                pass.state.set(Field::Metadata, value.into(), mask.into());
            }
            Step::Goto(table) => {
                let in_port = port_of(&pass.state);
                self.resubmit(pass, table, in_port)?;
            }
            Step::CarryOutActionSet => {
                let actions = action_set::in_order(&std::mem::take(&mut pass.action_set));
                pass.in_action_set = true;
                let steps = actions.into_iter().map(Step::Act);
                pass.enter(steps.chain([Step::LeaveActionSet]), Restore::Nothing);
            }
            Step::LeaveActionSet => pass.in_action_set = false,
        }
        Ok(())
    }

    /// Looks the packet up in a table as a flow asks for, within the limits.
    fn resubmit(&mut self, pass: &mut Pass<'a>, table: u8, in_port: PortNo) -> Result<(), Failure> {
        if pass.depth >= MAX_DEPTH {
            return Err(Failure::TooDeep);
        }
        if pass.resubmits >= MAX_RESUBMITS {
            return Err(Failure::TooManyResubmits);
        }
        pass.resubmits += 1;
        self.look_up(pass, table, in_port)
    }

    fn look_up(&mut self, pass: &mut Pass<'a>, table: u8, in_port: PortNo) -> Result<(), Failure> {
        let key = Key {
            state: &pass.state,
            in_port,
        };
        let found = self.tables.lookup(table, &key)?;
        let flow = found.as_ref().map(|found| found.flow);
        self.outcome.path.push(Hop {
            table,
            flow,
            clauses: found.map(|found| found.clauses).unwrap_or_default(),
            pass: pass.number,
        });
        let Some(flow) = flow else {
            return Ok(());
        };
        if !flow.instructions.unknown.is_empty() {
            return Err(Failure::Unsupported("an unknown instruction"));
        }
        let deepens = pass.flow.is_some() && table <= pass.table;
        let restore = Restore::Table {
            table: pass.table,
            flow: pass.flow,
            deepens,
        };
        pass.table = table;
        pass.flow = Some(flow);
        pass.depth += u32::from(deepens);
        let steps = pass.carry_out(flow);
        pass.enter(steps, restore);
        Ok(())
    }

    fn act(&mut self, pass: &mut Pass<'a>, action: &'a Action) -> Result<(), Failure> {
        match action {
            Action::Output { port, max_len } => return self.output(pass, *port, *max_len),
            Action::OutputField { source, max_len } => {
                let port = pass.state.get_part(*source);
                if let Ok(port) = u16::try_from(port) {
                    return self.output(pass, PortNo::from_u16(port), *max_len);
                }
            }
            // What is cut off depends on which changes Open vSwitch had to make already.
            Action::OutputTruncated { .. } => return Err(Failure::Unsupported("cut packets")),
            Action::Controller(controller) => self.send(pass, controller),
            Action::Resubmit { original: true, .. } => {
                return Err(Failure::Unsupported("resubmit with the original addresses"));
            }
            Action::Resubmit { port, table, .. } => {
                let in_port = match port {
                    None | Some(PortNo::IN_PORT) => port_of(&pass.state),
                    Some(port) => *port,
                };
                let table = table.unwrap_or(pass.table);
                return self.resubmit(pass, table, in_port);
            }
            Action::Clone(actions) => self.clone_packet(pass, actions),
            Action::Ct(ct) => return self.track(pass, ct),
            Action::Exit => pass.has_exited = true,
            Action::DecTtl => self.decrement_ttl(pass, &[0]),
            Action::DecTtlFor(controllers) => self.decrement_ttl(pass, controllers),
            _ => return change::carry_out(pass, action),
        }
        Ok(())
    }

    fn output(&mut self, pass: &mut Pass<'a>, port: PortNo, max_len: u16) -> Result<(), Failure> {
        let in_port = port_of(&pass.state);
        match port {
            PortNo::IN_PORT => self.emit(pass, in_port),
            PortNo::TABLE => return self.resubmit(pass, 0, in_port),
            PortNo::CONTROLLER => {
                let reason = match pass.in_action_set {
                    true => Reason::ActionSet,
                    false => Reason::Action,
                };
                let controller = Controller {
                    max_len,
                    reason,
                    ..Controller::default()
                };
                self.send(pass, &controller);
            }
            PortNo::ANY => {}
            PortNo::NORMAL | PortNo::FLOOD | PortNo::ALL => {
                return Err(Failure::Unsupported("the switch's own forwarding"));
            }
            _ if port == in_port => {}
            _ => self.emit(pass, port),
        }
        Ok(())
    }

    fn emit(&mut self, pass: &Pass<'a>, port: PortNo) {
        let frame = pass.state.frame.bytes().to_vec();
        let tunnel = pass.state.tunnel();
        self.outcome.outputs.push(Output {
            port,
            frame,
            tunnel,
        });
    }

    fn send(&mut self, pass: &Pass<'a>, controller: &Controller) {
        let frame = pass.state.frame.bytes();
        let max_bytes = frame.len().min(controller.max_len.into());
        self.outcome.controllers.push(ToController {
            reason: controller.reason,
            id: controller.id,
            cookie: pass.flow.map_or(0, |flow| flow.cookie),
            userdata: controller.userdata.clone(),
            frame: frame[..max_bytes].to_vec(),
        });
    }

    fn clone_packet(&mut self, pass: &mut Pass<'a>, actions: &'a [Action]) {
        let restore = Restore::Packet {
            state: Box::new(pass.state.clone()),
            stack: pass.stack.clone(),
            action_set: pass.action_set.clone(),
        };
        // What was written to the action set so far is done to the clone as well.
        let steps = [Step::ActAll(actions), Step::CarryOutActionSet];
        pass.enter(steps.into_iter(), restore);
    }

    /// When the TTL runs out, controllers get the packet and the flow ends here.
    fn decrement_ttl(&mut self, pass: &mut Pass<'a>, controllers: &[u16]) {
        if !pass.state.is_ip() {
            return;
        }
        let ttl = pass.state.get(Field::IpTtl);
        if ttl > 1 {
            return pass.state.set(Field::IpTtl, ttl - 1, 0xff);
        }
        for id in controllers {
            let controller = Controller {
                id: *id,
                reason: Reason::InvalidTtl,
                ..Controller::default()
            };
            self.send(pass, &controller);
        }
        pass.leave();
    }
}
