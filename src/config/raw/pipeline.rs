//! Sections `pipeline` and `tests`.

use serde_json::Value;

use crate::config::model::{ExpectedOutput, MaxFailures, OnError, TestMeta};
use crate::config::section::section;
use crate::config::texts::Size;

section! {
    /// What happens to messages.
    pub(in crate::config) struct Pipeline {
        /// The most guests (sandboxed interpreters) at a time, each on a thread of its own; -1 for as
        /// many as the machine has cores. How few there may be is `guests.min`.
        threads: i64 = -1,
        /// The Python that each message goes through, one processor after the other.
        processors: Vec<Processor>,
        /// What happens to a message whose script fails: it goes to `dead_letter`, or is dropped.
        on_error: OnError = OnError::DeadLetter,
        /// Ends the pipeline with exit code 1 when nearly all messages fail, before a whole topic is moved to `dead_letter`. What
        /// it has not dealt with by then is not committed. Without it: never.
        max_failures: Option<MaxFailures>,
        /// The most bytes of messages under way at a time, from when they are read to when they are
        /// delivered; their results may take as much again. It bounds the memory of the engine itself;
        /// the guests' is `guests.memory` each.
        #[serde(with = "Size")]
        #[schemars(example = &"64MiB")]
        max_in_flight: u64 = 8 << 20,
    }

    /// One step: a Python script.
    pub(in crate::config) struct Processor {
        /// A name of yours for it. A test may run the processor alone by this name.
        #[schemars(example = &"price_orders", extend("x-ignored" = "quietly"))]
        label: Option<String>,
        /// The script and what it may import: either `script` or `file`.
        python: Option<Python>,
    }

    /// A Python script.
    pub(in crate::config) struct Python {
        /// Python that reads `this`, the message, and sets `root`, the result. `${…}` is not replaced
        /// in it.
        #[schemars(example = &"root = sum(this)")]
        script: Option<String>,
        /// Python that runs once in each guest, before the first message: classes, functions and tables that the script uses
        /// for every message. It does not see `this`, `root`, `meta` and `emit`. `${…}` is not replaced in it. In a `file`,
        /// it is what stands above a line `# %% message`.
        #[schemars(example = &"RATES = {\"SE\": 0.25, \"DE\": 0.19}")]
        setup: Option<String>,
        /// A file with that Python, by its path from the config file.
        #[schemars(example = &"transform.py")]
        file: Option<String>,
        /// Modules of the standard library, or of packages, that the script may use by name. (`import` in
        /// the script works as well.)
        #[schemars(extend("examples" = [["math", "json"]]))]
        imports: Vec<String>,
        /// A requirements file, by its path from the config file: packages of pure Python that scripts may import. They are
        /// in a runtime that `nerodia runtime build -r FILE` has made from it. All scripts of a config share them.
        #[schemars(example = &"requirements.txt")]
        packages: Option<String>,
    }

    /// A unit test of the scripts: a message, and what they make of it.
    pub(in crate::config) struct Test {
        /// What it shows.
        name: String,
        /// The one processor that runs, by its `label` or by its number, from 0. Without it: all of them.
        #[schemars(extend("type" = ["string", "integer"], "x-as-written" = true), example = &"price_orders")]
        processor: Option<String>,
        /// The message's JSON value, in YAML. With a schema: as `nerodia try` shows it, with decimals and times as text and bytes
        /// in Base64; the script gets `Decimal`, `datetime`, `bytes`.
        #[schemars(with = "Value", extend("x-null" = true))]
        input: Option<String>,
        /// The message's bytes, in place of `input`: for messages that are no JSON.
        text: Option<String>,
        /// A file with the schema of `input`, by its path from the file with the test; for inputs whose format has schemas.
        /// Without it: that in the `schema_file` of the input. If there is none, the script gets `input` as the JSON that it is.
        #[schemars(example = &"order.avsc")]
        schema: Option<String>,
        /// The message of that schema, for `protobuf`. Without it: the first.
        #[schemars(example = &"shop.Order")]
        message: Option<String>,
        /// A file with the schema of `meta.key`, which is then JSON; for a `key_format` with schemas.
        #[schemars(example = &"order-key.avsc")]
        key_schema: Option<String>,
        /// What the message carries beside its value.
        meta: TestMeta,
        /// The one result that leaves.
        #[schemars(with = "Value", extend("x-null" = true))]
        output: Option<String>,
        /// All results that leave, in their order. Only what is named of each is looked at.
        outputs: Option<Vec<ExpectedOutput>>,
        /// The message fails: the type of the exception, or how the guest dies (`Timeout`), or a type and the beginning
        /// of its message (`ValueError: no price`).
        error: Option<String>,
        /// The message is dropped.
        dropped: bool,
    }
}
