//! Instances as machines of QEMU: libvirt runs them and forgets them when they end.
//!
//! What an instance is, is kept in the plan and nowhere else: what is wanted and does not run is started from
//! it, and what is ours, runs and is not wanted is ended.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use model::plan::PlannedInstance;
use model::report::InstanceReport;
use model::{Acceleration, Boot, Driver, ImageName, InstanceId, Motion};

use super::Kind;
use super::client::{Connection, Error};
use super::departures::{self, Departures};
use super::plugging::{Vif, interface_xml};
use super::protocol::{DomainRef, Listed};
use crate::{Hypervisor, Reconciled};

/// How the names of our machines start.
const PREFIX: &str = "bulkhead-";

/// Where libvirt keeps what its machines say.
const CONSOLES: &str = "/var/log/libvirt/qemu";

/// Where the kernel offers to run machines on the processors themselves.
const KVM: &str = "/dev/kvm";

/// Runs instances as machines of QEMU.
pub struct Machines {
    /// The folder of libvirt's sockets.
    pub sockets: PathBuf,
    /// The folder of what they boot.
    pub images: PathBuf,
    /// What their VIFs are plugged into.
    pub bridge: String,
    /// Where libvirt's daemons on other hosts are reached, with [`departures::HOST`] for the host's address.
    pub others: String,
    /// Those that leave.
    pub departures: Departures,
}

impl Machines {
    async fn make_right(&self, wanted: &[PlannedInstance]) -> Reconciled {
        let socket = Kind::Qemu.socket(&self.sockets);
        // Without libvirt there is nothing of ours to end either.
        let Some(socket) = socket else {
            return none_runs(wanted, "no libvirt is on this host");
        };
        match self.make_right_by(&socket, wanted).await {
            Ok(reconciled) => reconciled,
            Err(error) => none_runs(wanted, &whole(error)),
        }
    }

    async fn make_right_by(
        &self,
        socket: &Path,
        wanted: &[PlannedInstance],
    ) -> Result<Reconciled, Error> {
        let mut connection = Connection::open(socket, Kind::Qemu).await?;
        let active = connection.domains(Listed::Active).await?;
        let paused = connection.domains(Listed::Paused).await?;
        let ours = active.iter().filter(|it| it.name == handle(it.uuid.into()));
        let mut leftovers = Vec::new();
        for domain in ours {
            let is_wanted = wanted.iter().any(|it| it.id.uuid() == domain.uuid);
            // One that comes from another host is paused until it is here, and then wanted here.
            if is_wanted || paused.iter().any(|it| it.uuid == domain.uuid) {
                continue;
            }
            if let Err(error) = connection.destroy(domain).await {
                leftovers.push((domain.name.clone(), whole(error)));
            }
        }
        let leaving = |id| wanted.iter().any(|it| it.id == id && it.motion.is_some());
        self.departures.keep(leaving);
        let mut instances = Vec::new();
        for instance in wanted {
            let here = |all: &[DomainRef]| {
                let mut all = all.iter();
                all.find(|it| it.uuid == instance.id.uuid()).cloned()
            };
            instances.push(match instance.motion {
                None => {
                    let started = self.start(&mut connection, &active, instance).await;
                    report(instance.id, started)
                }
                Some(Motion::Comes) => {
                    let stands = match (here(&active), here(&paused)) {
                        (None, _) => Stands::Nowhere,
                        (Some(_), Some(_)) => Stands::Waiting,
                        (Some(_), None) => Stands::Here,
                    };
                    on_its_way(instance.id, stands)
                }
                Some(Motion::Leaves { to, began_at }) => {
                    let domain = here(&active);
                    let stands = match domain {
                        None => Stands::Nowhere,
                        Some(_) => Stands::Here,
                    };
                    let mut report = on_its_way(instance.id, stands);
                    if let Some(domain) = domain {
                        let uri = departures::uri(&self.others, to);
                        let which = (instance.id, began_at);
                        self.departures.begin(which, domain, (socket, uri));
                    }
                    report.departure = self.departures.outcome(instance.id, began_at);
                    report
                }
            });
        }
        Ok(Reconciled {
            instances,
            leftovers,
        })
    }

