//! Names for ids, for people.

use std::collections::HashMap;

use api::client::{Client, ClientError, ListQuery};
use api::problem::Code;
use api::resource::Resource;
use uuid::Uuid;

/// The names of objects by their ids; ids of different nouns never meet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(HashMap<Uuid, String>);

impl Names {
    /// Adds the names of all `T`, if the token may see any.
    pub(crate) async fn with<T: Resource>(self, client: &Client) -> Result<Self, ClientError> {
        let name = |object: &T| object.name().map(str::to_owned);
        self.with_as(client, name).await
    }

    /// Adds what all `T` are called by.
    pub(crate) async fn with_as<T: Resource>(
        mut self,
        client: &Client,
        name: impl Fn(&T) -> Option<String>,
    ) -> Result<Self, ClientError> {
        let all: Vec<T> = match client.list_all(&ListQuery::default()).await {
            // A tenant is shown neither hosts nor what carries networks, and no id of them either.
            Err(ClientError::Refused(problem)) if problem.code == Code::Forbidden => {
                return Ok(self);
            }
            listed => listed?,
        };
        let named = all
            .iter()
            .filter_map(|object| Some((object.id(), name(object)?)));
        self.0.extend(named);
        Ok(self)
    }

    /// The name behind an id, or the id itself.
    pub(crate) fn of(&self, id: Uuid) -> String {
        match self.0.get(&id) {
            Some(name) => name.clone(),
            // What stands for what is not told.
            None if id.is_nil() => String::new(),
            None => id.to_string(),
        }
    }

    /// The same for what may be absent.
    pub(crate) fn of_some(&self, id: Option<Uuid>) -> String {
        id.map_or(String::new(), |id| self.of(id))
    }
}

impl api::sheet::Naming for Names {
    fn of(&self, id: Uuid) -> String {
        Self::of(self, id)
    }
}

#[cfg(test)]
impl FromIterator<(Uuid, String)> for Names {
    fn from_iter<I: IntoIterator<Item = (Uuid, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}
