//! What a session has still to send, and in what parts it travels.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use api::session::{FromController, MAX_FRAME_BYTES, MAX_ITEMS_PER_CHANGE};
use model::plan::{Generation, PlanChange, PlanItem, PlanKey};
use model::{Handout, HostId};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::compile;
use crate::intent::Intent;

/// More items than this are not a difference any more: the whole plan is sent instead.
const DIRTY_MAX: usize = 20_000;

/// The size that a part is filled to, in estimated bytes: far below what a frame may be.
const PART_BYTES: usize = MAX_FRAME_BYTES / 4;

/// What one open session has to send.
pub(super) struct Outbox {
    /// Tells sessions of one host apart.
    pub(super) session: u64,
    pub(super) dirty: Dirty,
    pub(super) wake: Arc<Notify>,
    /// What a check of the fabric asks the host for.
    pub(super) requests: mpsc::Sender<FromController>,
    /// Ends the session, when a newer one of the same host takes its place.
    pub(super) replaced: CancellationToken,
}

/// What may differ from what the host was sent last.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Dirty {
    /// Everything.
    Whole,
    /// These items.
    Items(BTreeSet<PlanKey>),
}

impl Dirty {
    pub(super) fn nothing() -> Self {
        Self::Items(BTreeSet::new())
    }

    pub(super) fn add(&mut self, key: PlanKey) {
        let Self::Items(keys) = self else {
            return;
        };
        keys.insert(key);
        if keys.len() > DIRTY_MAX {
            *self = Self::Whole;
        }
    }
}

/// What a host was sent last: of this generation, made from this intent.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) generation: Generation,
    pub(super) intent: Arc<Intent>,
}

/// A host's whole plan, in parts.
pub(super) fn whole(intent: &Intent, host: HostId) -> Vec<PlanChange> {
    let plan = compile::plan(intent, host);
    let upsert = plan.items.into_values().collect();
    parts(plan.generation, None, upsert, Vec::new())
}

/// What changed for a host since what it was sent, in parts; none if nothing did.
pub(super) fn difference(
    sent: &Sent,
    intent: &Intent,
    host: HostId,
    dirty: BTreeSet<PlanKey>,
) -> Vec<PlanChange> {
    let (mut upsert, mut remove) = (Vec::new(), Vec::new());
    for key in dirty {
        let before = compile::item(&sent.intent, host, key);
        match compile::item(intent, host, key) {
            Some(after) if before.as_ref() != Some(&after) => upsert.push(after),
            None if before.is_some() => remove.push(key),
            _ => {}
        }
    }
    if upsert.is_empty() && remove.is_empty() {
        return Vec::new();
    }
    parts(
        Generation(intent.revision),
        Some(sent.generation),
        upsert,
        remove,
    )
}

fn parts(
    generation: Generation,
    base: Option<Generation>,
    upsert: Vec<PlanItem>,
    remove: Vec<PlanKey>,
) -> Vec<PlanChange> {
    let empty = || PlanChange {
        generation,
        base,
        upsert: Vec::new(),
        remove: Vec::new(),
        more: true,
    };
    let mut parts = Vec::new();
    let (mut part, mut bytes) = (empty(), 0);
    for item in upsert {
        let size = estimated_bytes(&item);
        let full = part.upsert.len() == MAX_ITEMS_PER_CHANGE || bytes + size > PART_BYTES;
        if full && !part.upsert.is_empty() {
            parts.push(std::mem::replace(&mut part, empty()));
            bytes = 0;
        }
        bytes += size;
        part.upsert.push(item);
    }
    for key in remove {
        if part.upsert.len() + part.remove.len() >= MAX_ITEMS_PER_CHANGE {
            parts.push(std::mem::replace(&mut part, empty()));
        }
        part.remove.push(key);
    }
    part.more = false;
    parts.push(part);
    parts
}

/// No less than the item's JSON takes, by the parts of it that vary.
fn estimated_bytes(item: &PlanItem) -> usize {
    const FIXED: usize = 400;
    const PER_ADDRESS: usize = 48;
    const PER_GROUP: usize = 40;
    const PER_RULE: usize = 400;
    // A name of 64 characters, four bytes or a six-byte escape each.
    const NAME: usize = 400;
    match item {
        PlanItem::PhysicalNetwork(it) => {
            let vlans = it.vlans.as_ref().map_or(0, |vlans| vlans.to_string().len());
            FIXED + NAME + vlans + it.uplink.to_string().len() + 2 * PER_ADDRESS
        }
        PlanItem::Sampling(_) | PlanItem::Trial(_) => FIXED,
        PlanItem::AddressGroup(it) => FIXED + PER_ADDRESS * it.prefixes.len(),
        PlanItem::SecurityGroup(it) => FIXED + PER_RULE * it.rules.len(),
        PlanItem::Network(it) => {
            let subnets = it.subnets.iter().map(|subnet| {
                let Handout {
                    dns,
                    dns_forward,
                    routes,
                    ..
                } = &subnet.handout;
                // A domain is shorter than a name may become.
                FIXED + NAME + PER_ADDRESS * (dns.len() + dns_forward.len() + routes.len())
            });
            FIXED + PER_ADDRESS * it.sharing.gateway_macs.len() + subnets.sum::<usize>()
        }
        PlanItem::Router(it) => {
            let pool = it.gateway.as_ref().map_or(0, |gateway| gateway.pool.len());
            FIXED + PER_ADDRESS * (it.network_ids.len() + it.endpoints.len() + pool)
        }
        PlanItem::FloatingIp(_) => FIXED,
        PlanItem::PortForwarding(_) => 2 * FIXED,
        PlanItem::Port(it) => {
            let addresses = it.addresses.len() + 2 * it.allowed.len();
            FIXED + PER_ADDRESS * addresses + PER_GROUP * it.security_group_ids.len()
        }
        PlanItem::RemotePort(it) => {
            let addresses = it.addresses.len() + it.virtual_macs.len();
            FIXED + PER_ADDRESS * addresses + PER_GROUP * it.security_group_ids.len()
        }
        PlanItem::Instance(it) => {
            let addresses: usize = it
                .interfaces
                .iter()
                .map(|one| one.addresses.len() + 2)
                .sum();
            FIXED + NAME + FIXED * it.interfaces.len() + PER_ADDRESS * addresses
        }
    }
}
