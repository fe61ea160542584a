//! Where the objects of one noun are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use crate::backend::Outcome;
use crate::problem::Problem;
use crate::resource::Resource;

/// All objects of one noun, by id.
pub(crate) struct Shelf<T>(Mutex<BTreeMap<Uuid, T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Resource> Shelf<T> {
    pub(crate) fn put(&self, object: T) -> T {
        self.0.lock().unwrap().insert(object.id(), object.clone());
        object
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().values().cloned().collect()
    }

    pub(super) fn all_shared(&self) -> Vec<Arc<T>> {
        self.all().into_iter().map(Arc::new).collect()
    }

    pub(super) fn one(&self, id: Uuid) -> Option<T> {
        self.0.lock().unwrap().get(&id).cloned()
    }

    pub(super) fn take(&self, id: Uuid) -> Outcome<()> {
        let taken = self.0.lock().unwrap().remove(&id);
        taken
            .map(drop)
            .ok_or_else(|| Problem::not_found(T::NOUN, id))
    }
}
