//! What ethtool(8) says of NICs that are hardware. Links of software have no speed of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::kernel::Kernel;

/// How long one NIC may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a NIC is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hardware {
    /// What drives it.
    pub driver: Option<String>,
    /// Its speed in Mbit/s, while it has a cable.
    pub speed_mbps: Option<u32>,
}

/// Asks every NIC that is hardware.
pub async fn of(kernel: &Kernel) -> BTreeMap<String, Hardware> {
    let mut found = BTreeMap::new();
    let nics = kernel.links.iter();
    for (name, _) in nics.filter(|(name, link)| link.kind.is_none() && *name != "lo") {
        let (settings, driver) = (ask(&[name]).await, ask(&["-i", name]).await);
        let hardware = Hardware {
            driver: value(&driver, "driver").map(str::to_owned),
            speed_mbps: value(&settings, "Speed").and_then(megabits),
        };
        found.insert(name.clone(), hardware);
    }
    found
}

async fn ask(words: &[&str]) -> String {
    let asked = Command::new("ethtool")
        .args(words)
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, asked).await.ok().and_then(Result::ok);
    let output = output.map(|it| it.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).into_owned()
}

/// The value of a line `key: value`.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.trim().split_once(':'));
    let (_, value) = lines.find(|(it, _)| *it == key)?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// `25000Mb/s`; a NIC without a cable says `Unknown!`.
fn megabits(text: &str) -> Option<u32> {
    text.strip_suffix("Mb/s")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_and_driver_are_read_and_what_is_not_said_is_not_made_up() {
        let settings = "Settings for enp1s0:\n\tSpeed: 25000Mb/s\n\tDuplex: Full\n";
        assert_eq!(value(settings, "Speed").and_then(megabits), Some(25_000));
        assert_eq!(
            value("\tSpeed: Unknown!\n", "Speed").and_then(megabits),
            None
        );
        assert_eq!(
            value("driver: mlx5_core\nversion: 6\n", "driver"),
            Some("mlx5_core")
        );
        assert_eq!(value("driver: \n", "driver"), None);
        assert_eq!(value("", "driver"), None);
    }
}
