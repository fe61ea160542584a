//! LXC's hook for a network (lxc.container.conf(5), `lxc.net.[i].script.up` and `.down`): LXC made a veth
//! pair, whose other end is inside already, and waits before it starts what is to run there.
//!
//! ```text
//!   lxc.net.0.type = veth
//!   lxc.net.0.flags = up
//!   lxc.net.0.script.up = /usr/bin/bulkhead-agent lxc-hook --port <id>
//!   lxc.net.0.script.down = /usr/bin/bulkhead-agent lxc-hook --port <id>
//! ```

use std::path::PathBuf;

use anyhow::{Context, bail};
use model::PortId;

use super::asking::ask;
use super::{Answer, Question};
use crate::containers::Request;

/// What LXC calls the hook with: `name net up veth [bridge] link`, or with nothing and an environment, as
/// `lxc.hook.version` says.
#[derive(Debug, clap::Args)]
pub struct Call {
    /// The agent's state folder.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/bulkhead/agent")]
    state_dir: PathBuf,
    /// How long a container's start is held at most, up to 60.
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// The port that the container's network plugs into.
    #[arg(long, value_name = "ID")]
    port: PortId,
    /// The process that is to become the container's first, which LXC names in the environment.
    #[arg(long, env = "LXC_PID", value_name = "PID")]
    pid: u32,
    /// The container's name.
    #[arg(env = "LXC_NAME")]
    container: String,
    /// What is set up.
    #[arg(env = "LXC_HOOK_SECTION")]
    section: String,
    /// What happens to it.
    #[arg(env = "LXC_HOOK_TYPE")]
    operation: String,
    /// The type of the network.
    #[arg(env = "LXC_NET_TYPE")]
    kind: String,
    /// The bridge, if LXC knows of one, and the link on the host.
    #[arg(env = "LXC_NET_PEER", required = true)]
    link: Vec<String>,
}

impl Call {
    /// Plugs the container in and waits until its VIF is active, or unplugs it.
    ///
    /// # Errors
    /// When it is not active in time, or nobody could say so: then the container must not start.
    pub fn run(&self) -> anyhow::Result<()> {
        let Self {
            container, kind, ..
        } = self;
        if kind != "veth" {
            bail!("container {container} has a network of type {kind}; expected veth");
        }
        let link = self.link.last().context("LXC names no link")?.clone();
        let request = match self.operation.as_str() {
            "up" => Request::Plug {
                container: container.clone(),
                link,
                namespace: format!("/proc/{}/ns/net", self.pid).into(),
                port: self.port,
                seconds: self.seconds,
            },
            "down" => Request::Unplug { link },
            _ => return Ok(()),
        };
        let asked = Question::Container(request);
        match ask(&self.state_dir, &asked, self.seconds)? {
            Answer::Refused { reason } => bail!("container {container} may not start: {reason}"),
            _ => Ok(()),
        }
    }
}
