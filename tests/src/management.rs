//! The management network, as a VIF might reach for it: nothing that a VIF sends may turn up there,
//! and nothing there may answer it.

use std::net::Ipv4Addr;
use std::process::Command;

use serde_json::Value;

use crate::checks::Verdict;
use crate::frame::{self, BROADCAST, Mac};
use crate::{Instance, Pool, Sniffer};

/// Marks what is sent, wherever it turns up.
const MARK: &str = "BULKHEAD reaches out";

/// Where sFlow goes (IANA): its datagrams carry what was sampled, the mark too.
const SFLOW: [u8; 2] = 6343_u16.to_be_bytes();

/// The group of every IPv6 machine on a link.
const ALL_NODES: Mac = [0x33, 0x33, 0, 0, 0, 1];

/// What must not be reached, and by which tags somebody might try.
#[derive(Clone, Debug)]
pub struct Management {
    /// Every place where its frames are seen.
    pub places: Vec<Place>,
    /// VLAN ids that may mean it somewhere.
    pub vlans: Vec<u16>,
}

/// A link with an address: a host's or the controller's on the management network, or another of a
/// host's own stack.
#[derive(Clone, Debug)]
pub struct Place {
    /// The namespace it is in.
    pub namespace: String,
    /// Its name there.
    pub link: String,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its IPv4 address; 0.0.0.0 without one.
    pub address: Ipv4Addr,
}

impl Place {
    /// The link of this name in a namespace, as `ip` shows it.
    #[must_use]
    pub fn observe(namespace: &str, link: &str) -> Self {
        let line = ["-n", namespace, "-j", "address", "show", "dev", link];
        let output = Command::new("ip").args(line).output();
        let output = output.unwrap_or_else(|e| panic!("could not run ip: {e}"));
        let shown: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{link} in {namespace}: {e}"));
        let addresses = shown[0]["addr_info"].as_array().cloned();
        let four = addresses.unwrap_or_default().into_iter();
        let mut four = four.filter(|it| it["family"] == "inet");
        let address = four
            .next()
            .and_then(|it| it["local"].as_str()?.parse().ok());
        Self {
            namespace: namespace.to_owned(),
            link: link.to_owned(),
            mac: crate::pool::mac(shown[0]["address"].as_str().unwrap_or_default()),
            address: address.unwrap_or(Ipv4Addr::UNSPECIFIED),
        }
    }

    fn sniff(&self) -> Sniffer {
        Sniffer::start(&self.namespace, &self.link)
    }
}

impl Management {
    /// Every host's and the controller's `eth0`, where that carries nothing else.
    #[must_use]
    pub fn of(pool: &Pool) -> Self {
        let lab = pool.lab();
        let hosts = lab.hosts().unwrap_or_default();
        let hosts = hosts.iter().map(|host| host.namespace().to_owned());
        let controller = lab.controller().ok();
        let controller = controller.map(|it| it.namespace().to_owned());
        Self {
            places: hosts
                .chain(controller)
                .map(|namespace| Place::observe(&namespace, "eth0"))
                .collect(),
            vlans: vec![lab::Spec::default().management_vlan],
        }
    }

    /// Sends from a VIF whatever might reach the management network, and looks for it there, and for
    /// answers at the VIF.
    ///
    /// # Errors
    /// What turned up where.
    pub fn out_of_reach_of(&self, from: &Instance) -> Verdict {
        let places: Vec<_> = self.places.iter().map(|it| (it, it.sniff())).collect();
        let own = from.sniff();
        let frames = self.attempts(from);
        for _ in 0..3 {
            from.send_frames(&frames);
        }
        for (place, sniffer) in places {
            let caught = sniffer.stop();
            let ours = |it: &&Vec<u8>| is_of(from, it) && !is_sflow(it);
            if let Some(arrived) = caught.iter().find(ours) {
                let Place {
                    link, namespace, ..
                } = place;
                return Err(format!(
                    "{} reached {link} of {namespace}: {arrived:02x?}",
                    from.name
                ));
            }
        }
        let answered = own.stop();
        let answer = answered.iter().find(|it| self.is_answer(it));
        match answer {
            Some(answer) => Err(format!("{} was answered: {answer:02x?}", from.name)),
            None => Ok(format!(
                "{} attempts, none arrived, no answer",
                3 * frames.len()
            )),
        }
    }

    /// To every place by its own address and as a broadcast, in its own and in the VIF's name, with
    /// and without tags.
    fn attempts(&self, from: &Instance) -> Vec<Vec<u8>> {
        let me = (from.mac, from.address);
        let mut plain = vec![frame::echo_v6(from.mac, ALL_NODES, MARK)];
        for place in &self.places {
            let Place { mac, address, .. } = *place;
            for source in [me, (from.mac, Ipv4Addr::UNSPECIFIED), (mac, address)] {
                for to in [mac, BROADCAST] {
                    plain.push(frame::udp(source, (to, address), MARK));
                    plain.push(frame::echo(source, (to, address), MARK));
                    plain.push(frame::arp(false, source.0, source, (to, address), MARK));
                }
                let everybody = (BROADCAST, Ipv4Addr::BROADCAST);
                plain.push(frame::udp(source, everybody, MARK));
            }
            plain.push(frame::echo_v6(from.mac, mac, MARK));
        }
        let vlans = self.vlans.iter().chain(&[0, 1]);
        let tagged = vlans.flat_map(|vlan| plain.iter().map(|it| frame::tagged(*vlan, it)));
        plain.iter().cloned().chain(tagged).collect()
    }

    /// Whether one of the places sent it, or speaks of itself in it.
    fn is_answer(&self, caught: &[u8]) -> bool {
        let is_arp_reply =
            caught.get(12..14) == Some(&[8, 6]) && caught.get(20..22) == Some(&[0, 2]);
        self.places.iter().any(|place| {
            let sender = caught.get(28..32) == Some(&place.address.octets()[..]);
            let is_sender = frame::source(caught) == Some(place.mac);
            // What the VIF itself forged is caught on its way out, too.
            is_arp_reply && sender || is_sender && !frame::carries(caught, MARK)
        })
    }
}

fn is_of(from: &Instance, caught: &[u8]) -> bool {
    frame::source(caught) == Some(from.mac) || frame::carries(caught, MARK)
}

fn is_sflow(caught: &[u8]) -> bool {
    let udp = caught.get(12..14) == Some(&[8, 0]) && caught.get(23) == Some(&17);
    udp && caught.get(36..38) == Some(&SFLOW)
}
