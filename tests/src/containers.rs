//! What container runtimes do, by hand: namespaces, and the plugin called as the specification has it.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::{Instance, Pool};

/// A container without a runtime: a namespace that the plugin is called for.
#[derive(Clone, Debug)]
pub struct Container {
    /// The number of its host.
    pub host: usize,
    /// Its id, and a part of its namespace's name.
    pub id: String,
    namespace: String,
}

impl Pool {
    /// Makes a container's namespace on a host. `id` is one short word.
    #[must_use]
    pub fn container(&self, host: usize, id: &str) -> Container {
        let namespace = format!("{}-x-{id}", self.lab().prefix().as_str());
        run(&["ip", "netns", "add", &namespace]);
        Container {
            host,
            id: id.to_owned(),
            namespace,
        }
    }

    /// A network configuration that names the agent of a host, and a network whose ports are to be made.
    #[must_use]
    pub fn cni_network(&self, host: usize, network: &str, tenant: &str) -> Value {
        let controller = self.lab().controller();
        let controller = controller.unwrap_or_else(|e| panic!("{e}"));
        self.cni(
            host,
            json!({
                "network": network,
                "tenant": tenant,
                "controller": format!("unix:{}", controller.api_socket().display()),
                "token_file": controller.admin_token(),
            }),
        )
    }

    /// A network configuration with these settings of ours, and the agent of a host.
    #[must_use]
    pub fn cni(&self, host: usize, mut settings: Value) -> Value {
        settings["state_dir"] = json!(self.host(host).agent_directory());
        json!({
            "cniVersion": "1.1.0",
            "name": "web",
            "type": "bulkhead-cni",
            "bulkhead": settings,
        })
    }
}

impl Container {
    /// Where its namespace is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.namespace)
    }

    /// Calls the plugin; gives what it printed, or the error that it printed.
    pub fn call(&self, command: &str, configuration: &Value) -> Result<Value, Value> {
        call(&self.variables(command), configuration)
    }

    fn variables(&self, command: &str) -> [(&'static str, String); 5] {
        [
            ("CNI_COMMAND", command.to_owned()),
            ("CNI_CONTAINERID", self.id.clone()),
            ("CNI_IFNAME", "eth0".to_owned()),
            ("CNI_NETNS", self.path().display().to_string()),
            ("CNI_PATH", "/opt/cni/bin".to_owned()),
        ]
    }

    /// Calls the plugin, and leaves it to whoever called to wait for it.
    #[must_use]
    pub fn begin(&self, command: &str, configuration: &Value) -> Child {
        begin(&self.variables(command), configuration)
    }

    /// The same, which must succeed.
    pub fn must(&self, command: &str, configuration: &Value) -> Value {
        let done = self.call(command, configuration);
        done.unwrap_or_else(|error| panic!("{command} of {}: {error}", self.id))
    }

    /// Asks whether something could be added.
    pub fn status(configuration: &Value) -> Result<Value, Value> {
        call(&[("CNI_COMMAND", "STATUS")], configuration)
    }

    /// Has what is not valid any more collected.
    pub fn collect(configuration: &Value) -> Result<Value, Value> {
        call(&[("CNI_COMMAND", "GC")], configuration)
    }

    /// Calls for it name a namespace that is not there from now on.
    pub fn forget_namespace(&mut self) {
        self.namespace.push_str("-none");
    }

    /// What it is from inside, by the result of its addition. One whose first address is of IPv6 has none here.
    #[must_use]
    pub fn instance(&self, result: &Value) -> Instance {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let address = text(&result["ips"][0]["address"]);
        let address = address.split('/').next().unwrap_or_default();
        Instance {
            name: self.id.clone(),
            tenant: String::new(),
            host: format!("h{}", self.host),
            namespace: self.namespace.clone(),
            mac: crate::pool::mac(&text(&result["interfaces"][1]["mac"])),
            address: address.parse().unwrap_or(Ipv4Addr::UNSPECIFIED),
            port_id: String::new(),
        }
    }

    /// Ends it without a word to anybody: its namespace is gone, and every link in it.
    pub fn vanish(&self) {
        run(&["ip", "netns", "delete", &self.namespace]);
    }
}

/// Calls the plugin with these variables.
///
/// # Errors
/// With the error that it printed.
pub fn call<Text: AsRef<str>>(
    variables: &[(&str, Text)],
    configuration: &Value,
) -> Result<Value, Value> {
    let child = begin(variables, configuration);
    let output = child.wait_with_output().unwrap_or_else(|e| panic!("{e}"));
    let printed = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    match output.status.success() {
        true => Ok(printed),
        false => Err(printed),
    }
}

fn begin<Text: AsRef<str>>(variables: &[(&str, Text)], configuration: &Value) -> Child {
    let program = crate::pool::programs().join("bulkhead-cni");
    let mut child = Command::new(program)
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value.as_ref())))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("could not run bulkhead-cni: {e}"));
    if let Some(mut stdin) = child.stdin.take() {
        let written = stdin.write_all(configuration.to_string().as_bytes());
        written.unwrap_or_else(|e| panic!("{e}"));
    }
    child
}

fn run(line: &[&str]) {
    let output = Command::new(line[0]).args(&line[1..]).output();
    let output = output.unwrap_or_else(|e| panic!("{line:?}: {e}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line:?}: {complaint}");
}
