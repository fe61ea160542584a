//! `change-show`, `change-wait` and `--wait`: on which hosts a change is carried out.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use api::client::{Client, ClientError};
use api::resource::{ChangeOnHost, ChangeState, ChangeView};
use api::sheet::harmless;
use clap::Args;
use tokio::time::{Instant, sleep};

use super::watch::may_pass;
use super::{Outcome, Ran};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Format, Listing, Output, column, json, word};

#[cfg(test)]
mod tests;

/// How long to wait if nothing is said of it, in seconds.
const DEFAULT_SECONDS: u64 = 60;

/// How long to wait before the first look at a change again, and before a later one at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How many characters the bar has, and how many hosts are named beside it.
const BAR_CHARS: usize = 20;
const NAMED_HOSTS: usize = 3;

/// Whether to wait until hosts have carried out what was changed.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Waiting {
    /// Return only when every host that the change touches has carried it out; exit with 8 if that
    /// takes too long
    #[arg(long, global = true)]
    wait: bool,
    /// How many seconds to wait at most [default: 60]
    #[arg(long, global = true, value_name = "SECONDS")]
    timeout: Option<u64>,
}

/// A change.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its number, as in `history`
    revision: u64,
}

/// A change, and how long to wait for it.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Its number, as in `history`
    revision: u64,
    /// How many seconds to wait at most
    #[arg(long, default_value_t = DEFAULT_SECONDS, value_name = "SECONDS")]
    timeout: u64,
}

const COLUMNS: &[Column<ChangeOnHost>] = &[
    column("host", |it, _| it.name.as_str().into()),
    column("state", |it, _| word(&it.state).into()),
    column("reason", |it, _| {
        it.reason.clone().unwrap_or_default().into()
    }),
];

impl Show {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let change = client.change(self.revision).await?;
        let id = |host: &ChangeOnHost| host.host_id.to_string();
        let listing = Listing::with_ids(&change.hosts, COLUMNS, &Names::default(), id);
        Ok(Output::List(listing.with_json(json(&change))).into())
    }
}

impl Wait {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let limit = Duration::from_secs(self.timeout);
        let done = until_realized(client, vec![self.revision], limit).await?;
        let hosts = done.iter().map(|it| it.hosts.len()).sum::<usize>();
        let output = Output::Said {
            id: self.revision.to_string(),
            json: json(&done),
            text: format!("change {} is carried out on {hosts} hosts", self.revision),
        };
        Ok(output.into())
    }
}

impl Waiting {
    /// Waits for what a command changed, if that is asked for; otherwise says how to find out, to
    /// whoever sits there.
    pub(crate) async fn after(&self, ran: &Ran, format: Format) -> Result<Exit, Failure> {
        let client = ran.client.as_ref().filter(|_| ran.done.exit == Exit::Done);
        let made = client.map(Client::changes_made).unwrap_or_default();
        let Some((client, last)) = client.zip(made.last().copied()) else {
            return Ok(ran.done.exit);
        };
        if self.wait {
            let limit = Duration::from_secs(self.timeout.unwrap_or(DEFAULT_SECONDS));
            until_realized(client, made, limit).await?;
        } else if format == Format::Table && io::stderr().is_terminal() {
            eprintln!("netctl: `netctl change-show {last}` says which hosts have carried it out");
        }
        Ok(ran.done.exit)
    }
}

