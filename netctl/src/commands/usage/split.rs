//! `usage split=…`: what was sent, by whom or what it was for.

use api::client::Client;
use api::request::SplitQuery;
use api::resource::PortView;
use clap::ValueEnum;
use model::{PartKind, SplitBy, UsagePart};

use crate::failure::Failure;
use crate::names::Names;
use crate::print::Listing;

/// What usage is split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Split {
    /// Whom it was for: a VIF, the outside, the pool
    Peer,
    /// The protocol, and the service's port
    Protocol,
    /// The IP address it was for
    Address,
}

impl From<Split> for SplitBy {
    fn from(split: Split) -> Self {
        match split {
            Split::Peer => Self::Peer,
            Split::Protocol => Self::Protocol,
            Split::Address => Self::Address,
        }
    }
}

/// Lists the parts; with `top` only so many keys, whatever their class, the largest first.
pub(super) async fn run(
    client: &Client,
    query: &SplitQuery,
    top: Option<u32>,
) -> Result<Listing, Failure> {
    let mut parts = client.usage_split(query, usize::MAX).await?;
    if let Some(top) = top {
        parts.retain(|part| part.kind == PartKind::Key);
        parts.sort_by_key(|part| std::cmp::Reverse(part.sent.bytes));
        parts.truncate(usize::try_from(top).unwrap_or(usize::MAX));
    }
    let names = match query.by {
        SplitBy::Peer => Names::default().with::<PortView>(client).await?,
        SplitBy::Protocol | SplitBy::Address => Names::default(),
    };
    let id = |part: &UsagePart| part.key.clone();
    Ok(Listing::told(&parts, &names, id))
}
