//! Waits until hosts have carried out a change of the topology, and says what became of it on each.
//!
//! ```text
//!   accepted --> on its way --> realized
//!                    \            ^
//!                     on trial --+--> reverted, and why
//! ```

use std::time::Duration;

use api::client::Client;
use api::resource::{Accepted, HostTopology};
use clap::Args;
use model::HostId;
use model::plan::{Generation, Trial};
use model::report::ManagementPath;
use tokio::time::{Instant, sleep};

use super::Outcome;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::{Output, json};

#[cfg(test)]
mod tests;

/// How often to look.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// What a host may take on top of its trial: to hear of the change, to find its way back, to tell.
const MARGIN: Duration = Duration::from_secs(60);

/// How long a change may take.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Patience {
    /// How long hosts try a changed way to the controller before they take it back: 5s to 600s
    /// [default: 60s]
    #[arg(long, value_name = "SECONDS")]
    confirm_within: Option<Seconds>,
    /// Do not wait until the hosts have carried it out
    #[arg(long)]
    no_wait: bool,
}

/// A number of seconds, with or without an s behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seconds(u32);

impl std::str::FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_suffix('s').unwrap_or(text);
        let seconds = digits.parse().map(Self);
        seconds.map_err(|_| "a number of seconds, such as 60s")
    }
}

impl Patience {
    /// The deadline of a trial that was asked for; whether it is allowed is for the server to say.
    pub(super) fn confirm_within_seconds(&self) -> Option<u32> {
        self.confirm_within.map(|Seconds(seconds)| seconds)
    }

    fn limit(&self) -> Duration {
        let seconds = self.confirm_within_seconds();
        let seconds = seconds.unwrap_or(Trial::default().confirm_within_seconds);
        Duration::from_secs(seconds.into()) + MARGIN
    }
}

/// A change that was accepted, and the hosts it concerns as they were before.
pub(super) struct Asked {
    pub(super) accepted: Accepted,
    pub(super) hosts: Vec<HostTopology>,
}

/// How a host stands with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// It is as it should be.
    Done,
    /// It was not there when the change was asked for, and is not now.
    Away,
    /// It took the change back.
    Reverted(String),
    /// It could not carry out all of it.
    Failed(Vec<String>),
    /// It is not known yet.
    Open(&'static str),
}

/// Waits for the hosts, but for those that are away, and prints what became of the change on each.
pub(super) async fn wait(client: &Client, asked: Asked, patience: &Patience) -> Outcome {
    if patience.no_wait || !asked.accepted.changed {
        return Ok(told(&asked.accepted, &[]).into());
    }
    let deadline = Instant::now() + patience.limit();
    loop {
        let topology = client.topology().await?;
        let standings: Vec<(String, Standing)> = asked
            .hosts
            .iter()
            .map(|before| {
                let now = topology
                    .hosts
                    .iter()
                    .find(|it| it.host_id == before.host_id);
                let standing = standing(before, now, asked.accepted.generation);
                (before.name.to_string(), standing)
            })
            .collect();
        let is_open = |standing: &Standing| matches!(standing, Standing::Open(_));
        let open = standings.iter().any(|(_, standing)| is_open(standing));
        if !open || Instant::now() >= deadline {
            return concluded(&asked.accepted, &standings);
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// How a host stands with the change of this generation.
fn standing(before: &HostTopology, now: Option<&HostTopology>, generation: Generation) -> Standing {
    let Some(now) = now else {
        return Standing::Away;
    };
    if let ManagementPath::Reverted { reason, .. } = &now.management_path
        && now.management_path != before.management_path
    {
        return Standing::Reverted(reason.clone());
    }
    match (now.connected, &now.management_path) {
        (false, _) if !before.connected => Standing::Away,
        (false, _) => Standing::Open("its agent is not connected"),
        (true, ManagementPath::OnTrial { .. }) => Standing::Open("it tries the new way"),
        (true, _) if now.realized < Some(generation) => {
            Standing::Open("it has not carried out its plan")
        }
        (true, _) => {
            let fresh = now.failures.iter();
            let fresh = fresh.filter(|it| !before.failures.contains(it));
            let fresh: Vec<String> = fresh.cloned().collect();
            match fresh.is_empty() {
                true => Standing::Done,
                false => Standing::Failed(fresh),
            }
        }
    }
}

/// What is said at the end.
fn concluded(accepted: &Accepted, standings: &[(String, Standing)]) -> Outcome {
    let well = |(_, it): &(String, Standing)| matches!(it, Standing::Done | Standing::Away);
    if standings.iter().all(well) {
        return Ok(told(accepted, standings).into());
    }
    let reverted = |(_, it): &(String, Standing)| matches!(it, Standing::Reverted(_));
    let (says, next) = match standings.iter().any(reverted) {
        true => (
            "the change was taken back",
            "the host goes on as before; ask for what it has, or for something else, or for the \
             same again",
        ),
        false => (
            "the change is durable, but not carried out everywhere",
            "see `netctl pool-show`, `netctl host-list` and `netctl event-list`",
        ),
    };
    let failure = Failure::new(Exit::NotSo, says).next(next);
    let reasons = standings.iter().filter(|it| !well(it)).map(reason);
    Err(reasons.fold(failure, Failure::because))
}

fn reason((host, standing): &(String, Standing)) -> String {
    let what = match standing {
        Standing::Done => "done".to_owned(),
        Standing::Away => "not connected; it will do so when it is".to_owned(),
        Standing::Reverted(reason) => format!("reverted: {reason}"),
        Standing::Failed(failures) => failures.join("; "),
        Standing::Open(what) => (*what).to_owned(),
    };
    format!("{host}: {what}")
}

fn told(accepted: &Accepted, standings: &[(String, Standing)]) -> Output {
    let generation = accepted.generation;
    let mut text = match (accepted.changed, standings.is_empty()) {
        (false, _) => "nothing to change: it is so already".to_owned(),
        (true, true) => format!("accepted: plans from generation {generation} on have it"),
        (true, false) => "done".to_owned(),
    };
    for standing in standings {
        text.push_str("\n  ");
        text.push_str(&reason(standing));
    }
    let hosts: Vec<String> = standings.iter().map(reason).collect();
    let mut json = json(accepted);
    json["hosts"] = hosts.into();
    Output::Said {
        id: generation.to_string(),
        json,
        text,
    }
}

/// The host of this id alone.
pub(super) fn only(hosts: Vec<HostTopology>, id: HostId) -> Vec<HostTopology> {
    hosts.into_iter().filter(|it| it.host_id == id).collect()
}
