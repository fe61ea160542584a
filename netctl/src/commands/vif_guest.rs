//! `vif-attach`, `vif-detach`: VIFs of guests that hypervisors run.

use std::time::Duration;

use api::client::Client;
use api::request::PortAttach;
use api::resource::{HostView, PortView};
use clap::Args;
use model::{GuestName, PortState};
use tokio::time::{Instant, sleep};

use super::{Outcome, object_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::word;
use crate::resolve::{Scope, resolve};

/// How often to look whether frames flow.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Which VIF to plug into which guest.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// The VIF: its name, its id, or the start of its id
    vif: String,
    /// The guest: what its hypervisor calls it, or its UUID there
    #[arg(long)]
    vm: GuestName,
    /// The host that the guest runs on
    #[arg(long)]
    host: String,
    /// Whose the VIF is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
    /// How many seconds to wait at most until its frames flow
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    timeout: u64,
}

/// Which VIF to plug out of its guest.
#[derive(Debug, Args)]
pub(crate) struct Detach {
    /// The VIF: its name, its id, or the start of its id
    vif: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
}

impl Attach {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let port: PortView = resolve(client, &self.vif, scope).await?;
        let host: HostView = resolve(client, &self.host, Scope::Pool).await?;
        let request = PortAttach {
            host_id: host.host.id,
            guest: self.vm.clone(),
        };
        client.port_attach(port.port.id, &request).await?;
        let deadline = Instant::now() + Duration::from_secs(self.timeout);
        loop {
            let port: PortView = client.get(port.port.id.uuid()).await?;
            if port.status.state == PortState::Active {
                return Ok(object_of(&port).into());
            }
            if Instant::now() >= deadline {
                return Err(self.not_active(&port));
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    fn not_active(&self, port: &PortView) -> Failure {
        let (id, state) = (port.port.id, word(&port.status.state));
        let says = format!("{id} was attached but is {state} after {} s", self.timeout);
        let reason = port.status.reason.clone();
        let reason = reason.unwrap_or_else(|| "its host has not said why".to_owned());
        Failure::new(Exit::NotSo, says)
            .because(reason)
            .next(format!(
                "see `netctl vif-show {id}` and `netctl event-list`"
            ))
    }
}

impl Detach {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let port: PortView = resolve(client, &self.vif, scope).await?;
        let port = client.port_detach(port.port.id).await?;
        Ok(object_of(&port).into())
    }
}
