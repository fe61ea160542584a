//! `bulkhead-flow-collector`: reads the command line, and starts the collector.
//!
//! The controller collects by itself; this program is for pools where it should not, or where
//! one machine is not enough.

use std::fs;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use api::client::{Client, Server};
use api::tls::{self, Identity};
use api::token::TokenDigest;
use clap::Parser;
use flow_collector::program::{self, Rest};
use flow_collector::{Config, Upkeep};
use model::SampleWay;
use tracing::error;
use tracing_subscriber::EnvFilter;

/// Collects sFlow from the hosts of a Bulkhead pool and keeps the usage ledger.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen for sFlow.
    #[arg(long, value_name = "IP:PORT", default_value = "[::]:6343")]
    listen: SocketAddr,
    /// The file of the usage ledger; made if it is not there.
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// Seconds of one interval of the usage ledger.
    #[arg(long, value_name = "N", default_value_t = Config::DEFAULT_INTERVAL_SECONDS)]
    interval_seconds: NonZeroU32,
    #[command(flatten)]
    upkeep: Upkeep,
    /// The controller, whose inventory says which port is behind which interface.
    #[arg(long, value_name = "URL", env = "BULKHEAD_CONTROLLER")]
    controller: String,
    /// The certificate of the pool's authority, in PEM.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// The file with the token: shown to the controller, and asked of clients.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Where to answer for usage.
    #[arg(long, value_name = "IP:PORT")]
    api_listen: SocketAddr,
    /// Our certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let token = fs::read_to_string(&arguments.token_file).with_context(|| {
        let path = arguments.token_file.display();
        format!("could not read the token in {path}")
    })?;
    let token = token.trim();
    let server = Server::Https {
        url: arguments.controller,
        ca_pem: read(&arguments.ca)?,
    };
    // The client refuses a token that is empty or more than one line.
    let controller = Client::new(server, Some(token))?;
    let identity = Identity {
        certificate_pem: &read(&arguments.certificate)?,
        key_pem: &read(&arguments.key)?,
    };
    let rest = Rest {
        listen: arguments.api_listen,
        tls: tls::server_config(identity, None)?,
        token: TokenDigest::of(token),
    };
    let config = Config {
        listen: arguments.listen,
        ledger: arguments.ledger,
        interval_seconds: arguments.interval_seconds,
        upkeep: arguments.upkeep,
        // Sessions are the controller's.
        way: SampleWay::Datagrams,
    };
    let stop = api::serve::stop_on_signal().context("could not await signals")?;
    program::run(config, controller, rest, stop).await
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("could not read {}", path.display()))
}
