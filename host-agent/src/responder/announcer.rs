//! Announces the addresses of external networks that came to this host: several times, as one frame may
//! get lost, and switches learn from them where the address is now.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use model::NetworkNumber;
use openflow::PortNo;
use openflow::message::PacketOut;

use crate::binding::Announced;
use crate::pipeline::answer::deliver;
use crate::respond::announce;

/// How often an address is announced, and how long between.
const TIMES: u8 = 3;
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// What is still to be announced.
#[derive(Debug, Default)]
pub(super) struct Announcer {
    known: Announced,
    left: BTreeMap<(NetworkNumber, Ipv4Addr), u8>,
}

impl Announcer {
    /// These are here now; what was not before is to be announced.
    pub(super) fn know(&mut self, now: &Announced) {
        self.left.retain(|it, _| now.contains_key(it));
        let news = now.iter();
        let news = news.filter(|(it, place)| self.known.get(it) != Some(place));
        self.left.extend(news.map(|(it, _)| (*it, TIMES)));
        self.known.clone_from(now);
    }

    /// Whether anything is left.
    pub(super) fn is_busy(&self) -> bool {
        !self.left.is_empty()
    }

    /// The next round of announcements.
    pub(super) fn next(&mut self) -> Vec<PacketOut> {
        let due = self.left.keys();
        let frames = due.flat_map(|it| {
            let (network, address) = *it;
            let place = self.known.get(it);
            place.into_iter().flat_map(move |(port, mac)| {
                let told = announce(*mac, &[address.into()]).into_iter();
                told.map(move |data| PacketOut {
                    in_port: PortNo::CONTROLLER,
                    actions: deliver(network, *port),
                    data,
                })
            })
        });
        let frames = frames.collect();
        for left in self.left.values_mut() {
            *left -= 1;
        }
        self.left.retain(|_, left| *left > 0);
        frames
    }
}

#[cfg(test)]
mod tests {
    use model::MacAddr;

    use super::*;

    #[test]
    fn an_address_is_announced_three_times_where_it_came_and_not_where_it_stays_or_went() {
        let number = |it: u32| NetworkNumber::try_from(it).unwrap();
        let here = |last: u8| {
            let address = Ipv4Addr::new(203, 0, 113, last);
            let place = (PortNo(9), MacAddr::public(address));
            ((number(7), address), place)
        };
        let mut announcer = Announcer::default();
        announcer.know(&[here(1)].into());
        let rounds: Vec<usize> = (0..4).map(|_| announcer.next().len()).collect();
        assert_eq!(rounds, [1, 1, 1, 0]);
        announcer.know(&[here(1), here(2)].into());
        assert_eq!(announcer.next().len(), 1);
        announcer.know(&[here(1)].into());
        assert!(!announcer.is_busy());
        announcer.know(&[here(1), here(2)].into());
        assert!(announcer.is_busy());
    }
}
