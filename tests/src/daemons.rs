//! What the programs of a pool use up.

use std::collections::BTreeMap;

use crate::Pool;

/// The kinds of programs, by a part of their names in a lab.
const KINDS: [&str; 4] = ["controller", "agent", "vswitchd", "ovsdb"];

impl Pool {
    /// Every program of the hosts and the controller that runs: its kind and its process id. The
    /// physical switch is none of them.
    #[must_use]
    pub fn daemons(&self) -> Vec<(&'static str, u32)> {
        let processes = self.lab().processes().unwrap_or_else(|e| panic!("{e}"));
        let of_hosts = processes
            .iter()
            .filter(|it| !it.name().starts_with("switch"));
        let found = of_hosts.filter_map(|it| {
            let kind = KINDS.iter().find(|kind| it.name().contains(**kind))?;
            Some((*kind, it.pid().ok()??))
        });
        found.collect()
    }

    /// Processor seconds so far, by kind of program, over all hosts.
    #[must_use]
    pub fn processor_seconds(&self) -> BTreeMap<&'static str, f64> {
        let mut seconds = BTreeMap::new();
        for (kind, pid) in self.daemons() {
            // Nanoseconds on a processor, all threads (proc(5), schedstat of each task).
            let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
            let tasks = tasks.into_iter().flatten().filter_map(Result::ok);
            let spent = tasks.filter_map(|task| {
                let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
                text.split(' ').next()?.parse::<f64>().ok()
            });
            *seconds.entry(kind).or_insert(0.0) += spent.sum::<f64>() / 1e9;
        }
        seconds
    }
}
