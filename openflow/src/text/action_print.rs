//! Actions and instructions into text.

use std::fmt::{self, Display, Formatter};

use super::match_print::Bytes;
use super::value::{Hex, write_value};
use crate::PortNo;
use crate::action::{Action, Controller};
use crate::flow::Instructions;

/// Prints everything behind `actions=`.
pub(super) fn write_instructions(f: &mut Formatter<'_>, all: &Instructions) -> fmt::Result {
    let mut list = List { f, any: false };
    for action in &all.apply {
        list.item(format_args!("{action}"))?;
    }
    if all.clear_actions {
        list.item(format_args!("clear_actions"))?;
    }
    if !all.write.is_empty() {
        list.item(format_args!("write_actions({})", Actions(&all.write)))?;
    }
    if let Some(write) = all.write_metadata {
        let value = Hex(write.value.into());
        match write.mask {
            u64::MAX => list.item(format_args!("write_metadata:{value}"))?,
            mask => list.item(format_args!("write_metadata:{value}/{}", Hex(mask.into())))?,
        }
    }
    if let Some(table) = all.goto_table {
        list.item(format_args!("goto_table:{table}"))?;
    }
    for unknown in &all.unknown {
        list.item(format_args!(
            "unknown_instruction:{}",
            Bytes(unknown.as_bytes())
        ))?;
    }
    match list.any {
        true => Ok(()),
        false => f.write_str("drop"),
    }
}

/// Actions with commas between them.
pub(super) struct Actions<'a>(pub(super) &'a [Action]);

impl Display for Actions<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut list = List { f, any: false };
        self.0
            .iter()
            .try_for_each(|action| list.item(format_args!("{action}")))
    }
}

/// Items with commas between them.
pub(super) struct List<'a, 'b> {
    pub(super) f: &'a mut Formatter<'b>,
    pub(super) any: bool,
}

impl List<'_, '_> {
    pub(super) fn item(&mut self, item: fmt::Arguments<'_>) -> fmt::Result {
        let comma = if self.any { "," } else { "" };
        self.any = true;
        write!(self.f, "{comma}{item}")
    }

    /// Prints the item if it is not what goes without saying.
    pub(super) fn item_if(&mut self, said: bool, item: fmt::Arguments<'_>) -> fmt::Result {
        if said { self.item(item) } else { Ok(()) }
    }
}

/// Prints one action.
pub(super) fn write_action(f: &mut Formatter<'_>, action: &Action) -> fmt::Result {
    match action {
        Action::Output { port, max_len } => write_output(f, *port, *max_len),
        Action::OutputField { source, .. } => write!(f, "output:{source}"),
        Action::OutputTruncated { port, max_len } => {
            write!(f, "output(port={port},max_len={max_len})")
        }
        Action::Group(id) => write!(f, "group:{id}"),
        Action::SetQueue(id) => write!(f, "set_queue:{id}"),
        Action::PopQueue => f.write_str("pop_queue"),
        Action::Meter(id) => write!(f, "meter:{id}"),
        Action::PushVlan(eth_type) => write!(f, "push_vlan:{eth_type:#06x}"),
        Action::PopVlan => f.write_str("pop_vlan"),
        Action::PushMpls(eth_type) => write!(f, "push_mpls:{eth_type:#06x}"),
        Action::PopMpls(eth_type) => write!(f, "pop_mpls:{eth_type:#06x}"),
        Action::DecMplsTtl => f.write_str("dec_mpls_ttl"),
        Action::DecTtl => f.write_str("dec_ttl"),
        Action::DecTtlFor(ids) => {
            f.write_str("dec_ttl(")?;
            let mut list = List { f, any: false };
            ids.iter()
                .try_for_each(|id| list.item(format_args!("{id}")))?;
            f.write_str(")")
        }
        Action::SetTtl(ttl) => write!(f, "mod_nw_ttl:{ttl}"),
        Action::SetField { field, value, mask } => {
            f.write_str("set_field:")?;
            write_value(f, *field, *value, *mask)?;
            write!(f, "->{}", field.set_name())
        }
        Action::Load { target, value } => write!(f, "load:{}->{target}", Hex((*value).into())),
        Action::Move { source, target } => write!(f, "move:{source}->{target}"),
        Action::Push(part) => write!(f, "push:{part}"),
        Action::Pop(part) => write!(f, "pop:{part}"),
        _ => write_extension(f, action),
    }
}

