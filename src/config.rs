//! The config: YAML, environment variables and `--set` arguments become a checked [`Config`].
//!
//! ```text
//! text ─▶ tree ─▶ --set ─▶ ${NAME} ─▶ walk with the schema ─▶ raw shape ─▶ Config
//!         │ every key and value      │ unknown fields, types, │ clashes and ranges,
//!         │ has its place            │ durations, sizes       │ scripts read
//!         └──────────── all problems of a step at once, each with its line ──▶ Diagnostics
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `source` | texts and places in them |
//! | `diagnostics` | problems, shown in rustc's form |
//! | `tree` | YAML in which everything has its place |
//! | `overrides`, `env` | changes to the tree |
//! | `secrets` | values that no message shows |
//! | `model`, `script`, `modules` | the [`Config`], its scripts, the places of their lines, the modules beside them |
//! | `raw` | sections as users write them, if the model has them in another form |
//! | `section` | declaration of the sections of `raw` and `model` |
//! | `texts` | durations, sizes and other values that are written as text |
//! | `schema`, `reference` | the schema for editors and the reference for readers |
//! | `unwrap`, `walk`, `misshapen`, `foreign` | check the tree against the schema; explain what only Bento has |
//! | `validate` | conversion from raw to [`Config`] |
//! | `print` | the config as it takes effect, as YAML |
//!
//! `serde-saphyr` would be less code, but it ends at the first problem, and with it a place in a script could not be
//! found again in the YAML.

mod diagnostics;
mod env;
mod foreign;
mod load;
mod misshapen;
mod model;
pub(crate) mod modules;
mod names;
mod overrides;
mod print;
mod raw;
mod reference;
mod running;
mod schema;
mod script;
mod secrets;
mod section;
mod source;
mod suggest;
mod texts;
mod tree;
mod unwrap;
mod validate;
mod walk;

pub(crate) use diagnostics::{Diagnostic, Diagnostics, Severity};
pub(crate) use load::{Loaded, OneScript, ScriptSource, Source, read_text};
pub(crate) use model::*;
pub(crate) use names::GENERATE;
pub(crate) use reference::reference;
pub(crate) use running::Running;
pub(crate) use schema::schema;
pub(crate) use script::{ScriptOrigin, Stage};
pub(crate) use source::Location;

#[cfg(test)]
mod tests;