/// Waits until all of these changes are carried out, and gives how they stand then.
async fn until_realized(
    client: &Client,
    mut open: Vec<u64>,
    limit: Duration,
) -> Result<Vec<ChangeView>, Failure> {
    let deadline = Instant::now() + limit;
    let mut bar = Bar::new();
    let (mut pause, mut done) = (FIRST_PAUSE, Vec::new());
    loop {
        let seen = look(client, &mut open, &mut done).await?;
        bar.draw(&seen);
        if open.is_empty() {
            bar.clear();
            return Ok(done);
        }
        if Instant::now() >= deadline {
            bar.clear();
            return Err(late(&seen, &open, limit));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What is known of all changes together.
#[derive(Default)]
struct Seen {
    /// Hosts that have carried out all that touches them.
    realized: usize,
    /// The others, and why not.
    missing: BTreeMap<String, String>,
    /// Why it is not known, if it is not.
    trouble: Option<String>,
}

/// Looks at the changes that are open; those that are carried out are done.
async fn look(
    client: &Client,
    open: &mut Vec<u64>,
    done: &mut Vec<ChangeView>,
) -> Result<Seen, Failure> {
    let mut trouble = None;
    let mut views = Vec::new();
    for revision in open.iter() {
        match client.change(*revision).await {
            Ok(view) => views.push(view),
            Err(error) if may_pass(&error) => trouble = Some(said(&error)),
            Err(error) => return Err(error.into()),
        }
    }
    let (realized, others): (Vec<_>, Vec<_>) = views
        .into_iter()
        .partition(|it| it.state == ChangeState::Realized);
    open.retain(|revision| realized.iter().all(|it| it.revision != *revision));
    done.extend(realized);
    let mut seen = seen(done.iter().chain(&others));
    seen.trouble = trouble;
    Ok(seen)
}

fn said(error: &ClientError) -> String {
    error.to_string()
}

/// What these changes say of hosts.
fn seen<'a>(views: impl Iterator<Item = &'a ChangeView>) -> Seen {
    let mut hosts: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for host in views.flat_map(|view| &view.hosts) {
        let lacks = host.state != ChangeState::Realized;
        let why = host.reason.as_deref().unwrap_or("not carried out yet");
        let known = hosts.entry(host.name.as_str()).or_default();
        *known = known.or(lacks.then_some(why));
    }
    let missing = hosts.iter().filter_map(|(name, why)| {
        let name = (*name).to_owned();
        why.map(|why| (name, harmless(why)))
    });
    let missing: BTreeMap<_, _> = missing.collect();
    Seen {
        realized: hosts.len() - missing.len(),
        missing,
        trouble: None,
    }
}

/// What to say when time is up.
fn late(seen: &Seen, open: &[u64], limit: Duration) -> Failure {
    let (missing, all) = (seen.missing.len(), seen.realized + seen.missing.len());
    let seconds = limit.as_secs();
    let what = "the change is durable, but not carried out";
    let says = match missing {
        0 => format!("{what} after {seconds} s"),
        _ => format!("{what} on {missing} of {all} hosts after {seconds} s"),
    };
    let revision = open.last().copied().unwrap_or_default();
    let failure = Failure::new(Exit::Late, says).next(format!(
        "`netctl change-wait {revision}` waits on; the hosts carry it out when they can"
    ));
    let reasons = seen
        .missing
        .iter()
        .map(|(host, why)| format!("{host}: {why}"));
    reasons
        .chain(seen.trouble.clone())
        .fold(failure, Failure::because)
}

/// A line that is drawn again and again, where somebody sees it.
struct Bar {
    drawn: bool,
    seen: bool,
}

impl Bar {
    fn new() -> Self {
        Self {
            drawn: false,
            seen: io::stderr().is_terminal(),
        }
    }

    fn draw(&mut self, seen: &Seen) {
        if self.seen {
            self.put(&format!("\r\u{1b}[K{}", line(seen)));
            self.drawn = true;
        }
    }

    fn clear(&mut self) {
        if self.drawn {
            self.put("\r\u{1b}[K");
        }
    }

    fn put(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        // Nobody is left to be told when this fails.
        let _drawn = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }
}

/// How far it is, and the hosts that are missing.
fn line(seen: &Seen) -> String {
    let all = seen.realized + seen.missing.len();
    let full = (BAR_CHARS * seen.realized).checked_div(all).unwrap_or(0);
    let bar = format!("[{}{}]", "#".repeat(full), "-".repeat(BAR_CHARS - full));
    let told = seen.missing.iter().take(NAMED_HOSTS);
    let mut told: Vec<String> = told.map(|(host, why)| format!("{host} ({why})")).collect();
    let more = seen.missing.len().saturating_sub(NAMED_HOSTS);
    if more > 0 {
        told.push(format!("{more} more"));
    }
    let missing = match (told.is_empty(), &seen.trouble) {
        (false, _) => format!("; missing: {}", told.join(", ")),
        (true, Some(trouble)) => format!("; {trouble}"),
        (true, None) => String::new(),
    };
    format!("{bar} {} of {all} hosts{missing}", seen.realized)
}
