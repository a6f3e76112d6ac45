//! `nerodia runtime build`: builds a runtime that contains Python packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::{MISUSED, WELL, console, progress, report};
use crate::config::{Config, OneScript};
use crate::engine::scripts;
use crate::format::Formats;
use crate::guest::Guest;
use crate::guest::artifact::Artifact;
use crate::guest::error::StartError;
use crate::guest::packages;

/// Builds the runtime for the packages of a requirements file, unless it exists.
pub(super) fn run(directory: &Path, requirements: &Path) -> u8 {
    let built = fs::read_to_string(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))
        .and_then(|text| {
            let name = packages::runtime_name(&text);
            let known = Artifact::find(directory, &name).and_then(|artifact| artifact.verify());
            if known.is_err() {
                build(directory, requirements, &name)?;
            }
            Ok(name)
        });
    let name = match built {
        Ok(name) => name,
        Err(error) => {
            console::complain(format_args!("error: {error:#}"));
            return MISUSED;
        }
    };
    let runtime = match progress::open_runtime(&name) {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => {
            report::diagnostics(&report::runtime_problem(&error));
            return MISUSED;
        }
    };
    let config = match Config::for_script(&OneScript::text("root = this"), &[]) {
        Ok(loaded) => loaded.config,
        Err(problems) => {
            report::diagnostics(&problems);
            return MISUSED;
        }
    };
    let spec = scripts::spec(&config, runtime, &Formats::default());
    // The first guest loads the pages that all others share.
    let start = |_| Guest::new(0, Arc::clone(&spec)).start();
    let took = (0..5).map(start).map(|started| Ok(started?.took));
    match took.collect::<Result<Vec<Duration>, StartError>>() {
        Ok(took) => {
            let least = took.into_iter().min().unwrap_or_default();
            console::say(format_args!(
                "{name}: built; a guest of it is READY in {:.1} ms",
                least.as_secs_f64() * 1e3
            ));
            WELL
        }
        Err(error) => {
            console::complain(format_args!("error: no guest of {name} can start: {error}"));
            MISUSED
        }
    }
}

/// Lets `scripts/install.sh` build the runtime, in a folder whose files are moved into place if there was no error.
fn build(directory: &Path, requirements: &Path, name: &str) -> anyhow::Result<()> {
    let requirements: PathBuf = requirements.canonicalize()?;
    let place = || format!("cannot write to {}", directory.display());
    fs::create_dir_all(directory).with_context(place)?;
    let work = tempfile::Builder::new()
        .prefix(".build-")
        .tempdir_in(directory)
        .with_context(place)?;
    for (file, text) in packages::sources() {
        let file = work.path().join(file);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(place)?;
        }
        fs::write(file, text).with_context(place)?;
    }
    let script = work.path().join("scripts/install.sh");
    let ran = Command::new("bash")
        .arg(script)
        .arg("--packages")
        .args([requirements.as_os_str(), name.as_ref()])
        .stdin(Stdio::null())
        .status()
        .context("cannot run bash, which builds it")?;
    anyhow::ensure!(ran.success(), "{name} was not built, for the reason above");
    // The checksum last: without it the runtime does not exist.
    for file in [format!("{name}.wasm"), format!("{name}.wasm.sha256sum")] {
        let built = work.path().join("runtime").join(&file);
        fs::rename(built, directory.join(file)).with_context(place)?;
    }
    Ok(())
}
