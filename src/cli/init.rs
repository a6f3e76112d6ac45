//! `nerodia init`: writes the files of a new pipeline.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{MISUSED, WELL, console, stubs};
use crate::config;

/// Write a new pipeline with a script, tests, samples and what editors need
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  nerodia init orders && cd orders && nerodia test orders.yaml

The pipeline reads the topic `orders`, prices each order, and writes `orders.priced`. Nothing is overwritten.")]
pub(super) struct Init {
    /// Folder to create; its name is the pipeline's
    #[arg(value_name = "NAME")]
    folder: PathBuf,
}

const SAMPLES: &str = include_str!("init/project/samples.jsonl");

/// Files of a pipeline: path and text, in both of which `{{name}}` stands for its name.
const FILES: &[(&str, &str)] = &[
    ("{{name}}.yaml", include_str!("init/project/pipeline.yaml")),
    ("{{name}}.py", include_str!("init/project/script.py")),
    (
        "{{name}}.test.yaml",
        include_str!("init/project/tests.yaml"),
    ),
    ("samples.jsonl", SAMPLES),
    ("compose.yaml", include_str!("init/project/compose.yaml")),
    ("check.sh", include_str!("init/project/check.sh")),
    (
        ".github/workflows/check.yaml",
        include_str!("init/project/workflow.yaml"),
    ),
    (
        "pyproject.toml",
        include_str!("init/project/pyproject.toml"),
    ),
    ("README.md", include_str!("init/project/README.md")),
];

impl Init {
    pub(super) fn execute(self) -> u8 {
        match self.write() {
            Ok(name) => {
                let folder = self.folder.display();
                console::say(format_args!(
                    "wrote the pipeline {name} to {folder}\n\nnext: cd {folder} && nerodia try {name}.yaml --from-file samples.jsonl"
                ));
                WELL
            }
            Err(problem) => {
                console::complain(format_args!("error: {problem}"));
                MISUSED
            }
        }
    }

    /// Writes all files, and returns the pipeline's name.
    fn write(&self) -> Result<String, String> {
        let folder = &self.folder;
        let name = folder.file_name().and_then(|name| name.to_str());
        let name = name.filter(|name| is_name(name)).ok_or_else(|| {
            format!(
                "`{}` cannot name a pipeline\n\nhelp: begin with a letter, and use letters, digits, `-` and `_`, which topics and files may have too",
                folder.display()
            )
        })?;
        let is_free = match fs::read_dir(folder) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if !is_free {
            return Err(format!(
                "{} is there already\n\nhelp: choose another name, or an empty folder",
                folder.display()
            ));
        }
        for (path, text) in FILES {
            let text = text.replace("{{name}}", name);
            put(&folder.join(path.replace("{{name}}", name)), &text)?;
        }
        let schema = format!("{:#}\n", config::schema());
        put(&folder.join("nerodia.schema.json"), &schema)?;
        let stubs = stubs::stubs(Some(SAMPLES.as_bytes()));
        put(&folder.join("__builtins__.pyi"), &stubs)?;
        Ok(name.to_owned())
    }
}

/// Returns whether a name is good for files, topics and consumer groups alike.
fn is_name(name: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(is_good)
        && name.len() <= 200
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}
