//! `status`

use api::client::Client;
use clap::Args;

use super::{Done, Outcome};
use crate::exit::Exit;
use crate::print::{Output, json};

/// Nothing more to say.
#[derive(Debug, Args)]
pub(crate) struct Status {}

impl Status {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let version = client.version().await?;
        let health = client.health().await?;
        let exit = match health.status.as_str() {
            "ok" => Exit::Done,
            _ => Exit::NotSo,
        };
        let server = client.server().to_string();
        let output = Output::Object {
            json: serde_json::json!({
                "server": server,
                "version": version.version,
                "api": version.api,
                "health": json(&health),
            }),
            id: server,
        };
        Ok(Done { output, exit })
    }
}
