//! Changes that this client made, and how far they are carried out.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::HeaderMap;

use super::{Client, ClientError};
use crate::REVISION;
use crate::resource::ChangeView;

/// The most changes that are remembered.
const MADE_MAX: usize = 10_000;

/// The numbers of the changes that answers told of. Clones of a client share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Made(Arc<Mutex<Vec<u64>>>);

impl Made {
    /// Remembers what an answer says of it.
    pub(super) fn note(&self, headers: &HeaderMap) {
        let value = headers.get(REVISION).and_then(|it| it.to_str().ok());
        let Some(revision) = value.and_then(|it| it.parse().ok()) else {
            return;
        };
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() < MADE_MAX && !made.contains(&revision) {
            made.push(revision);
        }
    }
}

/// # Errors
/// All of these: when the server cannot be reached, or refuses.
impl Client {
    /// The numbers of the changes that were made by this client so far.
    #[must_use]
    pub fn changes_made(&self) -> Vec<u64> {
        let made = self.made.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.clone()
    }

    /// How far a change is carried out.
    pub async fn change(&self, revision: u64) -> Result<ChangeView, ClientError> {
        self.read(&format!("/v1/changes/{revision}"), &()).await
    }
}
