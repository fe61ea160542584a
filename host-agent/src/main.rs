//! The program of one host's agent.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use futures::FutureExt;
use futures::future::{BoxFuture, join, select_all};
use host_agent::accounting::Accounting;
use host_agent::announcer::{self, Stations};
use host_agent::gateways::asking;
use host_agent::guests::Watched;
use host_agent::hold::{hook, lxc};
use host_agent::hotplug;
use host_agent::hypervisors::{Hypervisors, Places};
use host_agent::instances::Found;
use host_agent::observe::{DATABASE, monitor_request};
use host_agent::plan_store::PlanStore;
use host_agent::plugger::Plugger;
use host_agent::prober::Prober;
use host_agent::reconcile::{Channels, Ground, Reconciler, Settings};
use host_agent::responder::{self, Ears, Known};
use host_agent::sample_relay::SampleRelay;
use host_agent::session::{Controller, Session, StatusReceiver};
use host_agent::shield::{self, Cover};
use host_agent::status::Remarks;
use host_agent::tracer::Tracer;
use host_agent::trial::guard;
use host_agent::trial::journal::Folder;
use host_agent::trial::proof::Open;
use model::plan::HostPlan;
use ovsdb::{Client, Endpoint, Monitor, Options};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

/// Makes this host's Open vSwitch be what the controller's plan says.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Program {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    agent: Option<Arguments>,
}

/// What else this program does.
#[derive(Subcommand)]
enum Task {
    /// Take a change of the way to the controller back unless it is confirmed in time; an agent
    /// starts it by itself
    Revert(Revert),
    /// Hold a guest of QEMU back until its VIFs are active; libvirt calls it as its hook
    QemuHook(hook::Call),
    /// Plug a container of LXC in, and hold it back until its VIF is active; LXC calls it as the script
    /// of a network
    LxcHook(lxc::Call),
    /// Plug a VIF of a guest of Xen in or out; Xen's toolstack calls it by the script vif-bulkhead
    VifHotplug(hotplug::Call),
}

#[derive(clap::Args)]
struct Revert {
    /// The agent's state folder.
    #[arg(long, value_name = "DIR")]
    state_dir: PathBuf,
    /// Where ovsdb-server listens.
    #[arg(long, value_name = "unix:PATH")]
    ovsdb: Endpoint,
    /// Which change.
    #[arg(long, value_name = "ID")]
    trial: uuid::Uuid,
    /// The time that it has.
    #[arg(long, value_name = "N")]
    seconds: u64,
}

#[derive(clap::Args)]
struct Arguments {
    /// Where the controller listens for agents.
    #[arg(long, value_name = "IP:PORT")]
    controller: SocketAddr,
    /// The folder with ca.pem, host.pem and host.key.
    #[arg(long, value_name = "DIR")]
    certificate_dir: PathBuf,
    /// The folder where the plan is kept.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/bulkhead/agent")]
    state_dir: PathBuf,
    /// Where ovsdb-server listens.
    #[arg(
        long,
        value_name = "unix:PATH",
        default_value = "unix:/run/openvswitch/db.sock"
    )]
    ovsdb: Endpoint,
    /// The run directory of ovs-vswitchd.
    #[arg(long, value_name = "DIR", default_value = "/run/openvswitch")]
    ovs_rundir: PathBuf,
    /// Where libvirt's sockets are, if it is on this host.
    #[arg(long, value_name = "DIR", default_value = "/run/libvirt")]
    libvirt_dir: PathBuf,
    /// The folder of kernels and disks that instances boot.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/bulkhead/images")]
    images_dir: PathBuf,
    /// Where libvirt's daemons on other hosts are reached, for machines that migrate; {host} stands for the
    /// host's address.
    #[arg(long, value_name = "URI", default_value = "qemu+tls://{host}/system")]
    libvirt_migration_uri: String,
    /// How to log in to XenAPI's toolstack, if it runs this host's guests.
    #[arg(long, value_name = "FILE", default_value = "/etc/bulkhead/xenapi.json")]
    xenapi: PathBuf,
    /// How the names of instances' namespaces start; no other agent on this machine may use it.
    #[arg(long, value_name = "PREFIX", default_value = "bulkhead-")]
    namespace_prefix: String,
    /// The datapath type of new bridges; by default the kernel's where it has one.
    #[arg(long, value_name = "TYPE")]
    datapath_type: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = Program::parse();
    log_to_stderr();
    match (program.task, program.agent) {
        (Some(Task::Revert(revert)), _) => keep_deadline(revert).await,
        (Some(Task::QemuHook(call)), _) => call.run(),
        (Some(Task::LxcHook(call)), _) => call.run(),
        (Some(Task::VifHotplug(call)), _) => call.run().await,
        (None, Some(arguments)) => run(arguments).await,
        (None, None) => Err(Program::command()
            .error(ErrorKind::MissingRequiredArgument, "no controller is named")
            .into()),
    }
}

