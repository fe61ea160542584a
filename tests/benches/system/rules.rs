//! A rule for a group with many members, until every host has confirmed it.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tests::eventually;

use super::{Bench, text};

const PATIENCE: Duration = Duration::from_secs(120);
/// How often hosts are looked at; the controller answers that in a fraction of it.
const LOOK: Duration = Duration::from_millis(3);

impl Bench {
    /// One change: the members of the tenant's default group, which every port is in, may begin to
    /// speak to each other on one more port of TCP.
    pub(super) fn rule_from_members(&mut self, number: usize) -> Duration {
        let group = self.default_group();
        let rule = json!({
            "direction": "ingress", "protocol": "tcp", "ports": (2000 + number).to_string(),
            "remote_group_id": group,
        });
        self.add_rule(&group, rule)
    }

    /// One change: the same for whoever has an address of one prefix.
    pub(super) fn rule_from_prefix(&mut self, number: usize) -> Duration {
        let group = self.default_group();
        let rule = json!({
            "direction": "ingress", "protocol": "tcp", "ports": (4000 + number).to_string(),
            "remote_cidr": "192.0.2.0/24",
        });
        self.add_rule(&group, rule)
    }

    fn default_group(&self) -> String {
        let (status, page) = self.pool.wait(self.rest.get("security-groups"));
        assert_eq!(status, 200, "{page}");
        let groups = page["items"].as_array();
        let found = groups.and_then(|all| all.iter().find(|it| it["name"] == "default"));
        text(&found.unwrap_or_else(|| panic!("no default group: {page}"))["id"])
    }

    fn add_rule(&self, group: &str, rule: Json) -> Duration {
        eventually("every host is settled", PATIENCE, || self.all_confirmed());
        let start = Instant::now();
        let body = json!({"add_rules": [rule]});
        let path = format!("security-groups/{group}");
        let (status, answer) = self.pool.wait(self.rest.patch(&path, &body));
        assert_eq!(status, 200, "{answer}");
        while !self.all_confirmed() {
            assert!(start.elapsed() < PATIENCE, "a rule was not confirmed");
            std::thread::sleep(LOOK);
        }
        start.elapsed()
    }

    /// Whether the switches of all hosts have confirmed all that was planned for them.
    fn all_confirmed(&self) -> bool {
        let (status, page) = self.pool.wait(self.rest.get("hosts"));
        assert_eq!(status, 200, "{page}");
        let confirmed = |host: &Json| {
            let status = &host["status"];
            !status["realized"].is_null() && status["realized"] == status["planned"]
        };
        let hosts = page["items"].as_array();
        hosts.is_some_and(|all| all.iter().all(confirmed))
    }
}
