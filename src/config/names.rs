//! Names of processors, for people: in `/stats`, on the page and in metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::model::Config;
use super::script::Stage;

impl Config {
    /// Returns a name for each script, in their order: that of a `generate` input is the first. It is the script's label,
    /// or else its place: `orders.py`, or `pipeline.yaml:12` for a script in the config itself. No two are equal.
    pub(crate) fn processor_names(&self) -> Vec<Arc<str>> {
        let input = self.input.script().into_iter();
        names(input.chain(&self.pipeline.stages))
    }
}

fn names<'a>(stages: impl Iterator<Item = &'a Stage>) -> Vec<Arc<str>> {
    let mut seen = BTreeMap::new();
    stages
        .map(|stage| {
            let name = match &stage.label {
                Some(label) => label.clone(),
                None => stage.origin.short_place(),
            };
            let times: &mut u32 = seen.entry(name.clone()).or_default();
            *times += 1;
            match times {
                1 => name.into(),
                times => format!("{name} ({times})").into(),
            }
        })
        .collect()
}