async fn keep_deadline(revert: Revert) -> anyhow::Result<()> {
    let folder = Folder::below(&revert.state_dir)?;
    let within = Duration::from_secs(revert.seconds);
    guard::run(&folder, &revert.ovsdb, revert.trial, within).await
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let controller = Controller::new(arguments.controller, &arguments.certificate_dir)?;
    let controller = Arc::new(controller);
    let (open, opened) = watch::channel(None);
    let store = Arc::new(PlanStore::open(&arguments.state_dir)?);
    let plan = watch::Sender::new(stored_plan(&store)?.map(Arc::new));
    let remarks = Remarks::default();
    let (found, instances) = watch::channel(Found::new());
    let (status_sender, mut status) = watch::channel(None);
    let (known_sender, known) = watch::channel(Arc::default());
    let (station_sender, stations) = watch::channel(Arc::default());
    let (ears, heard) = Ears::new(remarks.clone());
    let rundir = arguments.ovs_rundir.clone();
    let (asking, line) = asking::start(rundir.clone());
    let (mut accounting, usage) = Accounting::start(&rundir, &arguments.state_dir, remarks.clone());
    accounting.armed().await;
    let (ovsdb, monitor) = open_database(arguments.ovsdb.clone()).await?;
    let (watched, guests) = watch::channel(Watched::default());
    let (cover_sender, cover) = watch::channel(Cover::default());
    let mut tasks = Tasks::default();
    let shield = shield::run(monitor.clone(), remarks.clone(), cover_sender);
    tasks.spawn("shields links", shield);
    let channels = Channels {
        plan: plan.subscribe(),
        instances,
        guests,
        status: status_sender,
        remarks: remarks.clone(),
        known: known_sender,
        stations: station_sender,
        heard,
        gateways: line,
        cover,
    };
    let (tracer, traces) = Tracer::new(rundir.clone(), known.clone());
    let speaking = speak(rundir, (known, stations), tracer, ears);
    tasks.spawn("speaks for ports", join(speaking, asking).map(drop));
    let settings = arguments.settings(Arc::clone(&controller), opened);
    let reconciler = Reconciler::new(settings, channels, ovsdb.clone(), monitor.clone())?;
    tasks.spawn("reconciles", reconciler.run());
    // Bridges first: what starts on them needs them, and what is reported comes from them.
    status.wait_for(Option::is_some).await?;

    let wanted = (plan.subscribe(), status.clone());
    let hypervisors = hypervisors((ovsdb, monitor), wanted, (found, watched), remarks.clone());
    tasks.spawn("runs instances", hypervisors.start(&arguments.places())?);
    let (relay, samples) = SampleRelay::new(plan.subscribe());
    let (prober, probes) = Prober::new(arguments.ovs_rundir, plan.subscribe());
    let (plugger, plugs) = Plugger::new(arguments.libvirt_dir);
    tasks.spawn("plugs VIFs into guests", plugger.run());
    let aside = join(prober.run(), relay.run()).map(drop);
    tasks.spawn("probes and hands samples on", aside);
    let session = Session {
        store,
        plan,
        status,
        remarks,
        probes,
        traces,
        plugs,
        open,
        usage,
        samples,
    };
    tasks.spawn("speaks with the controller", session.run(controller));
    ready();
    tokio::select! {
        ended = accounting.ended() => ended.context("the accounting task failed"),
        ended = tasks.ended() => ended,
        () = told_to_stop() => Ok(()),
    }
}

