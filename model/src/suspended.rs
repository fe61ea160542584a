//! What of a port's traffic does not pass at all.

use serde::{Deserialize, Serialize};

use crate::TrafficClass;

/// Of which classes a port may move nothing, each way, as its instance sees it. Reached caps say so,
/// and that a tenant is suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    /// Of what it sends.
    #[serde(default, skip_serializing_if = "Classes::is_empty")]
    pub sent: Classes,
    /// Of what it is sent.
    #[serde(default, skip_serializing_if = "Classes::is_empty")]
    pub received: Classes,
}

/// Some of the classes of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<TrafficClass>", into = "Vec<TrafficClass>")]
pub struct Classes(u8);

impl Suspended {
    /// Whether everything passes.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.sent.is_empty() && self.received.is_empty()
    }

    /// All there is, both ways.
    #[must_use]
    pub fn everything() -> Self {
        let all: Classes = TrafficClass::ALL.iter().map(|(class, _)| *class).collect();
        Self {
            sent: all,
            received: all,
        }
    }

    /// What either of the two suspends.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            sent: self.sent.and(other.sent),
            received: self.received.and(other.received),
        }
    }
}

impl Classes {
    /// No class.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Whether this class is among them.
    #[must_use]
    pub const fn contains(self, class: TrafficClass) -> bool {
        self.0 & bit(class) != 0
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

const fn bit(class: TrafficClass) -> u8 {
    1 << class.code()
}

impl FromIterator<TrafficClass> for Classes {
    fn from_iter<I: IntoIterator<Item = TrafficClass>>(classes: I) -> Self {
        Self(classes.into_iter().fold(0, |bits, it| bits | bit(it)))
    }
}

impl From<Vec<TrafficClass>> for Classes {
    fn from(classes: Vec<TrafficClass>) -> Self {
        classes.into_iter().collect()
    }
}

impl From<Classes> for Vec<TrafficClass> {
    fn from(classes: Classes) -> Self {
        let all = TrafficClass::ALL.iter().map(|(class, _)| *class);
        all.filter(|class| classes.contains(*class)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_written_as_their_names_and_nothing_is_written_as_nothing() {
        let public: Classes = [TrafficClass::Public].into_iter().collect();
        let suspended = Suspended {
            sent: public,
            received: Classes::default(),
        };
        let text = serde_json::to_string(&suspended).unwrap();
        assert_eq!(text, r#"{"sent":["public"]}"#);
        assert_eq!(serde_json::from_str::<Suspended>(&text).unwrap(), suspended);
        assert_eq!(serde_json::to_string(&Suspended::default()).unwrap(), "{}");
        assert!(public.contains(TrafficClass::Public));
        assert!(!public.contains(TrafficClass::PoolInternal));
    }
}
