//! Watches the guests that XenAPI's toolstack runs on this host.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};
use uuid::Uuid;

use super::client::{Client, Error};
use super::record::{self, Records, Token};
use super::settings::Settings;
use crate::seen::{self, Daemon, Redial, Seen};

/// The bridge that guests of tenants are plugged into.
const BRIDGE: &str = "br-int";

/// How often everything is asked for anew when nothing calls for it.
const RESYNC: Duration = Duration::from_secs(600);

/// How long a burst of events is let gather; nobody is asked more often.
const GATHER: Duration = Duration::from_millis(200);

/// How late XenAPI is dialled again at last.
const LATEST: Duration = Duration::from_secs(15);

/// The task that watches.
pub struct Watcher {
    /// The file that says how to log in. Without it there is nothing to watch.
    pub settings: PathBuf,
    /// What is seen.
    pub seen: watch::Sender<Seen>,
}

impl Watcher {
    /// Watches for ever: through toolstacks that end, start, or never come.
    pub async fn run(self) {
        let mut redial = Redial::at_most_every(LATEST);
        loop {
            let began = Instant::now();
            if self.settings.exists() {
                let Err(error) = self.follow().await;
                seen::lost(&self.seen, error);
            }
            redial.pause(began.elapsed()).await;
        }
    }

    async fn follow(&self) -> Result<Infallible, Error> {
        let settings = Settings::load(&self.settings)?;
        let host = settings.host()?;
        let client = Client::login(&settings).await?;
        let Err(error) = self.listen(&client, host).await;
        if !error.is("SESSION_INVALID") {
            client.logout().await;
        }
        Err(error)
    }

    async fn listen(&self, client: &Client, host: Uuid) -> Result<Infallible, Error> {
        let mut records = Records::default();
        let mut token = Token::default();
        let mut resync_at = Instant::now() + RESYNC;
        let mut told = BTreeSet::new();
        loop {
            let result = match client.events(&token).await {
                // What happened in between is not known: everything is asked for anew.
                Err(error) if error.is("EVENTS_LOST") && token != Token::default() => {
                    token = Token::default();
                    continue;
                }
                result => result?,
            };
            let batch = record::decode_batch(&result);
            let batch = batch.map_err(|error| Error::Format("event.from", error))?;
            if token == Token::default() {
                records = Records::default();
            }
            records.apply(&batch);
            token = batch.token.clone();
            self.publish(&records, host)?;
            let complaints = records.complaints(host, BRIDGE);
            for complaint in complaints.difference(&told) {
                warn!("XenAPI's {complaint}");
            }
            told = complaints;
            if Instant::now() >= resync_at {
                resync_at = Instant::now() + RESYNC;
                token = Token::default();
            }
            sleep(GATHER).await;
        }
    }

    fn publish(&self, records: &Records, host: Uuid) -> Result<(), Error> {
        let version = records.version(host).ok_or(Error::Stranger(host))?;
        let daemon = Daemon::Here { version };
        let guests = records.guests(host);
        self.seen.send_if_modified(|seen| {
            let same = seen.daemon == daemon && seen.guests == guests;
            if seen.daemon != daemon {
                info!("XenAPI answers");
            }
            seen.daemon = daemon;
            seen.guests = guests;
            !same
        });
        Ok(())
    }
}
