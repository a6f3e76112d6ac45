//! `nerodia runtime`: lists, checks and prepares the runtimes from which guests are made.

mod build;

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::{Args, Subcommand};

use super::{MISUSED, WELL, console, progress, report};
use crate::guest::artifact::Artifact;
use crate::guest::cache::Cache;
use crate::guest::paths::{cache_directories, runtime_directory};
use crate::guest::runtime::{self, KNOWN, RuntimeError};
use crate::guest::{embedded, packages, portable};

/// List, check and prepare the runtimes from which guests are made
#[derive(Debug, Args)]
pub(super) struct Runtime {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show which runtimes are installed and whether they are compiled
    List,
    /// Compare installed runtimes with their checksums
    Verify {
        /// Runtimes; all that are installed if none is named
        names: Vec<String>,
    },
    /// Build a runtime that has Python packages, for configs that name the same requirements file
    #[command(after_help = "\
Examples:
  nerodia runtime build -r requirements.txt

A config then has them with `python: { packages: requirements.txt, … }`. Packages are imported into the snapshot \
that guests start from, so they cost no time at the start. Only packages of pure Python can be had. Building takes \
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
        /// Compile again even if it is already compiled
        #[arg(long)]
        force: bool,
        /// Compile for any processor of this architecture, into embedded/ beside the runtimes, for a program that has
        /// the runtime in itself (cargo build --features embedded)
        #[arg(long, conflicts_with = "force")]
        portable: bool,
    },
}

impl Runtime {
    pub(super) fn execute(self) -> u8 {
        let directory = runtime_directory();
        match self.command {
            Command::List => list(&directory),
            Command::Build { requirements } => build::run(&directory, &requirements),
            Command::Verify { names } => each(&directory, names, |name| {
                if let Some(embedded) = embedded::find(name) {
                    let name = name.to_owned();
                    embedded
                        .verify()
                        .map_err(|found| RuntimeError::Altered { name, found })?;
                    console::say(format_args!(
                        "{}: as it was built, in this program",
                        embedded.name()
                    ));
                    return Ok(());
                }
                let artifact = Artifact::find(&directory, name)?;
                artifact.verify()?;
                let path = artifact.path().display();
                console::say(format_args!("{name}: {path} is as installed"));
                Ok(())
            }),
            Command::Compile {
                names,
                portable: true,
                ..
            } => {
                let default = || vec![KNOWN[0].to_owned()];
                let names = if names.is_empty() { default() } else { names };
                each(&directory, names, |name| {
                    let path = portable::compile(&directory, name)?;
                    console::say(format_args!("{name}: compiled into {}", path.display()));
                    Ok(())
                })
            }
            Command::Compile { names, force, .. } => each(&directory, names, |name| {
                if force && embedded::find(name).is_none() {
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
        if let Some(embedded) = embedded::find(&name) {
            let size = ByteSize(embedded.size() as u64);
            console::say(format_args!("{name}  {size}  compiled  in this program"));
            continue;
        }
        let Ok(artifact) = Artifact::find(directory, &name) else {
            console::say(format_args!(
                "{name}  not installed: {}",
                embedded::how_to_install(&name)
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

/// Returns the runtimes that `build` made, in the order of their names.
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

/// Returns whether all compiled files of runtime `name` are in `cache`.
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

/// Does `work` for each named runtime, or for each installed one, and reports all problems.
fn each(
    directory: &Path,
    names: Vec<String>,
    work: impl Fn(&str) -> Result<(), RuntimeError>,
) -> u8 {
    let names = if names.is_empty() {
        let known = KNOWN.map(str::to_owned).into_iter();
        known
            .chain(with_packages(directory))
            .filter(|name| {
                embedded::find(name).is_some() || Artifact::find(directory, name).is_ok()
            })
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