/// What runs instances, given what is wanted and was found, and where to tell of it.
fn hypervisors(
    (ovsdb, monitor): (Client, Monitor),
    (plan, status): (watch::Receiver<Option<Arc<HostPlan>>>, StatusReceiver),
    (found, watched): (watch::Sender<Found>, watch::Sender<Watched>),
    remarks: Remarks,
) -> Hypervisors {
    Hypervisors {
        plan,
        status,
        ovsdb,
        monitor,
        found,
        watched,
        remarks,
    }
}

/// What runs as long as the program.
#[derive(Default)]
struct Tasks(Vec<BoxFuture<'static, anyhow::Result<()>>>);

impl Tasks {
    /// Starts one; what it does is for the message when it fails.
    fn spawn(&mut self, does: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = tokio::spawn(task);
        let ended = handle.map(move |ended| ended.with_context(|| format!("what {does} failed")));
        self.0.push(ended.boxed());
    }

    /// Waits until one of them ends.
    async fn ended(self) -> anyhow::Result<()> {
        select_all(self.0).await.0
    }
}

/// The switch's database, and what there is in it of what we have to hear of.
async fn open_database(endpoint: Endpoint) -> Result<(Client, Monitor), ovsdb::Error> {
    let client = Client::connect(endpoint, Options::default()).await?;
    let monitor = client.monitor(DATABASE, monitor_request()).await?;
    Ok((client, monitor))
}

/// Answers ports, announces those that came here, and says what becomes of packets.
async fn speak(
    run_directory: PathBuf,
    (known, stations): (watch::Receiver<Arc<Known>>, watch::Receiver<Arc<Stations>>),
    tracer: Tracer,
    ears: Ears,
) {
    let responding = responder::run(run_directory.clone(), known, ears);
    let announcing = announcer::run(run_directory, stations);
    tokio::join!(responding, announcing, tracer.run());
}

impl Arguments {
    fn places(&self) -> Places {
        Places {
            state: self.state_dir.clone(),
            libvirt: self.libvirt_dir.clone(),
            images: self.images_dir.clone(),
            other_libvirts: self.libvirt_migration_uri.clone(),
            xenapi: self.xenapi.clone(),
            namespaces: self.namespace_prefix.clone(),
        }
    }

    fn settings(&self, controller: Arc<Controller>, session: Open) -> Settings {
        let datapath_type = self.datapath_type.clone();
        Settings {
            ground: Ground {
                state: self.state_dir.clone(),
                ovsdb: self.ovsdb.clone(),
                controller,
                session,
            },
            run_directory: self.ovs_rundir.clone(),
            state_directory: self.state_dir.clone(),
            datapath_type: datapath_type.unwrap_or_else(|| best_datapath_type().to_owned()),
        }
    }
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// The plan of before. An unreadable one is put aside: the controller still has it, and until then
/// nothing that is installed is taken away.
fn stored_plan(store: &PlanStore) -> anyhow::Result<Option<HostPlan>> {
    match store.load() {
        Ok(plan) => {
            let generation = plan.as_ref().map(|plan| plan.generation.0);
            info!(generation, "the stored plan");
            Ok(plan)
        }
        Err(error) => {
            let aside = store.set_aside()?;
            let error = anyhow::Error::from(error);
            warn!("{error:#}; it is now {}", aside.display());
            Ok(None)
        }
    }
}

/// The kernel's datapath is fastest; without its module only the userspace one is there.
fn best_datapath_type() -> &'static str {
    match Path::new("/sys/module/openvswitch").exists() {
        true => "system",
        false => "netdev",
    }
}

/// Tells systemd, if it started us, that the first pass is made.
fn ready() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        warn!("could not tell systemd that we are ready: {error}");
    }
    info!("ready");
}

/// Waits for SIGTERM or SIGINT. Flows stay: an agent that stops takes no traffic with it.
async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
