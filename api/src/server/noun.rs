//! What the server must know of a noun, beyond its JSON: how to find it in the backend, what
//! lists of it are filtered and sorted by, and how a request to make one is read.

mod address_group;
mod cap;
mod event;
mod fabric_check;
mod floating_ip;
mod gateway;
pub(super) mod host;
mod instance;
mod migration;
mod network;
mod physical_network;
mod port;
mod port_forwarding;
mod reservation;
mod router;
mod rule_hits;
mod security_group;
mod sub_port;
mod subnet;
mod tenant;
mod token;
mod tunnel;

use std::borrow::Borrow;
use std::future::Future;

use serde::Serialize;
use uuid::Uuid;

use super::fields::Fields;
use super::key::Field;
use crate::backend::{Backend, Caller, Outcome};
use crate::resource::{Changeable, Creatable, Resource};

#[cfg(test)]
mod tests;

/// A noun that can be listed.
pub(super) trait Listed: Resource {
    /// The form in which backends hand it out.
    type Held: Borrow<Self> + Clone + Serialize + Send;

    /// What lists may be filtered and sorted by.
    const FIELDS: &'static [Field<Self>];

    /// All of them.
    fn all(backend: &impl Backend) -> Vec<Self::Held>;
}

/// A noun of which one can be shown.
pub(super) trait Shown: Listed {
    /// The one with this id.
    fn one(backend: &impl Backend, id: Uuid) -> Option<Self::Held>;
}

/// A noun that clients make and delete.
pub(super) trait Made: Shown + Creatable<Create: 'static> {
    /// Reads a request to make one; asks for every field before it gives up.
    fn read(fields: &mut Fields) -> Option<Self::Create>;

    /// Makes one.
    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: Self::Create,
    ) -> impl Future<Output = Outcome<Self>> + Send;

    /// Deletes one.
    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send;
}

/// A noun that clients change.
pub(super) trait Changed: Made + Changeable<Update: 'static> {
    /// Reads a request to change one.
    fn read_update(fields: &mut Fields) -> Self::Update;

    /// Changes one.
    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: Self::Update,
    ) -> impl Future<Output = Outcome<Self>> + Send;
}

/// The row of a field: its name, what it holds, and where it is.
const fn field<T>(
    name: &'static str,
    kind: super::key::Kind,
    get: for<'a> fn(&'a T) -> super::key::Key<'a>,
) -> Field<T> {
    Field { name, kind, get }
}
