//! Names of processors, for people: in `/stats`, on the page and in metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::model::Config;
use super::script::Stage;

/// Name of the script of a `generate` input.
pub(crate) const GENERATE: &str = "generate";

impl Config {
    /// Returns a name for each script, in their order: that of the input is the first, if it is a `generate` with a
    /// script, and has the name [`GENERATE`]. Another name is the script's label, or else its place: `orders.py`, or
    /// `pipeline.yaml:12` for a script in the config itself. No two are equal.
    pub(crate) fn processor_names(&self) -> Vec<Arc<str>> {
        let input = self.input.script().map(|_| GENERATE.to_owned());
        let stages = self.pipeline.stages.iter();
        names(input, &stages.collect::<Vec<_>>())
    }
}

fn names(input: Option<String>, stages: &[&Stage]) -> Vec<Arc<str>> {
    let mut files: BTreeMap<&Path, BTreeSet<&str>> = BTreeMap::new();
    for stage in stages {
        let of_name = files.entry(file(stage)).or_default();
        of_name.insert(stage.origin.display_name());
    }
    let mut taken = BTreeSet::new();
    let name = |stage: &&Stage| {
        // Files of the same name in two folders keep their folders.
        let is_alone = files[file(stage)].len() == 1;
        let place = || stage.origin.place(is_alone.then(|| file(stage)));
        stage.label.clone().unwrap_or_else(place)
    };
    let free = |name: String| {
        let more = (2..).map(|number| format!("{name} ({number})"));
        let mut choices = std::iter::once(name.clone()).chain(more);
        let free: Arc<str> = choices
            .find(|choice| !taken.contains(choice.as_str()))
            .expect("there are more numbers than scripts")
            .into();
        taken.insert(Arc::clone(&free));
        free
    };
    let names = input.into_iter().chain(stages.iter().map(name));
    names.map(free).collect()
}

/// Returns the name of the file with a script, without its folder.
fn file(stage: &Stage) -> &Path {
    let path = Path::new(stage.origin.display_name());
    path.file_name().map_or(path, Path::new)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Source};

    fn named(processors: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a/clean.py", "b/clean.py", "price.py"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "root = this\n").unwrap();
        }
        let path = folder.path().join("p.yaml");
        std::fs::write(&path, format!("pipeline:\n  processors:\n{processors}")).unwrap();
        let loaded = Config::load(Source::File(path), &[], &|_| None).unwrap();
        let names = loaded.config.processor_names().into_iter();
        let root = format!("{}/", folder.path().display());
        names.map(|name| name.replace(&root, "")).collect()
    }

    #[test]
    fn a_label_or_the_place() {
        let processors = "    - label: cleaned\n      python: { file: price.py }\n    - python: { file: price.py }\n    \
                          - python: { script: root = this }\n    - python:\n        script: |\n          root = this\n";
        assert_eq!(
            named(processors),
            ["cleaned", "price.py", "p.yaml:6", "p.yaml:9"]
        );
    }

    #[test]
    fn no_two_are_equal() {
        let processors = "    - python: { file: a/clean.py }\n    - python: { file: b/clean.py }\n    \
                          - python: { file: price.py }\n    - python: { file: price.py }\n";
        assert_eq!(
            named(processors),
            ["a/clean.py", "b/clean.py", "price.py", "price.py (2)"]
        );
    }
}
