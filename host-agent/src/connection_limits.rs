//! How many connections the switch tracks for each port: one VIF that opens more and more must not take
//! the memory that all share.

use std::collections::BTreeMap;
use std::path::Path;

use model::{Limits, PortId};

use crate::switch::control;
use crate::wanted::Wanted;

/// How many zones are told of in one go.
const BATCH: usize = 256;

/// The limits that the switch has for certain.
#[derive(Debug, Default)]
pub struct ConnectionLimits {
    by_zone: BTreeMap<u16, u32>,
}

impl ConnectionLimits {
    /// Nothing is known of the switch any more.
    pub fn doubt(&mut self) {
        self.by_zone.clear();
    }

    /// Makes each zone have the limit of its port.
    ///
    /// # Errors
    /// When the switch cannot be told; what it was not told of is tried again the next time.
    pub async fn apply(
        &mut self,
        run_directory: &Path,
        datapath_type: &str,
        wanted: BTreeMap<u16, u32>,
    ) -> Result<(), control::Error> {
        self.by_zone.retain(|zone, _| wanted.contains_key(zone));
        let differs = |(zone, limit): &(u16, u32)| self.by_zone.get(zone) != Some(limit);
        let changes: Vec<(u16, u32)> = wanted.into_iter().filter(differs).collect();
        for batch in changes.chunks(BATCH) {
            let zones = batch.iter();
            let zones = zones.map(|(zone, limit)| format!("zone={zone},limit={limit}"));
            let arguments: Vec<String> =
                [datapath(datapath_type)].into_iter().chain(zones).collect();
            control::ask(run_directory, "dpctl/ct-set-limits", &arguments).await?;
            self.by_zone.extend(batch.iter().copied());
        }
        Ok(())
    }
}

/// What each zone in use is to be limited to.
#[must_use]
pub fn wanted(wanted: &Wanted, zones: &BTreeMap<PortId, u16>) -> BTreeMap<u16, u32> {
    let limits = zones.iter().filter_map(|(port, zone)| {
        let limits = wanted.ports.get(port)?.limits;
        let connections = limits.connections.unwrap_or(Limits::CONNECTIONS);
        Some((*zone, connections.get()))
    });
    limits.collect()
}

/// The datapath that bridges of this type share; without a type they are the kernel's.
fn datapath(bridges: &str) -> String {
    let kind = if bridges.is_empty() {
        "system"
    } else {
        bridges
    };
    format!("{kind}@ovs-{kind}")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    /// What a switch is told when these limits are to be.
    async fn told(limits: &mut ConnectionLimits, wanted: &[(u16, u32)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("ovs-vswitchd.1.ctl")).unwrap();
        let wanted = wanted.iter().copied().collect();
        let listening = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1000];
            let count = stream.read(&mut request).await.unwrap();
            let answer = br#"{"id":0,"result":"","error":null}"#;
            stream.write_all(answer).await.unwrap();
            String::from_utf8_lossy(&request[..count]).into_owned()
        };
        let applying = async {
            let applied = limits.apply(folder.path(), "netdev", wanted).await;
            applied.unwrap();
        };
        tokio::select! {
            biased;
            (request, ()) = async { tokio::join!(listening, applying) } => request,
            () = tokio::time::sleep(std::time::Duration::from_millis(300)) => String::new(),
        }
    }

    #[tokio::test]
    async fn only_what_differs_is_told_and_a_zone_that_is_used_again_is_told_anew() {
        let mut limits = ConnectionLimits::default();
        let both = told(&mut limits, &[(1, 10), (2, 20)]).await;
        assert!(both.contains(r#"["netdev@ovs-netdev","zone=1,limit=10","zone=2,limit=20"]"#));
        assert_eq!(told(&mut limits, &[(1, 10), (2, 20)]).await, "");
        let one = told(&mut limits, &[(1, 10), (2, 21)]).await;
        assert!(one.contains(r#"["netdev@ovs-netdev","zone=2,limit=21"]"#));
        assert_eq!(told(&mut limits, &[(1, 10)]).await, "");
        let again = told(&mut limits, &[(1, 10), (2, 21)]).await;
        assert!(again.contains("zone=2,limit=21"));
        limits.doubt();
        let all = told(&mut limits, &[(1, 10)]).await;
        assert!(all.contains("zone=1,limit=10"));
    }
}
