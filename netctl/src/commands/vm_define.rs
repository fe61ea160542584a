//! `vm-define`, `vm-stop`: machines that stay defined while they do not run.

use api::client::Client;
use api::request::InstanceUpdate;
use api::resource::InstanceView;
use clap::{Args, ValueEnum};
use model::{Acceleration, Boot, CommandLine, Driver, ImageName, Power};

use super::vm::Made;
use super::{Outcome, Owned, delete, object_of};
use crate::resolve::{Scope, resolve};

/// What to define.
#[derive(Debug, Args)]
pub(crate) struct Define {
    #[command(flatten)]
    made: Made,
    /// The kernel to boot: a file in the host's folder of images
    #[arg(long, required_unless_present = "disk")]
    kernel: Option<ImageName>,
    /// The kernel's initial file system: a file there
    #[arg(long, requires = "kernel")]
    initrd: Option<ImageName>,
    /// The kernel's command line
    #[arg(long, requires = "kernel")]
    command_line: Option<CommandLine>,
    /// The disk: a file there, .qcow2 or raw; it stays as it is, and what the machine writes is gone
    /// when it stops
    #[arg(long)]
    disk: Option<ImageName>,
    /// Its memory, in MiB
    #[arg(long, default_value_t = Boot::MEMORY_MIB_DEFAULT, value_name = "MIB")]
    memory: u32,
    /// Its processors
    #[arg(long, default_value_t = 1, value_name = "N")]
    processors: u16,
    /// What its processors are
    #[arg(long, value_enum, default_value_t)]
    acceleration: Processors,
}

/// What the processors of a machine are.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Processors {
    /// The host's, by KVM, where it has that
    #[default]
    Auto,
    /// Emulated
    Emulated,
}

impl Define {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let mut request = self.made.request(client).await?;
        request.power = Power::Off;
        request.boot = Some(Boot {
            kernel: self.kernel.clone(),
            initrd: self.initrd.clone(),
            command_line: self.command_line.clone(),
            disk: self.disk.clone(),
            memory_mib: self.memory,
            processors: self.processors,
            acceleration: match self.acceleration {
                Processors::Auto => Acceleration::Auto,
                Processors::Emulated => Acceleration::Emulated,
            },
        });
        let made: InstanceView = client.create(&request).await?;
        Ok(object_of(&made).into())
    }
}

/// Stops an instance. A machine stays defined; of a namespace nothing is left to start again.
pub(super) async fn stop(client: &Client, one: &Owned) -> Outcome {
    let (name, tenant) = one.of();
    let scope = Scope::of(client, tenant).await?;
    let view: InstanceView = resolve(client, name, scope).await?;
    if view.instance.driver == Driver::Netns {
        return delete::<InstanceView>(client, one.of()).await;
    }
    let off = InstanceUpdate {
        power: Some(Power::Off),
        ..InstanceUpdate::default()
    };
    let view: InstanceView = client.update(view.instance.id.uuid(), &off).await?;
    Ok(object_of(&view).into())
}
