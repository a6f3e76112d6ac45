//! The config: YAML, environment and `--set` in, a [`Config`] that cannot be wrong out.
//!
//! ```text
//! text ─▶ tree ─▶ --set ─▶ ${NAME} ─▶ schema ─▶ raw shape ─▶ Config
//!         │ every key and value      │ unknown fields,  │ ranges, clashes,
//!         │ knows its place          │ wrong types      │ scripts read
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
//! | `raw` | the shape a user writes, with defaults and manual |
//! | `schema`, `reference` | that shape for editors and for readers |
//! | `shape`, `foreign` | checks the tree has it; explains what is Bento's alone |
//! | `validate` | from raw to [`Config`] |
//! | `model`, `script` | the [`Config`], its scripts and where their lines stand |
//!
//! `serde-saphyr` would be less code, but ends at the first problem, and a place in a script could
//! not be found again in the YAML.

mod diagnostics;
mod env;
mod foreign;
mod load;
mod model;
mod overrides;
mod raw;
mod reference;
mod running;
mod schema;
mod script;
mod secrets;
mod shape;
mod source;
mod suggest;
mod tree;
mod units;
mod validate;

pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use load::{Loaded, Source};
pub use model::{
    ClientCertificate, Compression, Config, DeliveryGuarantee, ENVELOPE, Expected, ExpectedOutput,
    Extent, GenerateConfig, GenerateSource, GroupProtocol, GuestsConfig, HttpConfig, InputConfig,
    KafkaClientConfig, KafkaInputConfig, KafkaOutputConfig, LogFormat, LogLevel, LoggerConfig,
    MaxFailures, Named, OnError, OutputConfig, Partitioner, Pem, PipelineConfig, RUNTIMES,
    RecycleConfig, SaslConfig, SaslMechanism, Secret, StdinConfig, StdoutCodec, StdoutConfig,
    TestCase, TlsConfig,
};
pub use reference::reference;
pub use running::Running;
pub use schema::schema;
pub use script::{ScriptOrigin, Stage};
pub use source::{Location, SourceText};

#[cfg(test)]
mod tests;
