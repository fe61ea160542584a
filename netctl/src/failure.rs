//! Failures as people need them: what could not be done, why, and what to do next.

use std::error::Error;
use std::fmt;

use api::client::ClientError;
use api::problem::{Code, Problem};

use crate::exit::Exit;

/// What to do when nobody answers.
pub(crate) const START_A_SERVER: &str =
    "start the controller there, or name another with --server, --lab or NETCTL_SERVER";

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    says: String,
    because: Vec<String>,
    next: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, says: impl Into<String>) -> Self {
        Self {
            exit,
            says: says.into(),
            because: Vec::new(),
            next: None,
        }
    }

    /// Something on this machine failed.
    pub(crate) fn local(says: impl Into<String>, error: &(dyn Error + 'static)) -> Self {
        let whole = anyhow::Chain::new(error);
        Self {
            because: whole.map(ToString::to_string).collect(),
            ..Self::new(Exit::Local, says)
        }
    }

    /// The error itself is what there is to say; its causes follow.
    pub(crate) fn of(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        Self {
            because: causes(error),
            ..Self::new(exit, error.to_string())
        }
    }

    pub(crate) fn because(mut self, reason: impl Into<String>) -> Self {
        self.because.push(reason.into());
        self
    }

    /// What the operator should do.
    pub(crate) fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }

    /// What else became of it.
    pub(crate) fn but(mut self, says: &str) -> Self {
        self.says = format!("{}; {says}", self.says);
        self
    }

    fn refused(problem: Problem) -> Self {
        let log = format!(
            "look into the controller's log for request {}",
            problem.request_id.as_deref().unwrap_or("(without a name)")
        );
        let (exit, next) = match problem.code {
            Code::NotFound => (Exit::NotFound, None),
            Code::Unauthenticated | Code::Forbidden => (
                Exit::NoToken,
                Some("name the file of a valid token with --token-file or NETCTL_TOKEN_FILE"),
            ),
            Code::TooManyRequests => (
                Exit::Refused,
                Some("wait a moment and try again; `netctl quota-show` says how much you may ask"),
            ),
            Code::Busy | Code::Timeout | Code::StoreUnavailable => (
                Exit::Refused,
                Some("try again; `netctl status` says whether the pool is well"),
            ),
            Code::PreconditionFailed => (Exit::Refused, Some("read it again, and decide anew")),
            Code::Internal => (Exit::Refused, Some(log.as_str())),
            _ => (Exit::Refused, None),
        };
        let fields = problem.errors.iter();
        Self {
            exit,
            because: fields
                .map(|error| format!("{}: {}", error.field, error.message))
                .collect(),
            says: problem.detail,
            next: next.map(str::to_owned),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let next = match error {
            ClientError::Refused(problem) => return Self::refused(problem),
            ClientError::Unreachable { .. } | ClientError::Silent { .. } => START_A_SERVER,
            ClientError::Setup { .. } => "check --server, --ca and the token's file",
            ClientError::TooLarge { .. } | ClientError::Answer { .. } => {
                "check that a Bulkhead controller of this version answers there"
            }
        };
        let exit = match error {
            ClientError::Setup { .. } => Exit::Usage,
            _ => Exit::Unreachable,
        };
        Self::of(exit, &error).next(next)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "netctl: {}", self.says)?;
        for reason in &self.because {
            write!(f, "\n  {}", reason.replace('\n', "\n  "))?;
        }
        match &self.next {
            Some(step) => write!(f, "\n  next: {step}"),
            None => Ok(()),
        }
    }
}

/// The messages of everything behind an error.
fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let whole = anyhow::Chain::new(error);
    whole.skip(1).map(ToString::to_string).collect()
}
