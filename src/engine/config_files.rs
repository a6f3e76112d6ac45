//! Watcher for the files of a config, for `--watch`.
//!
//! It checks the files a few times a second. inotify and similar interfaces would be a little faster, but they miss
//! changes on network and bind mounts, and changes through the links that Kubernetes swaps for a changed ConfigMap.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use actix::prelude::*;

use crate::control::Reload;

/// Time between two checks.
const LOOK: Duration = Duration::from_millis(250);
/// Time after which a refused config is tried again: a file that it names may exist by then.
const AGAIN: Duration = Duration::from_secs(2);

/// Files that are watched. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Watched(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default)]
struct State {
    files: Vec<PathBuf>,
    refused: bool,
}

impl Watched {
    /// Watches `files` from now on, since the config that names them was taken.
    pub fn files(&self, files: Vec<PathBuf>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.files, state.refused) = (files, false);
    }

    /// Notes that the config was refused.
    pub fn refused(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .refused = true;
    }

    fn state(&self) -> State {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Notifies `changed` of each change, until the recipient is gone. The watcher runs on its own thread, since a file
/// system may hang.
///
/// # Errors
/// If no thread can be started.
pub fn start(watched: Watched, changed: Recipient<Reload>) -> std::io::Result<()> {
    let mut settling = Settling::new(look(&watched.state().files));
    let mut tried = Instant::now();
    let watch = move || {
        while changed.connected() {
            thread::sleep(LOOK);
            let State { files, refused } = watched.state();
            if settling.changed(look(&files)) || (refused && tried.elapsed() >= AGAIN) {
                tried = Instant::now();
                changed.do_send(Reload::Change);
            }
        }
    };
    let thread = thread::Builder::new().name("watch".into());
    thread.spawn(watch).map(drop)
}

/// Modification time and size of a file; `None` if the file does not exist.
type Look = Option<(SystemTime, u64)>;

fn look(files: &[PathBuf]) -> Vec<(PathBuf, Look)> {
    let one = |file: &PathBuf| {
        let about = fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    files.iter().map(|file| (file.clone(), one(file))).collect()
}

/// Debounces changes: reports a change only after the files have stopped changing, since editors write in several
/// steps.
#[derive(Debug)]
struct Settling<T> {
    told: T,
    last: T,
}

impl<T: PartialEq + Clone> Settling<T> {
    fn new(seen: T) -> Self {
        Self {
            told: seen.clone(),
            last: seen,
        }
    }

    /// Whether `seen` is the same as at the last check and differs from the last reported state.
    fn changed(&mut self, seen: T) -> bool {
        let settled = seen == self.last;
        let news = settled && seen != self.told;
        if news {
            self.told = seen.clone();
        }
        self.last = seen;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_when_it_is_over() {
        let mut settling = Settling::new(1);
        let told: Vec<bool> = [1, 2, 3, 3, 3, 1, 1, 3, 1]
            .map(|seen| settling.changed(seen))
            .into();
        let expected = [false, false, false, true, false, false, true, false, false];
        assert_eq!(told, expected);
    }
}
