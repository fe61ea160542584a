//! `watch`: events as they happen, over whatever becomes of the connection.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use api::client::{Client, ClientError, EventStream, WatchQuery, Watched};
use api::problem::Code;
use api::resource::HostView;
use api::sheet::harmless;
use clap::Args;
use model::{Event, Tenant};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::{Done, Outcome, id_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Format, Output, word};
use crate::resolve::Scope;

#[cfg(test)]
mod tests;

/// How long to wait before the first try to come back, and before a later one at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Which events to print as they happen.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Only those of these kinds, such as port-active,port-dark
    #[arg(long)]
    kind: Option<String>,
    /// Only those on this host
    #[arg(long)]
    host: Option<String>,
    /// Only those of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only those about objects of these kinds, such as port,network
    #[arg(long)]
    noun: Option<String>,
    /// Only those about the object with this id
    #[arg(long)]
    object: Option<Uuid>,
    /// Begin after the event with this id, not with what happens from now on
    #[arg(long, value_name = "ID")]
    after: Option<u64>,
    /// End after so many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// What was printed so far, and how.
struct Printed<'a> {
    out: &'a mut dyn Write,
    names: &'a Names,
    format: Format,
    left: Option<u64>,
}

impl Watch {
    /// Prints events until enough were printed, or nobody reads them any more.
    pub(crate) async fn run(&self, client: &Client, format: Format) -> Outcome {
        self.print_to(&mut io::stdout(), client, format).await
    }

    async fn print_to(&self, out: &mut dyn Write, client: &Client, format: Format) -> Outcome {
        if format == Format::Csv {
            return Err(Failure::new(Exit::Usage, "events are not watched as csv")
                .next("take -o table, json or id; `netctl event-list` prints csv"));
        }
        let mut query = self.query(client).await?;
        let names = Names::default().with::<HostView>(client).await?;
        let mut printed = Printed {
            out,
            names: &names,
            format,
            left: self.count,
        };
        if printed.left == Some(0) {
            return Ok(done());
        }
        let mut stream = client.watch(&query).await?;
        loop {
            let ended = printed.all_of(&mut stream).await?;
            if ended.is_break() {
                return Ok(done());
            }
            query.after = stream.last_id();
            stream = again(client, &query).await?;
        }
    }

    async fn query(&self, client: &Client) -> Result<WatchQuery, Failure> {
        let host = id_of::<HostView>(client, self.host.as_deref(), Scope::Pool).await?;
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let text = |id: Option<Uuid>| id.map(|id| id.to_string());
        let fields = [
            ("kind", self.kind.clone()),
            ("noun", self.noun.clone()),
            ("host_id", text(host)),
            ("tenant_id", text(tenant)),
            ("object_id", text(self.object)),
        ];
        let given = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Ok(WatchQuery {
            filters: given.collect(),
            after: self.after,
        })
    }
}

impl Printed<'_> {
    /// Prints what a stream tells until it ends, or enough was printed.
    async fn all_of(&mut self, stream: &mut EventStream) -> Result<ControlFlow<()>, Failure> {
        loop {
            match stream.next().await {
                Ok(Some(Watched::Event(event))) => {
                    let printed = self.print(&self.line(&event))?;
                    self.left = self.left.map(|left| left.saturating_sub(1));
                    if printed.is_break() || self.left == Some(0) {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Ok(Some(Watched::Gap { after })) => self.tell_gap(after)?,
                Ok(None) => return Ok(ControlFlow::Continue(())),
                Err(error) if may_pass(&error) => return Ok(ControlFlow::Continue(())),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn line(&self, event: &Event) -> String {
        match self.format {
            Format::Json => serde_json::to_string(event).unwrap_or_default(),
            Format::Id => event.id.to_string(),
            _ => format!(
                "{}  {:<18} {:<10} {}",
                event.at,
                word(&event.kind),
                self.names.of_some(event.host_id.map(model::Id::uuid)),
                harmless(&event.message),
            ),
        }
    }

    /// Whoever keeps a state by events has to know that some are missing.
    fn tell_gap(&mut self, after: u64) -> Result<(), Failure> {
        eprintln!("netctl: events through {after} are gone; list anew what you keep by them");
        if self.format == Format::Json {
            let _printed = self.print(&json!({ "gap": { "after": after } }).to_string())?;
        }
        Ok(())
    }
}

impl Printed<'_> {
    /// Prints a line at once. Whoever closes the pipe has seen enough.
    fn print(&mut self, line: &str) -> Result<ControlFlow<()>, Failure> {
        match writeln!(self.out, "{line}").and_then(|()| self.out.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(Failure::local("could not write an event", &error)),
        }
    }
}

/// Comes back to the server, however long that takes.
async fn again(client: &Client, query: &WatchQuery) -> Result<EventStream, Failure> {
    let (mut pause, mut told) = (FIRST_PAUSE, false);
    loop {
        match client.watch(query).await {
            Ok(stream) => {
                if told {
                    eprintln!("netctl: the server is back");
                }
                return Ok(stream);
            }
            Err(error) if may_pass(&error) => {
                if !told && io::stderr().is_terminal() {
                    eprintln!("netctl: {error}; waiting for it");
                    told = true;
                }
            }
            Err(error) => return Err(error.into()),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether it may be otherwise in a moment.
pub(super) fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } | ClientError::Silent { .. } => true,
        ClientError::Refused(problem) => matches!(
            problem.code,
            Code::Busy | Code::Timeout | Code::StoreUnavailable
        ),
        _ => false,
    }
}

/// Everything is printed.
fn done() -> Done {
    Output::Text(String::new()).into()
}
