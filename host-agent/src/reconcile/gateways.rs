//! By which hosts routers' packets get out, as this pass finds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use openflow::PortNo;
use tracing::info;

use super::{Link, Reconciler};
use crate::gateways::asking::{Question, Questions};
use crate::gateways::{Outlets, heard};
use crate::observe::Observed;
use crate::pipeline::cookie::Group;
use crate::pipeline::has_address;
use crate::tunnels::tunnels;
use crate::wanted::{Exit, Wanted};

impl Reconciler {
    /// What becomes of the packets of each router that has gateway hosts.
    pub(super) fn outlets(&mut self, observed: &Observed, wanted: &Wanted) -> Outlets {
        let heard = heard(&tunnels(observed, wanted));
        let word = self.channels.gateways.word.borrow_and_update().clone();
        let Link::Up(switch) = &self.link else {
            return Outlets::new();
        };
        let outlets = self.tenures.settle(wanted, &heard, &word, |network, it| {
            has_address(switch.installed(Group::of(network)), it.into())
        });
        for (router, outlet) in &outlets {
            let before = self.outlets.get(router);
            if before != Some(outlet) {
                info!(router.id = %router, ?outlet, "packets get out this way");
            }
            let had = before.is_some_and(|it| it.duty.is_for_all());
            if outlet.duty.is_for_all() && !had {
                let remark = format!("what router {router} lets out goes through this host now");
                self.channels.remarks.push(remark);
            }
        }
        self.outlets.clone_from(&outlets);
        outlets
    }

    /// Has external networks asked for the addresses that this host would take.
    pub(super) fn ask_for_addresses(&self, wanted: &Wanted, uplinks: &BTreeMap<Exit, PortNo>) {
        let asked = self.tenures.asked(wanted).filter_map(|(router, key)| {
            let network = router.gateway.as_ref()?.network;
            let network = wanted.networks.get(&network)?;
            let question = Question {
                out: *uplinks.get(&Exit::of(&network.segment))?,
                mac: router.mac,
            };
            Some((key, question))
        });
        let asked: Questions = asked.collect();
        self.channels.gateways.questions.send_if_modified(|held| {
            let news = **held != asked;
            if news {
                *held = Arc::new(asked);
            }
            news
        });
    }
}
