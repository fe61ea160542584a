//! `vm-migrate`: instances that go to another host.

use std::time::Duration;

use api::client::Client;
use api::request::InstanceUpdate;
use api::resource::{HostView, InstanceView};
use clap::Args;
use tokio::time::{Instant, sleep};

use super::{Outcome, object_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::resolve::{Scope, resolve};

/// How often it is looked how far it is.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Which instance to move where.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// The instance: by id, or by name
    vm: String,
    /// The host that it is to be on
    #[arg(long)]
    host: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
    /// How long to wait until it is there, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    timeout: u64,
    /// Do not wait
    #[arg(long, conflicts_with = "timeout")]
    no_wait: bool,
}

impl Migrate {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let vm: InstanceView = resolve(client, &self.vm, scope).await?;
        let host: HostView = resolve(client, &self.host, Scope::Pool).await?;
        let there = InstanceUpdate {
            host_id: Some(host.host.id),
            ..InstanceUpdate::default()
        };
        let id = vm.instance.id.uuid();
        let mut view: InstanceView = client.update(id, &there).await?;
        let deadline = Instant::now() + Duration::from_secs(self.timeout);
        while !self.no_wait && view.instance.migration.is_some() {
            if Instant::now() >= deadline {
                let says = format!("{} is still on its way after {} s", self.vm, self.timeout);
                let next =
                    "see `netctl vif-migrate-list` and `netctl vm-show`; it goes on by itself";
                return Err(Failure::new(Exit::NotSo, says).next(next.to_owned()));
            }
            sleep(POLL_INTERVAL).await;
            view = client.get(id).await?;
        }
        match &view.instance.stayed {
            Some(reason) => {
                let says = format!("{} stays where it was", self.vm);
                Err(Failure::new(Exit::NotSo, says).because(reason.clone()))
            }
            None => Ok(object_of(&view).into()),
        }
    }
}
