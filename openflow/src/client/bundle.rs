//! Changing flows, all or nothing.
//!
//! ```text
//!   open, add, add, ... add, close, barrier     wait: was any message refused?
//!   commit, barrier                             or: discard, barrier
//! ```
//!
//! The wait in the middle is what makes it all or nothing: a switch that cannot decode one
//! added message refuses that message only, keeps the bundle, and would commit the rest.

use super::connection::Connection;
use super::waiting::Awaits;
use super::{Answer, Error};
use crate::message::{ATOMIC, BundleControl, BundleStep, FlowMod, ORDERED, ToSwitch};

const FLAGS: u16 = ATOMIC | ORDERED;

/// Applies the changes in order, at one instant, or none of them.
pub(super) async fn commit(
    connection: &Connection,
    id: u32,
    changes: Vec<FlowMod>,
) -> Result<(), Error> {
    let count = u32::try_from(changes.len()).map_err(|_| Error::TooManyMessages)?;
    // Places in the block: open 0, changes from 1 on, close, barrier, commit, barrier.
    let (close, barrier) = (count + 1, count + 2);
    let block = connection.reserve(count + 5)?;

    let step = |step| {
        ToSwitch::BundleControl(BundleControl {
            id,
            step,
            flags: FLAGS,
        })
    };
    let add = |change| ToSwitch::BundleAdd {
        id,
        flags: FLAGS,
        message: Box::new(ToSwitch::FlowMod(change)),
    };
    let mut messages = Vec::with_capacity(changes.len() + 3);
    messages.push(step(BundleStep::OpenRequest));
    messages.extend(changes.into_iter().map(add));
    messages.push(step(BundleStep::CloseRequest));
    messages.push(ToSwitch::BarrierRequest);
    let added = block
        .request(&messages, 0, Awaits::Barrier(barrier))
        .await?;
    let refused = refusal(&added, count);

    let last = match refused {
        None => step(BundleStep::CommitRequest),
        Some(_) => step(BundleStep::DiscardRequest),
    };
    let finish = [last, ToSwitch::BarrierRequest];
    let finished = block
        .request(&finish, close + 2, Awaits::Barrier(close + 3))
        .await?;
    match refused.or_else(|| refusal(&finished, count)) {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

/// The refusal that tells most: one of a change, rather than one of the bundle as a whole.
fn refusal(answer: &Answer, changes: u32) -> Option<Error> {
    let of_change = |(place, _): &&(u32, _)| (1..=changes).contains(place);
    let mut refusals = answer.refusals.iter();
    let (place, error) = refusals
        .clone()
        .find(of_change)
        .or_else(|| refusals.next())?;
    let index = place.checked_sub(1).filter(|index| *index < changes);
    Some(Error::Bundle {
        index: index.and_then(|index| usize::try_from(index).ok()),
        error: error.clone(),
    })
}
