//! What operators are told of a change of the way between a host and its controller.

use model::EventKind;
use model::report::ManagementPath;

/// The event of a step from one state to another, if it is one.
pub(super) fn told(before: &ManagementPath, now: &ManagementPath) -> Option<(EventKind, String)> {
    match (before, now) {
        (_, ManagementPath::OnTrial { until }) => {
            let message = format!(
                "the host tries the new way to the controller, and takes it back at {until} unless \
                 it reaches the controller by then"
            );
            Some((EventKind::TopologyOnTrial, message))
        }
        (_, ManagementPath::Reverted { reason, .. }) => {
            let message = format!("the host took the new way to the controller back: {reason}");
            Some((EventKind::TopologyReverted, message))
        }
        (ManagementPath::OnTrial { .. }, ManagementPath::Settled) => {
            let message = "the host reached the controller over the new way, and keeps it";
            Some((EventKind::TopologyApplied, message.to_owned()))
        }
        // Something else was asked for after a change was taken back: the host says what.
        (ManagementPath::Reverted { .. } | ManagementPath::Settled, ManagementPath::Settled) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    #[test]
    fn every_step_of_a_trial_is_told_and_nothing_else() {
        let at = Timestamp::from_unix_seconds(1_700_000_000);
        let on_trial = ManagementPath::OnTrial { until: at };
        let reason = "no session over eth9 in 60 s".to_owned();
        let reverted = ManagementPath::Reverted { at, reason };
        let settled = ManagementPath::Settled;
        let kind = |before, now| told(before, now).map(|(kind, _)| kind);
        let trial = Some(EventKind::TopologyOnTrial);
        assert_eq!(kind(&settled, &on_trial), trial);
        assert_eq!(kind(&reverted, &on_trial), trial);
        let applied = Some(EventKind::TopologyApplied);
        assert_eq!(kind(&on_trial, &settled), applied);
        assert_eq!(kind(&reverted, &settled), None);
        let (kind, message) = told(&on_trial, &reverted).unwrap();
        assert_eq!(kind, EventKind::TopologyReverted);
        assert!(message.contains("no session over eth9"), "{message}");
    }
}
