//! The forms in JSON that schemas have in requests and answers.

use serde::{Deserialize, Serialize};

use super::question::ReferenceTo;

/// Answer of the registry, in all the forms that its paths have.
#[derive(Deserialize)]
pub(super) struct WireSchema {
    pub schema: String,
    #[serde(default, rename = "schemaType")]
    pub kind: Option<String>,
    #[serde(default)]
    pub id: Option<u32>,
    #[serde(default)]
    pub guid: Option<String>,
    /// Read later: one that is wrong makes the schema useless, but not the registry.
    #[serde(default)]
    pub references: serde_json::Value,
}

/// Answer with no more than the number of a schema.
#[derive(Deserialize)]
pub(super) struct WireId {
    pub id: u32,
    #[serde(default)]
    pub guid: Option<String>,
}

/// Schema that is given to the registry.
#[derive(Serialize)]
pub(super) struct WireNew<'a> {
    pub schema: &'a str,
    // Registries from before there were other kinds refuse the field.
    #[serde(rename = "schemaType", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<WireReference>,
}

/// Place of a schema that another one refers to.
#[derive(Serialize, Deserialize)]
pub(super) struct WireReference {
    pub name: String,
    pub subject: String,
    pub version: u32,
}

impl WireReference {
    pub(super) fn into_place(self) -> ReferenceTo {
        ReferenceTo {
            name: self.name,
            subject: self.subject,
            version: self.version,
        }
    }

    pub(super) fn from_place(to: &ReferenceTo) -> Self {
        Self {
            name: to.name.clone(),
            subject: to.subject.clone(),
            version: to.version,
        }
    }
}
