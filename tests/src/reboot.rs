//! Hosts that crash as a whole, and boot again.

use std::process::Command;

use lab::Signal;

use crate::Pool;

/// What becomes of the switch's database while its host is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// It is as it was, with what ran before in it.
    Kept,
    /// It is empty, as where bridges are made at boot.
    Wiped,
}

impl Pool {
    /// Ends the agent and the switch, as when a host crashes.
    pub fn crash(&self, host: usize, database: Database) {
        let host = self.host(host);
        let processes = [
            host.agent().unwrap_or_else(|e| panic!("{e}")).clone(),
            host.vswitch().vswitchd(),
            host.vswitch().ovsdb(),
        ];
        for process in &processes {
            let killed = self.wait(process.kill(Signal::SIGKILL));
            killed.unwrap_or_else(|e| panic!("{e}"));
        }
        if database == Database::Kept {
            return;
        }
        let file = host.vswitch().rundir().join("conf.db");
        std::fs::remove_file(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        let mut create = Command::new("ovsdb-tool");
        let made = create.arg("create").arg(&file).arg(schema).status();
        assert!(made.is_ok_and(|it| it.success()), "ovsdb-tool create");
    }

    /// Starts the switch and the agent of a host that crashed, the agent last.
    pub fn boot(&self, host: usize) {
        let host = self.host(host);
        let start = async {
            host.vswitch().ovsdb().start().await?;
            host.vswitch().ovs_vsctl(&["--no-wait", "init"]).await?;
            host.vswitch().vswitchd().start().await?;
            host.agent()?.start().await
        };
        self.wait(start).unwrap_or_else(|e| panic!("{e}"));
    }
}
