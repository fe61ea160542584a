//! Which events a stream is about.

use model::Event;

use crate::server::fields::Fields;
use crate::server::key::{Field, Key};
use crate::server::list::Text;
use crate::server::noun::Listed;

/// The fields of events that streams are filtered by.
const FILTERED: &[&str] = &["kind", "host_id", "tenant_id", "noun", "object_id"];

/// The most values for one field.
const VALUES_MAX: usize = 64;

/// An event passes that has one of the values of each field that is named.
#[derive(Default)]
pub(super) struct Filter {
    wanted: Vec<(&'static Field<Event>, Vec<Key<'static>>)>,
}

impl Filter {
    /// Reads the parameters: for each field values joined by commas.
    pub(super) fn read(fields: &mut Fields) -> Self {
        let mut wanted = Vec::new();
        let all = <Event as Listed>::FIELDS.iter();
        for field in all.filter(|field| FILTERED.contains(&field.name)) {
            if let Some(Text(text)) = fields.optional(field.name) {
                wanted.push((field, values(fields, field, &text)));
            }
        }
        Self { wanted }
    }

    /// Whether this event passes.
    pub(super) fn wants(&self, event: &Event) -> bool {
        let mut wanted = self.wanted.iter();
        wanted.all(|(field, values)| values.contains(&(field.get)(event)))
    }
}

fn values(fields: &mut Fields, field: &Field<Event>, text: &str) -> Vec<Key<'static>> {
    if text.split(',').count() > VALUES_MAX {
        let expected = format!("at most {VALUES_MAX} values joined by commas");
        fields.refuse_value(field.name, text, &expected);
        return Vec::new();
    }
    let mut values = Vec::new();
    for value in text.split(',') {
        match field.kind.parse(value) {
            Ok(key) => values.push(key),
            Err(expected) => fields.refuse_value(field.name, value, expected),
        }
    }
    values
}