    async fn start(
        &self,
        connection: &mut Connection,
        active: &[DomainRef],
        instance: &PlannedInstance,
    ) -> Result<(), Error> {
        if active.iter().any(|it| it.uuid == instance.id.uuid()) {
            return Ok(());
        }
        connection.create(&self.xml(instance)).await
    }

    fn xml(&self, instance: &PlannedInstance) -> String {
        let emulated = match &instance.boot {
            Some(boot) => boot.acceleration == Acceleration::Emulated,
            None => true,
        };
        let (kind, processor) = match !emulated && Path::new(KVM).exists() {
            true => ("kvm", "<cpu mode='host-model'/>"),
            false => ("qemu", ""),
        };
        let (name, uuid) = (handle(instance.id), instance.id);
        let title = escaped(instance.name.as_str());
        let (machine, disk) = match &instance.boot {
            Some(boot) => (self.machine_xml(boot), self.disk_xml(boot)),
            None => (String::new(), String::new()),
        };
        let vifs = instance.interfaces.iter().map(|it| Vif {
            port: it.port_id,
            mac: it.mac,
            mtu: it.mtu,
        });
        let vifs: String = vifs.map(|vif| interface_xml(&self.bridge, &vif)).collect();
        format!(
            "<domain type='{kind}'><name>{name}</name><uuid>{uuid}</uuid><title>{title}</title>{machine}\
             {processor}<features><acpi/></features><on_poweroff>destroy</on_poweroff>\
             <on_reboot>restart</on_reboot><on_crash>destroy</on_crash><devices>{disk}{vifs}\
             <serial type='pty'><log file='{CONSOLES}/{name}.console' append='off'/></serial>\
             <memballoon model='none'/></devices></domain>"
        )
    }

    fn machine_xml(&self, boot: &Boot) -> String {
        let (memory, processors) = (boot.memory_mib, boot.processors);
        let mut kernel = String::new();
        let parts = [("kernel", &boot.kernel), ("initrd", &boot.initrd)];
        for (tag, image) in parts {
            if let Some(image) = image {
                // Writing to a String cannot fail.
                let _written = write!(kernel, "<{tag}>{}</{tag}>", self.image(image));
            }
        }
        if let Some(line) = &boot.command_line {
            let _written = write!(kernel, "<cmdline>{}</cmdline>", escaped(line.as_str()));
        }
        format!(
            "<memory unit='MiB'>{memory}</memory><vcpu>{processors}</vcpu><os><type>hvm</type>{kernel}</os>"
        )
    }

    /// Its format is said by its name: QEMU is never let guess what a guest can write.
    fn disk_xml(&self, boot: &Boot) -> String {
        let Some(disk) = &boot.disk else {
            return String::new();
        };
        let format = match disk.as_str().ends_with(".qcow2") {
            true => "qcow2",
            false => "raw",
        };
        let path = self.image(disk);
        format!(
            "<disk type='file' device='disk'><driver name='qemu' type='{format}'/><source file='{path}'/>\
             <target dev='vda' bus='virtio'/><transient shareBacking='yes'/></disk>"
        )
    }

    fn image(&self, name: &ImageName) -> String {
        escaped(&self.images.join(name.as_str()).to_string_lossy())
    }
}

impl Hypervisor for Machines {
    fn driver(&self) -> Driver {
        Driver::Libvirt
    }

    /// libvirt is asked for all of its machines at once, whatever there is to do.
    fn reconcile<'a>(
        &'a self,
        wanted: &'a [PlannedInstance],
        _settled: &'a [PlannedInstance],
    ) -> BoxFuture<'a, Reconciled> {
        Box::pin(self.make_right(wanted))
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.departures.over())
    }
}

/// Of one that is to run here.
fn report(id: InstanceId, started: Result<(), Error>) -> InstanceReport {
    let reason = started.err().map(whole);
    InstanceReport {
        id,
        running: reason.is_none(),
        handle: Some(handle(id)),
        reason,
        departure: None,
    }
}

