//! What to see of a list.

use std::fmt;

/// What to see of a list. `Default` is: everything, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Fields and the values they must have; an empty value means absent.
    pub filters: Vec<(String, String)>,
    /// Fields to sort by, comma-separated, `-` in front for descending.
    pub sort: Option<String>,
    /// The most objects on a page: 1 to 1000.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl ListQuery {
    /// Only those whose `field` has this value.
    #[must_use]
    pub fn filter(mut self, field: &str, value: impl fmt::Display) -> Self {
        self.filters.push((field.to_owned(), value.to_string()));
        self
    }

    /// In this order.
    #[must_use]
    pub fn sort(mut self, sort: &str) -> Self {
        self.sort = Some(sort.to_owned());
        self
    }

    /// As parameters of the request.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        let limit = self.limit.map(|limit| limit.to_string());
        let others = [
            ("sort", self.sort.clone()),
            ("limit", limit),
            ("cursor", self.cursor.clone()),
        ];
        let others = others
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        self.filters.iter().cloned().chain(others).collect()
    }
}
