//! What goes with a tenant.

use model::{Name, TenantId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// All that is a tenant's own, and what deleting it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantContents {
    /// Whose.
    pub tenant_id: TenantId,
    /// The tenant's name.
    pub name: Name,
    /// What goes, the tenant itself included.
    pub objects: Vec<Listed>,
    /// The hosts whose plans change.
    pub hosts: Vec<ListedObject>,
    /// Why it cannot go with all of that, each a sentence; empty where it can.
    pub obstacles: Vec<String>,
}

/// The objects of one noun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Which, such as `security_group`.
    pub noun: String,
    /// How many.
    pub count: usize,
    /// Each of them, by id.
    pub objects: Vec<ListedObject>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedObject {
    /// Its identifier.
    pub id: Uuid,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
}