/// Prints an action that only Open vSwitch has.
fn write_extension(f: &mut Formatter<'_>, action: &Action) -> fmt::Result {
    match action {
        Action::Resubmit {
            port: Some(port),
            table: None,
            original: false,
        } => write!(f, "resubmit:{port}"),
        Action::Resubmit {
            port,
            table,
            original,
        } => {
            let ct = if *original { ",ct" } else { "" };
            write!(f, "resubmit({},{}{ct})", Maybe(port), Maybe(table))
        }
        Action::Ct(ct) => write!(f, "{ct}"),
        Action::CtClear => f.write_str("ct_clear"),
        Action::Learn(learn) => write!(f, "{learn}"),
        Action::Note(bytes) => write!(f, "note:{}", Dotted(bytes)),
        Action::Controller(controller) => write_controller(f, controller),
        Action::Conjunction {
            id,
            clause,
            clauses,
        } => write!(f, "conjunction({id},{clause}/{clauses})"),
        Action::Clone(actions) => write!(f, "clone({})", Actions(actions)),
        Action::Exit => f.write_str("exit"),
        Action::FinTimeout { idle, hard } => {
            f.write_str("fin_timeout(")?;
            let mut list = List { f, any: false };
            list.item_if(*idle != 0, format_args!("idle_timeout={idle}"))?;
            list.item_if(*hard != 0, format_args!("hard_timeout={hard}"))?;
            f.write_str(")")
        }
        Action::CheckPacketLarger { length, target } => {
            write!(f, "check_pkt_larger({length})->{target}")
        }
        Action::Unknown(unknown) => write!(f, "unknown:{}", Bytes(unknown.as_bytes())),
        // Every other action is OpenFlow's own.
        _ => Ok(()),
    }
}

fn write_output(f: &mut Formatter<'_>, port: PortNo, max_len: u16) -> fmt::Result {
    match (port, port.name()) {
        (PortNo::CONTROLLER, _) => write!(f, "CONTROLLER:{max_len}"),
        (_, Some(name)) => f.write_str(name),
        (_, None) => write!(f, "output:{port}"),
    }
}

fn write_controller(f: &mut Formatter<'_>, controller: &Controller) -> fmt::Result {
    let Controller {
        max_len,
        id,
        reason,
        userdata,
        pause,
        meter,
    } = controller;
    f.write_str("controller(")?;
    let mut list = List { f, any: false };
    match reason.name() {
        Some("action") => {}
        Some(name) => list.item(format_args!("reason={name}"))?,
        None => list.item(format_args!("reason={}", reason.wire()))?,
    }
    list.item_if(*max_len != u16::MAX, format_args!("max_len={max_len}"))?;
    list.item_if(*id != 0, format_args!("id={id}"))?;
    list.item_if(
        !userdata.is_empty(),
        format_args!("userdata={}", Dotted(userdata)),
    )?;
    list.item_if(*pause, format_args!("pause"))?;
    if let Some(meter) = meter {
        list.item(format_args!("meter_id={meter}"))?;
    }
    f.write_str(")")
}

/// Nothing, or what it is.
struct Maybe<'a, T>(&'a Option<T>);

impl<T: Display> Display for Maybe<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(f))
    }
}

/// Bytes in hexadecimal, with dots between them.
struct Dotted<'a>(&'a [u8]);

impl Display for Dotted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            write!(f, "{dot}{byte:02x}")?;
        }
        Ok(())
    }
}
