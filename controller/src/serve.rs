//! The controller as a whole: what it is made of, and in what order it starts and stops.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use api::tls::{self, Identity};
use flow_collector::{Collector, Upkeep};
use model::plan::Sampling;
use model::{Quota, SampleWay};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::authority::{Authority, Credentials};
use crate::caps;
use crate::fabric;
use crate::fleet::session::Timing;
use crate::fleet::{self, Fleet};
use crate::leaving;
use crate::quarantine;
use crate::service::{Service, Settings};
use crate::store::Store;
use crate::token;

/// Bytes of each sampled packet: enough for Ethernet, VLAN tags, IPv6 and TCP.
const SAMPLED_HEADER_BYTES: u32 = 128;

/// So long it is waited for a controller that was just killed to let go of its folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Where the controller keeps its things and listens.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its folder: authority, token, store and usage ledger.
    pub data_dir: PathBuf,
    /// Where the REST API listens.
    pub api_listen: SocketAddr,
    /// Where agents connect.
    pub agent_listen: SocketAddr,
    /// Where the collector listens for sFlow, and hosts send it.
    pub sflow_listen: SocketAddr,
    /// The address that hosts and clients reach this machine by.
    pub advertise: IpAddr,
    /// One packet in so many is sampled.
    pub sampling_rate: u32,
    /// Seconds between two counter samples of one port.
    pub polling_seconds: u32,
    /// Seconds of one interval of the usage ledger.
    pub usage_interval_seconds: NonZeroU32,
    /// How much of the pool a tenant may have of whom nothing else is said.
    pub quota: Quota,
    /// What is done to the usage ledger without being asked.
    pub usage_upkeep: Upkeep,
    /// Minutes between two checks of the fabric that nobody asks for; never if absent.
    pub fabric_check_minutes: Option<NonZeroU32>,
    /// Whether the collector runs in here.
    pub collector: CollectorPlace,
    /// Which way hosts' samples take to it.
    pub samples: SampleWay,
}

/// Where the collector runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectorPlace {
    /// Inside the controller.
    Embedded,
    /// As a program of its own, at the same address.
    Elsewhere,
}

/// The sockets, opened before anything is promised.
struct Sockets {
    api: TcpListener,
    api_local: UnixListener,
    agents: TcpListener,
}

/// Runs the controller until `stop`; then everything under way is finished first.
///
/// # Errors
/// It could not start: the folder is in use or unusable, or an address is.
pub async fn serve(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let folder = &config.data_dir;
    let _lock = take(folder).await?;
    let token = token::load_or_create(&folder.join("admin.token"))
        .context("could not read or make admin.token")?;
    let authority = Authority::load_or_create(folder)?;
    let credentials = authority.server(folder, &names(), &addresses(&config))?;
    let sockets = bind(&config).await?;
    let fleet = Arc::new(Fleet::default());
    let collector = start_collector(&config, &fleet).await?;
    let store = Store::open(&folder.join("bulkhead.db"))?;
    if let Some(mark) = store.history_mark()? {
        // Where logs are kept elsewhere, it shows later whether history was written anew.
        info!(%mark, "history ends with this record");
    }
    let service = Service::start(store, settings(&config), fleet.clone(), token)?;
    let service = Arc::new(match &collector {
        Some(collector) => service.with_collector(collector.clone()),
        None => service,
    });
    info!(revision = service.intent().revision, "the intent is loaded");

    let listening = collector.as_ref().map(|collector| {
        let listening = fleet.clone().tell_of_meters(collector.findings());
        AbortOnDropHandle::new(tokio::spawn(listening))
    });
    let chores = [
        AbortOnDropHandle::new(tokio::spawn(fleet::inventory::run(fleet))),
        AbortOnDropHandle::new(tokio::spawn(fleet::binder::run(service.clone()))),
        AbortOnDropHandle::new(tokio::spawn(quarantine::keep_lifting(service.clone()))),
        AbortOnDropHandle::new(tokio::spawn(leaving::keep_settling(service.clone()))),
        AbortOnDropHandle::new(tokio::spawn(caps::keep(service.clone(), folder.clone()))),
    ];
    let checking = config.fabric_check_minutes.map(|minutes| {
        let checking = fabric::keep_checking(service.clone(), minutes);
        AbortOnDropHandle::new(tokio::spawn(checking))
    });
    let serving = listen(service.clone(), sockets, &authority, &credentials, stop)?;
    ready();
    serving.await;
    drop((chores, checking, listening));
    drop(service);
    finish(collector).await;
    Ok(())
}

/// The folder, which one controller has at a time. One that was just killed has it until the last of its
/// threads has ended, which may still wait for a disk.
async fn take(folder: &Path) -> anyhow::Result<File> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("could not make the folder {}", folder.display()))?;
    let path = folder.join("lock");
    let lock = File::create(&path).with_context(|| format!("could not open {}", path.display()))?;
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(LOCK_PAUSE).await,
            Err(TryLockError::WouldBlock) => bail!(
                "another controller uses {}; stop it first",
                folder.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("could not lock {}", path.display()));
            }
        }
    }
}

