//! Instances.

use std::future::Future;

use model::{Boot, Driver, Power};
use uuid::Uuid;

use super::port::MAX_GROUPS;
use super::{Changed, Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::problem::FieldCode;
use crate::request::{InstanceCreate, InstanceUpdate, Setting};
use crate::resource::InstanceView;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};
use crate::server::value::{MemoryMib, Processors};

/// The most VIFs that one request may give an instance by each of its two ways.
const MAX_VIFS: usize = 32;

impl Listed for InstanceView {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.instance.id.uuid())),
        field("tenant_id", Kind::Id, |it| {
            Key::Id(it.instance.tenant_id.uuid())
        }),
        field("name", Kind::Text, |it| {
            Key::text(it.instance.name.as_str())
        }),
        field("host_id", Kind::Id, |it| {
            Key::Id(it.instance.host_id.uuid())
        }),
        field("driver", Kind::Word(&["netns", "libvirt"]), |it| {
            match it.instance.driver {
                Driver::Netns => Key::text("netns"),
                Driver::Libvirt => Key::text("libvirt"),
            }
        }),
        field("power", Kind::Word(&["on", "off"]), |it| {
            match it.instance.power {
                Power::On => Key::text("on"),
                Power::Off => Key::text("off"),
            }
        }),
        field("created_at", Kind::Time, |it| {
            Key::Time(it.instance.created_at)
        }),
        field("status.running", Kind::Flag, |it| {
            Key::Flag(it.status.running)
        }),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.instances()
    }
}

impl Shown for InstanceView {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Self> {
        backend.instance(id.into())
    }
}

impl Made for InstanceView {
    fn read(fields: &mut Fields) -> Option<InstanceCreate> {
        let tenant_id = fields.required("tenant_id");
        let name = fields.required("name");
        let host_id = fields.optional("host_id");
        let network_ids = fields.list("network_ids", MAX_VIFS);
        let security_group_ids = fields.list("security_group_ids", MAX_GROUPS);
        let port_ids = fields.list("port_ids", MAX_VIFS);
        let boot = fields.object("boot", read_boot);
        let power = fields.optional("power");
        Some(InstanceCreate {
            tenant_id: tenant_id?,
            name: name?,
            host_id,
            network_ids: network_ids.unwrap_or_default(),
            security_group_ids,
            port_ids: port_ids.unwrap_or_default(),
            boot: match boot {
                Setting::To(boot) => boot,
                Setting::Kept | Setting::Removed => None,
            },
            power: power.unwrap_or_default(),
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: InstanceCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.instance_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.instance_delete(caller, id.into())
    }
}

impl Changed for InstanceView {
    fn read_update(fields: &mut Fields) -> InstanceUpdate {
        InstanceUpdate {
            power: fields.optional("power"),
            host_id: fields.optional("host_id"),
        }
    }

    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: InstanceUpdate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.instance_update(caller, id.into(), request)
    }
}

fn read_boot(fields: &mut Fields) -> Option<Boot> {
    let boots = ["kernel", "disk"].map(|it| fields.has(it));
    if boots == [false, false] {
        let message = "expected a kernel to boot, or a disk to boot from";
        fields.refuse("kernel", FieldCode::Required, message);
    }
    if !boots[0] {
        for name in ["initrd", "command_line"] {
            if fields.has(name) {
                let message = "it is a kernel's; expected one only with kernel";
                fields.refuse(name, FieldCode::Inconsistent, message);
            }
        }
    }
    let memory = fields.optional("memory_mib");
    let processors = fields.optional("processors");
    Some(Boot {
        kernel: fields.optional("kernel"),
        initrd: fields.optional("initrd"),
        command_line: fields.optional("command_line"),
        disk: fields.optional("disk"),
        memory_mib: memory.map_or(Boot::MEMORY_MIB_DEFAULT, |MemoryMib(it)| it),
        processors: processors.map_or(1, |Processors(it)| it),
        acceleration: fields.optional("acceleration").unwrap_or_default(),
    })
}
