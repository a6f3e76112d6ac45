//! `nerodia runtime`: lists, checks and prepares the runtimes that guests are made from.

mod build;

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::{Args, Subcommand};

use super::{MISUSED, WELL, console, progress, report};
use crate::guest::artifact::Artifact;
use crate::guest::cache::Cache;
use crate::guest::packages;
use crate::guest::paths::{cache_directories, runtime_directory};
use crate::guest::runtime::{self, KNOWN, RuntimeError};

/// List, check and prepare the runtimes that guests are made from
#[derive(Debug, Args)]
pub struct Runtime {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is installed and whether it is compiled
    List,
    /// Compare what is installed with its checksums
    Verify {
        /// Runtimes; all that are installed if none is named
        names: Vec<String>,
    },
    /// Build a runtime that has Python packages, for configs that name the same requirements file
    #[command(after_help = "\
Examples:
  nerodia runtime build -r requirements.txt

A config then has them with `python: { packages: requirements.txt, … }`. Packages are imported into the snapshot
that guests start from, so they cost no time at the start. Only packages of pure Python can be had. Building takes
Python 3 with venv, and what pip needs to reach its index; running does not.")]
    Build {
        /// The requirements file, as for pip
        #[arg(short, long, value_name = "FILE")]
        requirements: PathBuf,
    },
    /// Compile to machine code now, so that the first run starts at once
    Compile {
        /// Runtimes; all that are installed if none is named
        names: Vec<String>,
        /// Compile although it is done
        #[arg(long)]
        force: bool,
    },
}

impl Runtime {
    pub fn execute(self) -> u8 {
        let directory = runtime_directory();
        match self.command {
            Command::List => list(&directory),
            Command::Build { requirements } => build::run(&directory, &requirements),
            Command::Verify { names } => each(&directory, names, |name| {
                let artifact = Artifact::find(&directory, name)?;
                artifact.verify()?;
                let path = artifact.path().display();
                console::say(format_args!("{name}: {path} is as installed"));
                Ok(())
            }),
            Command::Compile { names, force } => each(&directory, names, |name| {
                if force {
                    forget(&directory, name)?;
                }
                progress::open_runtime(name)?;
                console::say(format_args!("{name}: compiled"));
                Ok(())
            }),
        }
    }
}

fn list(directory: &Path) -> u8 {
    let cache = Cache::new(cache_directories());
    for name in KNOWN
        .map(str::to_owned)
        .into_iter()
        .chain(with_packages(directory))
    {
        let Ok(artifact) = Artifact::find(directory, &name) else {
            console::say(format_args!(
                "{name}  not installed (scripts/install.sh {name})"
            ));
            continue;
        };
        let size = artifact.path().metadata().map_or(0, |file| file.len());
        let compiled = match is_compiled(&name, &artifact, &cache) {
            Ok(true) => "compiled",
            Ok(false) => "not compiled yet",
            Err(_) => "compiled, but corrupt (nerodia runtime compile --force)",
        };
        let (size, path) = (ByteSize(size), artifact.path().display());
        console::say(format_args!("{name}  {size}  {compiled}  {path}"));
    }
    WELL
}

/// Returns the names of the runtimes that `build` made, in alphabetical order.
fn with_packages(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            Some(
                entry
                    .file_name()
                    .to_str()?
                    .strip_suffix(".wasm")?
                    .to_owned(),
            )
        })
        .filter(|name| packages::is_one(name))
        .collect();
    names.sort();
    names
}

/// Whether `cache` contains all compiled parts of runtime `name`.
fn is_compiled(name: &str, artifact: &Artifact, cache: &Cache) -> Result<bool, RuntimeError> {
    for key in runtime::entries(name, artifact)? {
        if cache.find(&key)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn forget(directory: &Path, name: &str) -> Result<(), RuntimeError> {
    let artifact = Artifact::find(directory, name)?;
    let cache = Cache::new(cache_directories());
    for key in runtime::entries(name, &artifact)? {
        cache.forget(&key);
    }
    Ok(())
}

/// Runs `work` for each named runtime, or for each installed one, and reports all problems.
fn each(
    directory: &Path,
    names: Vec<String>,
    work: impl Fn(&str) -> Result<(), RuntimeError>,
) -> u8 {
    let names = if names.is_empty() {
        let known = KNOWN.map(str::to_owned).into_iter();
        known
            .chain(with_packages(directory))
            .filter(|name| Artifact::find(directory, name).is_ok())
            .collect()
    } else {
        names
    };
    let mut code = WELL;
    if names.is_empty() {
        console::complain(format_args!(
            "error: no runtime is installed in {}; run scripts/install.sh",
            directory.display()
        ));
        code = MISUSED;
    }
    for name in names {
        if let Err(error) = work(&name) {
            report::diagnostics(&report::runtime_problem(&error));
            code = MISUSED;
        }
    }
    code
}
