//! Which networks' and security groups' flows have to be compiled and compared this time.

use std::collections::{BTreeMap, BTreeSet};

use model::plan::{Generation, PlanKey};
use model::report::ItemFailure;
use model::{NetworkId, SecurityGroupId};
use openflow::Flow;
use openflow::client::Error;
use tokio::time::{Duration, Instant};
use tracing::warn;

use crate::pipeline::cookie::Group;
use crate::pipeline::{self, View};
use crate::switch::{Applied, Switch};
use crate::topology::Topology;
use crate::wanted::Exit;

/// What the switch was last made to carry out.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Whether anything was carried out since we know this switch.
    known: bool,
    /// Networks and security groups.
    views: BTreeMap<PlanKey, Confirmed>,
    /// The ways out that there are.
    ways: BTreeSet<Exit>,
    /// Those whose flows the switch refused.
    refused: BTreeMap<PlanKey, Refusal>,
    /// Groups whose flows must be compared although their view is as before.
    doubted: BTreeSet<Group>,
}

/// What flows are to be made of.
pub(super) struct Sight {
    /// What each network and security group looks like here.
    pub(super) views: BTreeMap<PlanKey, View>,
    /// The ways out that there are.
    pub(super) ways: BTreeSet<Exit>,
}

/// What has its flows in the switch, confirmed by a barrier.
#[derive(Debug)]
struct Confirmed {
    view: View,
    /// The plan they first came from.
    generation: Generation,
}

/// What the switch refused to carry: only what was right before is still installed.
#[derive(Debug)]
struct Refusal {
    view: View,
    reason: String,
    pause: Duration,
    again_at: Instant,
}

/// The pauses after something was refused for the first time, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

impl Refusal {
    /// The same view refused once more waits twice as long.
    fn new(view: View, reason: String, before: Option<&Self>) -> Self {
        let (first, longest) = PAUSES;
        let before = before.filter(|before| before.view == view);
        let pause = before.map_or(first, |before| longest.min(before.pause * 2));
        Self {
            view,
            reason,
            pause,
            again_at: Instant::now() + pause,
        }
    }

    /// Whether this view is to be left out for now.
    fn holds(&self, view: &View, now: Instant) -> bool {
        self.view == *view && now < self.again_at
    }
}

impl Carried {
    /// Nothing is known of the switch any more: the next pass compares everything.
    pub(super) fn forget(&mut self) {
        self.known = false;
        self.refused.clear();
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
        let confirmed = self.views.get(&PlanKey::Network(network));
        let confirmed = confirmed.filter(|_| self.known)?;
        let View::Network(view) = &confirmed.view else {
            return None;
        };
        let way = match view.uplink {
            Some(_) => Way::Out,
            None => Way::OnlyHere,
        };
        Some((confirmed.generation, way))
    }

    /// Whether the flows of these security groups are in the switch.
    pub(super) fn has_groups(&self, groups: &[SecurityGroupId]) -> bool {
        let mut keys = groups.iter().map(|id| PlanKey::SecurityGroup(*id));
        self.known && keys.all(|key| self.views.contains_key(&key))
    }

    /// Whether flows are confirmed, and every way out that there should be is in the switch.
    pub(super) fn settled(&self, topology: &Topology) -> bool {
        let mut exits = topology.exits.keys();
        self.known && exits.all(|exit| self.ways.contains(exit))
    }

    /// When something that was refused is tried again.
    pub(super) fn again_at(&self) -> Option<Instant> {
        self.refused.values().map(|refusal| refusal.again_at).min()
    }

    /// Why flows are not all in the switch, if it refused them.
    pub(super) fn refusal(&self, key: PlanKey) -> Option<&str> {
        let refusal = self.refused.get(&key).filter(|_| self.known)?;
        Some(&refusal.reason)
    }

    /// What was refused, as the report has it.
    pub(super) fn failures(&self) -> impl Iterator<Item = ItemFailure> {
        self.refused.iter().map(|(key, refusal)| ItemFailure {
            key: *key,
            reason: refusal.reason.clone(),
        })
    }

    /// Makes the flows follow the views. One that the switch refuses holds up no other: it is
    /// tried again after a while. Gives back how many flows changed.
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
        let now = Instant::now();
        let wanted = self.wanted(switch, &views, now);
        let known = std::mem::take(&mut self.known);
        let Applied {
            changed,
            mut refused,
        } = switch.apply(wanted).await?;
        let mut before = std::mem::take(&mut self.views);
        let mut refused_before = std::mem::take(&mut self.refused);
        for (key, view) in views {
            let old = refused_before.remove(&key);
            match (refused.remove(&view.group()), old) {
                (Some(reason), old) => {
                    warn!("{key}: {reason}");
                    let refusal = Refusal::new(view, reason, old.as_ref());
                    self.refused.insert(key, refusal);
                }
                (None, Some(old)) if old.holds(&view, now) => {
                    self.refused.insert(key, old);
                }
                (None, _) => {
                    let same = before.remove(&key).filter(|it| known && it.view == view);
                    let generation = same.map_or(generation, |it| it.generation);
                    self.views.insert(key, Confirmed { view, generation });
                }
            }
        }
        self.ways = ways;
        self.doubted.clear();
        self.known = true;
        Ok(changed)
    }

    /// The flows of every group that may have changed; none for one that has to go.
    fn wanted(
        &self,
        switch: &Switch,
        views: &BTreeMap<PlanKey, View>,
        now: Instant,
    ) -> Vec<(Group, Vec<Flow>)> {
        let mut wanted = Vec::new();
        if !self.known || self.doubted.contains(&Group::INFRASTRUCTURE) {
            wanted.push((Group::INFRASTRUCTURE, pipeline::infrastructure()));
        }
        let mut kept = BTreeSet::from([Group::INFRASTRUCTURE]);
        for (key, view) in views {
            let group = view.group();
            kept.insert(group);
            let before = self.views.get(key).filter(|_| self.known);
            let same = before.is_some_and(|before| before.view == *view);
            let refusal = self.refused.get(key);
            if refusal.is_some_and(|refusal| refusal.holds(view, now)) {
                wanted.push((group, switch.right(group, view.compile())));
            } else if !same || self.doubted.contains(&group) {
                wanted.push((group, view.compile()));
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
