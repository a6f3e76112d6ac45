//! The config: YAML, environment and `--set` in, a [`Config`] that cannot be wrong out.
//!
//! ```text
//! text ─▶ tree ─▶ --set ─▶ ${NAME} ─▶ walk beside the schema ─▶ raw shape ─▶ Config
//!         │ every key and value      │ unknown fields, types,  │ clashes and ranges,
//!         │ knows its place          │ durations, sizes        │ scripts read
//!         └──────────── all problems of a step at once, each with its line ──▶ Diagnostics
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `source` | texts and places in them |
//! | `diagnostics` | problems, shown as rustc shows them |
//! | `tree` | YAML in which everything knows its place |
//! | `overrides`, `env` | what changes the tree |
//! | `secrets` | what no message shows |
//! | `model`, `script` | the [`Config`], its scripts and where their lines stand |
//! | `raw` | what a user writes where the model has it in another form |
//! | `section` | how a section of either is declared |
//! | `texts` | durations, sizes and other values that are written as text |
//! | `schema`, `reference` | what a user writes, for editors and for readers |
//! | `walk`, `misshapen`, `foreign` | checks the tree beside the schema; explains what is Bento's alone |
//! | `validate` | from raw to [`Config`] |
//! | `print` | the tree again, as it takes effect |
//!
//! `serde-saphyr` would be less code, but ends at the first problem, and a place in a script could
//! not be found again in the YAML.

mod diagnostics;
mod env;
mod foreign;
mod load;
mod misshapen;
mod model;
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
mod validate;
mod walk;

pub(crate) use diagnostics::{Diagnostic, Diagnostics};
pub(crate) use load::{Loaded, Source};
pub(crate) use model::*;
pub(crate) use reference::reference;
pub(crate) use running::Running;
pub(crate) use schema::schema;
pub(crate) use script::Stage;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use source::Location;

#[cfg(test)]
mod tests;
