//! What is said between ports, as frames.

use super::{mac, v4, v6};
use crate::frame::{Frame, Payload, ipv6};

/// What a packet says: its protocol, and its ports where that has some.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) v6: bool,
    pub(super) protocol: u8,
    pub(super) from: u16,
    pub(super) to: u16,
    pub(super) is_reply: bool,
}

impl Said {
    pub(super) fn reply(self) -> Self {
        Self {
            from: self.to,
            to: self.from,
            is_reply: true,
            ..self
        }
    }

    /// The type of an echo's question.
    pub(super) fn echo(self) -> u8 {
        if self.v6 { 128 } else { 8 }
    }

    fn transport(self) -> Vec<u8> {
        let ports = [self.from.to_be_bytes(), self.to.to_be_bytes()].concat();
        match (self.protocol, self.is_reply) {
            (6, _) => [&ports[..], &[0; 8], &[0x50, 0x10, 255, 255, 0, 0, 0, 0]].concat(),
            (17, _) => [&ports[..], &[0, 8, 0, 0]].concat(),
            (1, true) => vec![0, 0, 0, 0, 0, 7, 0, 1],
            (58, true) => vec![129, 0, 0, 0, 0, 7, 0, 1],
            (1 | 58, false) => vec![self.echo(), 0, 0, 0, 0, 7, 0, 1],
            _ => vec![0; 8],
        }
    }

    pub(super) fn frame(self, from: u8, to: u8) -> Frame {
        let body = self.transport();
        let payload = match self.v6 {
            true => Payload::Bytes {
                eth_type: 0x86dd,
                bytes: ipv6(self.protocol, v6(from), v6(to), &body),
            },
            false => {
                let length = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
                let head = [
                    0x45,
                    0,
                    length[0],
                    length[1],
                    0,
                    0,
                    0,
                    0,
                    64,
                    self.protocol,
                    0,
                    0,
                ];
                let ends = [v4(from).octets(), v4(to).octets()].concat();
                Payload::Bytes {
                    eth_type: 0x0800,
                    bytes: [&head[..], &ends, &body].concat(),
                }
            }
        };
        Frame::new(mac(from).octets(), mac(to).octets(), payload)
    }
}
