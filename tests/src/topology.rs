//! What carries a pool's networks: told by the API, seen on the hosts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Pool, Rest, eventually};

/// How long every host may take to carry out a topology.
const PATIENCE: Duration = Duration::from_secs(120);

impl Pool {
    /// The API with no client between.
    #[must_use]
    pub fn rest(&self) -> Rest {
        let controller = self.lab().controller();
        let controller = controller.unwrap_or_else(|e| panic!("{e}"));
        Rest::open(controller.directory())
    }

    /// Says what carries the roles of the pool, and waits until every host does as it is told.
    pub fn lay(&self, change: &Value) {
        let (status, answer) = self.wait(self.rest().patch("topology", change));
        assert!((200..300).contains(&status), "{change}: {answer}");
        eventually("every host has the topology", PATIENCE, || {
            let hosts = self.json("host-list");
            hosts
                .as_array()
                .is_some_and(|all| all.iter().all(is_settled))
        });
    }

    /// Says how one host differs in what carries management, without waiting for it; a change of the
    /// way to the controller has `seconds`.
    pub fn move_management(
        &self,
        host: &str,
        uplink: Option<&str>,
        address: Option<&str>,
        seconds: u32,
    ) {
        let networks = self.json("physical-network-list");
        let mut networks = networks.as_array().into_iter().flatten();
        let management = networks.find(|it| it["role"] == "management");
        let management = management.unwrap_or_else(|| panic!("there is no management network"));
        let host_id = self.host_view(host)["id"].clone();
        let mut body = json!({
            "physical_network_id": management["id"],
            "confirm_within_seconds": seconds,
        });
        for (key, value) in [("uplink", uplink), ("address", address)] {
            if let Some(value) = value {
                body[key] = value.into();
            }
        }
        let path = format!("hosts/{}/uplink", host_id.as_str().unwrap_or_default());
        let (status, answer) = self.wait(self.rest().put(&path, &body));
        assert!((200..300).contains(&status), "{body}: {answer}");
    }

    /// A host as the controller has it.
    #[must_use]
    pub fn host_view(&self, host: &str) -> Value {
        self.json(&format!("host-show {host}"))
    }

    /// `settled`, `on-trial` or `reverted`.
    #[must_use]
    pub fn management_path(&self, host: &str) -> String {
        let view = self.host_view(host);
        let state = view["status"]["management_path"]["state"].as_str();
        state.unwrap_or_default().to_owned()
    }

    /// Whether a host is connected and does all that it is told.
    #[must_use]
    pub fn is_settled(&self, host: &str) -> bool {
        is_settled(&self.host_view(host))
    }

    /// What a command prints on a host.
    #[must_use]
    pub fn on_host(&self, number: usize, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let done = self.wait(self.host(number).run(&words));
        done.unwrap_or_else(|e| panic!("{line}: {:#}", anyhow::Error::new(e)))
    }
}

fn is_settled(host: &Value) -> bool {
    let status = &host["status"];
    status["connected"] == true
        && !status["realized"].is_null()
        && status["realized"] == status["planned"]
        && status["management_path"]["state"] == "settled"
        && status["failures"].as_array().is_some_and(Vec::is_empty)
}