/// The names that clients on this machine and others may call us by.
fn names() -> Vec<String> {
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut names = vec!["localhost".to_owned()];
    let hostname = hostname.trim();
    if !hostname.is_empty() && hostname != "localhost" && hostname.is_ascii() {
        names.push(hostname.to_owned());
    }
    names
}

/// The addresses that clients and agents may reach us by.
fn addresses(config: &Config) -> Vec<IpAddr> {
    let mut addresses = vec![config.advertise];
    let loopback = [
        IpAddr::from([127, 0, 0, 1]),
        IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    let listening = [config.api_listen.ip(), config.agent_listen.ip()];
    for address in loopback.into_iter().chain(listening) {
        if !address.is_unspecified() && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

async fn bind(config: &Config) -> anyhow::Result<Sockets> {
    let listen = async |address: SocketAddr, what: &str| {
        let listener = TcpListener::bind(address).await;
        listener.with_context(|| format!("could not listen for {what} on {address}"))
    };
    let path = config.data_dir.join("api.sock");
    Ok(Sockets {
        api: listen(config.api_listen, "the API").await?,
        agents: listen(config.agent_listen, "agents").await?,
        api_local: api::serve::bind_unix(&path)
            .with_context(|| format!("could not listen on {}", path.display()))?,
    })
}

async fn start_collector(config: &Config, fleet: &Fleet) -> anyhow::Result<Option<Arc<Collector>>> {
    if config.collector == CollectorPlace::Elsewhere {
        return Ok(None);
    }
    let its = flow_collector::Config {
        listen: config.sflow_listen,
        ledger: config.data_dir.join("usage.db"),
        interval_seconds: config.usage_interval_seconds,
        upkeep: config.usage_upkeep,
        way: config.samples,
    };
    let collector = Collector::start(its, fleet.inventory()).await?;
    Ok(Some(Arc::new(collector)))
}

fn settings(config: &Config) -> Settings {
    Settings {
        sampling: Some(sampling(config)),
        quota: config.quota.clone(),
    }
}

fn sampling(config: &Config) -> Sampling {
    Sampling {
        collector: SocketAddr::new(config.advertise, config.sflow_listen.port()),
        rate: config.sampling_rate,
        header_bytes: SAMPLED_HEADER_BYTES,
        polling_seconds: config.polling_seconds,
        way: config.samples,
    }
}

/// Serves clients and agents until `stop`, and what is under way then to its end.
fn listen(
    service: Arc<Service>,
    sockets: Sockets,
    authority: &Authority,
    credentials: &Credentials,
    stop: CancellationToken,
) -> anyhow::Result<impl Future<Output = ()>> {
    let identity = Identity {
        certificate_pem: credentials.certificate_pem.as_bytes(),
        key_pem: credentials.key_pem.as_bytes(),
    };
    let for_clients = tls::server_config(identity, None)?;
    let for_agents = tls::server_config(identity, Some(authority.ca_pem().as_bytes()))?;
    let router = api::server::router(service.clone());
    Ok(async move {
        let (agents, timing) = (sockets.agents, Timing::default());
        tokio::join!(
            api::serve::tls(sockets.api, for_clients, router.clone(), stop.clone()),
            api::serve::unix(sockets.api_local, router, stop.clone()),
            fleet::session::serve(service, agents, for_agents, timing, stop),
        );
    })
}

/// Tells systemd, if that is what started us.
fn ready() {
    info!("ready");
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        warn!(%error, "could not tell systemd that we are ready");
    }
}

/// Lets the collector write what it has.
async fn finish(collector: Option<Arc<Collector>>) {
    let Some(collector) = collector.and_then(Arc::into_inner) else {
        return;
    };
    if let Err(error) = collector.stop().await {
        let error = &error as &dyn std::error::Error;
        warn!(error, "the collector could not write its last amounts");
    }
}

/// Writes `ca.pem`, `host.pem` and `host.key` for a host into a folder.
///
/// # Errors
/// A folder cannot be used.
pub fn host_certificate(
    data_dir: &Path,
    name: &model::Name,
    out: &Path,
) -> anyhow::Result<model::HostId> {
    let authority = Authority::load_or_create(data_dir)?;
    let credentials = authority.host(name)?;
    write_host_files(out, &authority, &credentials)
        .with_context(|| format!("could not write into {}", out.display()))?;
    Ok(authority.host_id(name))
}

fn write_host_files(out: &Path, authority: &Authority, its: &Credentials) -> io::Result<()> {
    use crate::secret_file::{write, write_public};
    fs::create_dir_all(out)?;
    write_public(&out.join("ca.pem"), authority.ca_pem())?;
    write(&out.join("host.key"), &its.key_pem)?;
    write_public(&out.join("host.pem"), &its.certificate_pem)
}
