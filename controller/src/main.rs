//! `bulkhead-controller`: reads the command line, and starts what was asked for.

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use controller::serve::{self, CollectorPlace, Config};
use model::{Invalid, Name, Quantity, QuotaLimit, SampleWay};
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

/// The controller of a Bulkhead pool.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the REST API and the agents.
    Serve(Serve),
    /// Makes the certificate by which a host's agent says who it is.
    HostCertificate(HostCertificate),
}

#[derive(Args)]
struct Serve {
    /// The folder for authority, token, store and usage ledger; made if it is not there.
    #[arg(long, value_name = "DIR", env = "BULKHEAD_DATA_DIR")]
    data_dir: PathBuf,
    /// Where the REST API listens.
    #[arg(long, value_name = "IP:PORT")]
    api_listen: SocketAddr,
    /// Where agents connect.
    #[arg(long, value_name = "IP:PORT")]
    agent_listen: SocketAddr,
    /// Where the collector listens for sFlow; hosts send it to this port of --advertise.
    #[arg(long, value_name = "IP:PORT")]
    sflow_listen: SocketAddr,
    /// The address that hosts and clients reach this machine by.
    #[arg(long, value_name = "IP")]
    advertise: IpAddr,
    /// One packet in so many is sampled.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    sampling_rate: u32,
    /// Seconds between two counter samples of one port.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    polling_seconds: u32,
    /// Seconds of one interval of the usage ledger.
    #[arg(long, value_name = "N", default_value_t = flow_collector::Config::DEFAULT_INTERVAL_SECONDS)]
    usage_interval_seconds: NonZeroU32,
    #[command(flatten)]
    usage_upkeep: flow_collector::Upkeep,
    /// How much of something a tenant may have of whom nothing else is said, such as ports=500 or
    /// networks=unlimited; may be given for each quantity.
    #[arg(long = "quota", value_name = "QUANTITY=N", value_parser = quota_of)]
    quota: Vec<(Quantity, QuotaLimit)>,
    /// Minutes between two checks of the fabric that nobody asks for; 0: only when asked.
    #[arg(long, value_name = "N", default_value_t = 10)]
    fabric_check_minutes: u32,
    /// Leaves the collector to bulkhead-flow-collector, which listens on the same address.
    #[arg(long)]
    no_collector: bool,
    /// Hosts hand their samples on in their agents' sessions; a datagram from anywhere is not believed.
    #[arg(long, conflicts_with = "no_collector")]
    samples_by_session: bool,
}

#[derive(Args)]
struct HostCertificate {
    /// The folder of the controller, which may be running.
    #[arg(long, value_name = "DIR", env = "BULKHEAD_DATA_DIR")]
    data_dir: PathBuf,
    /// The name of the host, unique in the pool.
    #[arg(long)]
    name: Name,
    /// The folder to write ca.pem, host.pem and host.key into; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let outcome = match Arguments::parse().command {
        Command::Serve(arguments) => run(arguments.into()).await,
        Command::HostCertificate(arguments) => host_certificate(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn quota_of(text: &str) -> Result<(Quantity, QuotaLimit), Invalid> {
    let (quantity, limit) = text.split_once('=').unwrap_or((text, ""));
    Ok((quantity.replace('-', "_").parse()?, limit.parse()?))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let stop = api::serve::stop_on_signal().context("could not await signals")?;
    serve::serve(config, stop).await
}

fn host_certificate(arguments: &HostCertificate) -> anyhow::Result<()> {
    let HostCertificate {
        data_dir,
        name,
        out,
    } = arguments;
    let id = serve::host_certificate(data_dir, name, out)?;
    info!(host.id = %id, "made the certificate of host {name} in {}", out.display());
    Ok(())
}

impl From<Serve> for Config {
    fn from(arguments: Serve) -> Self {
        Self {
            data_dir: arguments.data_dir,
            api_listen: arguments.api_listen,
            agent_listen: arguments.agent_listen,
            sflow_listen: arguments.sflow_listen,
            advertise: arguments.advertise,
            sampling_rate: arguments.sampling_rate,
            polling_seconds: arguments.polling_seconds,
            usage_interval_seconds: arguments.usage_interval_seconds,
            quota: arguments.quota.into_iter().collect(),
            usage_upkeep: arguments.usage_upkeep,
            fabric_check_minutes: NonZeroU32::new(arguments.fabric_check_minutes),
            collector: match arguments.no_collector {
                true => CollectorPlace::Elsewhere,
                false => CollectorPlace::Embedded,
            },
            samples: match arguments.samples_by_session {
                true => SampleWay::Session,
                false => SampleWay::Datagrams,
            },
        }
    }
}