/// How one stands that comes or leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// There is nothing of it.
    Nowhere,
    /// It waits for the rest of itself.
    Waiting,
    /// It runs, or it has not left.
    Here,
}

/// Of one that comes or leaves: it has a handle if there is anything of it.
fn on_its_way(id: InstanceId, stands: Stands) -> InstanceReport {
    let reason = "it is on its way to another host";
    let running = stands == Stands::Here;
    InstanceReport {
        id,
        running,
        handle: (stands != Stands::Nowhere).then(|| handle(id)),
        reason: (!running).then(|| reason.to_owned()),
        departure: None,
    }
}

/// What libvirt calls an instance: the last 12 digits, for in a UUID of version 7 the first ones are the
/// time.
fn handle(id: InstanceId) -> String {
    let digits = id.uuid().simple().to_string();
    format!("{PREFIX}{}", &digits[20..])
}

fn none_runs(wanted: &[PlannedInstance], reason: &str) -> Reconciled {
    let reports = wanted.iter().map(|instance| InstanceReport {
        id: instance.id,
        running: false,
        handle: None,
        reason: Some(reason.to_owned()),
        departure: None,
    });
    Reconciled {
        instances: reports.collect(),
        leftovers: Vec::new(),
    }
}

/// A text as XML has it.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// An error with everything that caused it, as one sentence for a report.
pub(super) fn whole(error: Error) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

#[cfg(test)]
mod tests {
    use model::plan::PlannedInterface;
    use roxmltree::Document;
    use uuid::Uuid;

    use super::*;
    use crate::libvirt::domain::Domain;

    fn machines() -> Machines {
        Machines {
            sockets: "/run/libvirt".into(),
            images: "/srv/a&b".into(),
            bridge: "br-int".to_owned(),
            others: String::new(),
            departures: Departures::default(),
        }
    }

    fn instance() -> PlannedInstance {
        PlannedInstance {
            id: Uuid::from_u128(0x1234_5678_9abc).into(),
            name: "<web> & 'db'".parse().unwrap(),
            driver: Driver::Libvirt,
            boot: Some(Boot {
                kernel: Some("vmlinuz".parse().unwrap()),
                initrd: Some("initrd".parse().unwrap()),
                command_line: Some("console=ttyS0 x=</cmdline>".parse().unwrap()),
                disk: Some("root.qcow2".parse().unwrap()),
                memory_mib: 96,
                processors: 2,
                acceleration: Acceleration::Emulated,
            }),
            motion: None,
            interfaces: vec![PlannedInterface {
                port_id: Uuid::from_u128(5).into(),
                mac: "52:54:00:00:00:01".parse().unwrap(),
                addresses: Vec::new(),
                gateways: Vec::new(),
                mtu: 1500,
            }],
        }
    }

    #[test]
    fn whatever_an_instance_is_called_and_told_is_text_and_never_more_of_the_description() {
        let xml = machines().xml(&instance());
        let document = Document::parse(&xml).unwrap();
        let text = |name: &str| {
            let node = document.descendants().find(|it| it.has_tag_name(name));
            node.and_then(|it| it.text()).unwrap_or_default().to_owned()
        };
        assert_eq!(text("title"), "<web> & 'db'");
        assert_eq!(text("cmdline"), "console=ttyS0 x=</cmdline>");
        assert_eq!(text("kernel"), "/srv/a&b/vmlinuz");
        let domain = Domain::parse(&xml).unwrap();
        assert_eq!(domain.name, "bulkhead-123456789abc");
        assert_eq!(domain.name, handle(domain.uuid.into()));
        assert_eq!(domain.interfaces.len(), 1);
    }

    #[test]
    fn a_disk_is_of_the_format_that_its_name_says() {
        let mut instance = instance();
        assert!(machines().xml(&instance).contains("type='qcow2'"));
        let boot = instance.boot.as_mut().unwrap();
        boot.disk = Some("root.img".parse().unwrap());
        assert!(machines().xml(&instance).contains("type='raw'"));
    }
}
