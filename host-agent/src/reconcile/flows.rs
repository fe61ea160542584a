//! Which networks' flows have to be compiled and compared this time.

use std::collections::{BTreeMap, BTreeSet};

use model::NetworkId;
use model::plan::Generation;
use openflow::Flow;
use openflow::client::Error;

use crate::pipeline::cookie::Group;
use crate::pipeline::{self, NetworkView};
use crate::switch::Switch;
use crate::topology::Topology;
use crate::wanted::Exit;

/// What the switch was last made to carry out.
#[derive(Debug, Default)]
pub(super) struct Networks {
    /// Whether anything was carried out since we know this switch.
    known: bool,
    networks: BTreeMap<NetworkId, Confirmed>,
    /// The ways out that there are.
    ways: BTreeSet<Exit>,
    /// Groups whose flows must be compared although their view is as before.
    doubted: BTreeSet<Group>,
}

/// What flows are to be made of.
pub(super) struct Sight {
    /// What each network looks like here.
    pub(super) views: BTreeMap<NetworkId, NetworkView>,
    /// The ways out that there are.
    pub(super) ways: BTreeSet<Exit>,
}

/// A network whose flows are in the switch, confirmed by a barrier.
#[derive(Debug)]
struct Confirmed {
    view: NetworkView,
    /// The plan they first came from.
    generation: Generation,
}

impl Networks {
    /// Nothing is known of the switch any more: the next pass compares everything.
    pub(super) fn forget(&mut self) {
        self.known = false;
        self.doubted.clear();
    }

    /// Nothing is confirmed while there is no switch to ask.
    pub(super) fn unconfirm(&mut self) {
        self.known = false;
    }

    /// The flows of these groups are not what they were.
    pub(super) fn doubt(&mut self, groups: BTreeSet<Group>) {
        self.doubted.extend(groups);
    }

    /// The generation that a network's flows come from and whether they have a way out, if they are
    /// in the switch.
    pub(super) fn confirmed(&self, network: NetworkId) -> Option<(Generation, Way)> {
        let confirmed = self.networks.get(&network).filter(|_| self.known)?;
        let way = match confirmed.view.uplink {
            Some(_) => Way::Out,
            None => Way::OnlyHere,
        };
        Some((confirmed.generation, way))
    }

    /// Whether flows are confirmed, and every way out that there should be is in the switch.
    pub(super) fn settled(&self, topology: &Topology) -> bool {
        let mut exits = topology.exits.keys();
        self.known && exits.all(|exit| self.ways.contains(exit))
    }

    /// Makes the flows follow the views. Gives back how many flows changed.
    ///
    /// # Errors
    /// When the switch did not confirm; then nothing is confirmed any more.
    pub(super) async fn apply(
        &mut self,
        switch: &mut Switch,
        sight: Sight,
        generation: Generation,
    ) -> Result<usize, Error> {
        let Sight { views, ways } = sight;
        let wanted = self.wanted(switch, &views);
        let known = std::mem::take(&mut self.known);
        let changed = switch.apply(wanted).await?;
        let mut before = std::mem::take(&mut self.networks);
        let confirmed = views.into_iter().map(|(id, view)| {
            let same = before.remove(&id).filter(|it| known && it.view == view);
            let generation = same.map_or(generation, |it| it.generation);
            (id, Confirmed { view, generation })
        });
        self.networks = confirmed.collect();
        self.ways = ways;
        self.doubted.clear();
        self.known = true;
        Ok(changed)
    }

    /// The flows of every group that may have changed; none for one that has to go.
    fn wanted(
        &self,
        switch: &Switch,
        views: &BTreeMap<NetworkId, NetworkView>,
    ) -> Vec<(Group, Vec<Flow>)> {
        let mut wanted = Vec::new();
        if !self.known || self.doubted.contains(&Group::INFRASTRUCTURE) {
            wanted.push((Group::INFRASTRUCTURE, pipeline::infrastructure()));
        }
        let mut kept = BTreeSet::from([Group::INFRASTRUCTURE]);
        for (id, view) in views {
            let group = Group::of(view.number);
            kept.insert(group);
            let before = self.networks.get(id).filter(|_| self.known);
            let same = before.is_some_and(|before| before.view == *view);
            if !same || self.doubted.contains(&group) {
                wanted.push((group, pipeline::compile(view)));
            }
        }
        let gone = switch.groups().filter(|group| !kept.contains(group));
        wanted.extend(gone.map(|group| (group, Vec::new())));
        wanted
    }
}

/// How far a network's frames get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To other hosts as well.
    Out,
    /// To ports of this host only.
    OnlyHere,
}
