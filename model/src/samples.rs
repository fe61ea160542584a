//! Samples that an agent hands on in its host's name.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Which way a host's samples take to the collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleWay {
    /// The switch sends datagrams to it; whose they are, their source address says.
    #[default]
    Datagrams,
    /// The switch sends them to its agent, and that hands them on in its session; whose they are, its
    /// certificate says.
    Session,
}

/// What an agent hands on at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayedSamples {
    /// Datagrams that it could not hand on since it last said so: there was no session, or it was slow.
    pub dropped: u64,
    /// In the order that they came, at most [`MAX_DATAGRAMS`](Self::MAX_DATAGRAMS).
    pub datagrams: Vec<RelayedDatagram>,
}

/// A datagram as the switch sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayedDatagram {
    /// How long the agent had it, in milliseconds.
    pub waited_milliseconds: u32,
    /// What it says, in JSON as base64 (RFC 4648 §4).
    #[serde(serialize_with = "encode", deserialize_with = "decode")]
    pub bytes: Vec<u8>,
}

impl RelayedSamples {
    /// Keeps a message far below the session's longest frame.
    pub const MAX_DATAGRAMS: usize = 64;
}

impl RelayedDatagram {
    /// No datagram of a switch is longer, in bytes.
    pub const MAX_BYTES: usize = 9216;
    /// What waited for longer is not handed on, in milliseconds: it would say wrong when it was sent.
    pub const MAX_WAIT_MILLISECONDS: u32 = 2000;
}

fn encode<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn decode<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<'d, str>::deserialize(deserializer)?;
    STANDARD
        .decode(text.as_bytes())
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_survive_json_and_what_is_no_base64_is_refused() {
        let datagram = RelayedDatagram {
            waited_milliseconds: 7,
            bytes: (0..=255).collect(),
        };
        let json = serde_json::to_string(&datagram).unwrap();
        let back: RelayedDatagram = serde_json::from_str(&json).unwrap();
        assert_eq!(back, datagram);
        let broken = r#"{"waited_milliseconds":7,"bytes":"?"}"#;
        assert!(serde_json::from_str::<RelayedDatagram>(broken).is_err());
    }
}
