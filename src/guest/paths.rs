//! Directories of runtimes and of their machine code.
//!
//! Compiled runtimes are run as native code, so a directory is used only if everyone who can write there could also
//! replace the program. A variable that is set but empty, as scripts and service files leave it, does not mean the
//! current directory; nor does a relative one of the system's, which its specification says to ignore.
//! `NERODIA_RUNTIME_DIR` and `NERODIA_CACHE_DIR` may be relative: the user sets them on purpose.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Returns the directory of runtimes: `NERODIA_RUNTIME_DIR`, or the repository's `runtime/` for a program that was
/// built there, or `runtime/` in the program's directory.
pub(crate) fn runtime_directory() -> PathBuf {
    runtime_directory_of(&|name| std::env::var_os(name))
}

/// Returns the directory of runtimes if `NERODIA_RUNTIME_DIR` names one.
pub(crate) fn named_runtime_directory() -> Option<PathBuf> {
    named(&|name| std::env::var_os(name), "NERODIA_RUNTIME_DIR")
}

/// Returns where compiled runtimes are kept: `NERODIA_CACHE_DIR`, or the directory of runtimes, or the user's cache.
pub(crate) fn cache_directories() -> Vec<PathBuf> {
    cache_directories_of(&|name| std::env::var_os(name))
}

type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

fn runtime_directory_of(environment: Environment) -> PathBuf {
    if let Some(directory) = named(environment, "NERODIA_RUNTIME_DIR") {
        return directory;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    match std::env::current_exe() {
        Ok(program) if !program.starts_with(repository) => program.with_file_name("runtime"),
        _ => repository.join("runtime"),
    }
}

fn cache_directories_of(environment: Environment) -> Vec<PathBuf> {
    if let Some(directory) = named(environment, "NERODIA_CACHE_DIR") {
        return vec![directory];
    }
    let absolute = |name| named(environment, name).filter(|directory| directory.is_absolute());
    let user = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    let beside = runtime_directory_of(environment).join(".cache");
    let user = user.map(|cache| cache.join("nerodia"));
    std::iter::once(beside).chain(user).collect()
}

/// Returns the directory that a variable names, if it names one.
fn named(environment: Environment, name: &str) -> Option<PathBuf> {
    environment(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caches(variables: &[(&str, &str)]) -> Vec<PathBuf> {
        cache_directories_of(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    }

    const RUNTIMES: (&str, &str) = ("NERODIA_RUNTIME_DIR", "/opt/runtime");

    #[test]
    fn the_users_cache_is_where_the_system_says() {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let beside = "/opt/runtime/.cache";
        for (variables, expected) in [
            (&[][..], &[beside][..]),
            (&[("HOME", "/root")], &[beside, "/root/.cache/nerodia"]),
            (
                &[("HOME", "/root"), ("XDG_CACHE_HOME", "/var/cache")],
                &[beside, "/var/cache/nerodia"],
            ),
            // None of these is a place in the current directory.
            (&[("HOME", "")], &[beside]),
            (&[("HOME", "."), ("XDG_CACHE_HOME", "")], &[beside]),
            (
                &[("HOME", "/root"), ("XDG_CACHE_HOME", "")],
                &[beside, "/root/.cache/nerodia"],
            ),
            (
                &[("HOME", "/root"), ("XDG_CACHE_HOME", "cache")],
                &[beside, "/root/.cache/nerodia"],
            ),
        ] {
            let variables = [&[RUNTIMES], variables].concat();
            assert_eq!(caches(&variables), paths(expected), "{variables:?}");
        }
    }

    #[test]
    fn our_own_variables_count_unless_they_are_empty() {
        let given = caches(&[RUNTIMES, ("NERODIA_CACHE_DIR", "mine")]);
        assert_eq!(given, [Path::new("mine")], "on purpose");
        let empty = caches(&[RUNTIMES, ("NERODIA_CACHE_DIR", "")]);
        assert_eq!(empty, [Path::new("/opt/runtime/.cache")]);
        let unset = runtime_directory_of(&|_| None);
        assert!(unset.is_absolute());
        assert_eq!(runtime_directory_of(&|_| Some("".into())), unset);
    }
}
