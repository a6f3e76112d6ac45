//! Input that reads files, one after the other.
//!
//! A file that is followed is asked for more a few times a second. It may grow, be cut to nothing, or be replaced by
//! another file of its name: then the old one is read to its end first.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::framing::Framer;
use super::wake_up::{Waits, WakeUp};
use super::{Feed, Source};
use crate::config::FileInputConfig;

/// Time between two looks whether a file has more.
const LOOK: Duration = Duration::from_millis(200);

/// Source that reads files.
pub(crate) struct Files {
    waits: Waits,
    framer: Framer,
    patterns: Vec<String>,
    follow: bool,
}

/// File that is being read.
struct Open {
    file: File,
    about: Metadata,
    /// Number of bytes that were read.
    read: u64,
}

/// What follows the end of a file.
enum Next {
    /// Nothing yet.
    Wait,
    /// The file was cut, and begins anew.
    Cut,
    /// Another file has taken its name.
    Replaced(Open),
}

impl Files {
    /// Creates the source, and the handle that stops it.
    ///
    /// # Errors
    /// If the system cannot create a pipe.
    pub(crate) fn new(config: &FileInputConfig) -> io::Result<(Self, WakeUp)> {
        let (waits, wake_up) = Waits::new()?;
        let source = Self {
            waits,
            framer: Framer::new(config.stream.framing.clone()),
            patterns: config.paths.clone(),
            follow: config.follow,
        };
        Ok((source, wake_up))
    }

    /// Reads what is left of a file. Returns false if the source was stopped.
    fn read(&mut self, path: &Path, open: &mut Open, feed: &mut Feed) -> anyhow::Result<bool> {
        loop {
            if !self.waits.for_input(&open.file)? {
                return Ok(false);
            }
            match rustix::io::read(&open.file, self.framer.room()) {
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    return Err(error.context(format!("cannot read {}", path.display())));
                }
                Ok(0) => return Ok(true),
                Ok(read) => {
                    open.read += read as u64;
                    feed.send(self.framer.cut());
                }
            }
        }
    }

    /// Notes that the next message is the first one of a file.
    fn begin(&self, path: &Path, feed: &Feed) {
        feed.begin_file(self.framer.offset(), path, self.framer.unit());
    }

    /// Reads a file for as long as it grows. Returns when the source was stopped.
    fn follow(&mut self, path: &Path, mut open: Open, feed: &mut Feed) -> anyhow::Result<()> {
        self.begin(path, feed);
        while self.read(path, &mut open, feed)? {
            match open.next(path)? {
                Next::Wait => {
                    if !self.waits.until(Instant::now() + LOOK)? {
                        break;
                    }
                }
                Next::Cut => {
                    tracing::info!(path = %path.display(), "the file was cut: reading it from its beginning");
                    feed.send(self.framer.finish());
                    open = Open::new(path)?;
                    self.begin(path, feed);
                }
                Next::Replaced(new) => {
                    // What was written until the name was taken.
                    if !self.read(path, &mut open, feed)? {
                        break;
                    }
                    feed.send(self.framer.finish());
                    open = new;
                    self.begin(path, feed);
                }
            }
        }
        let bytes = self.framer.unfinished();
        if bytes > 0 {
            tracing::warn!(
                bytes,
                "stopped in the middle of a message, which is left out"
            );
        }
        Ok(())
    }
}

impl Open {
    fn new(path: &Path) -> anyhow::Result<Self> {
        let open = || -> io::Result<Self> {
            let file = File::open(path)?;
            let about = file.metadata()?;
            if about.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Ok(Self {
                file,
                about,
                read: 0,
            })
        };
        open().with_context(|| format!("cannot read {}", path.display()))
    }

    /// Returns what follows the end of the file.
    fn next(&self, path: &Path) -> anyhow::Result<Next> {
        let now = match fs::metadata(path) {
            Ok(now) => now,
            // Moved away, and the new one is not there yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Next::Wait),
            Err(error) => {
                let error = anyhow::Error::new(error);
                return Err(error.context(format!("cannot follow {}", path.display())));
            }
        };
        let is_same = (now.dev(), now.ino()) == (self.about.dev(), self.about.ino());
        match is_same {
            true if now.is_file() && now.len() < self.read => Ok(Next::Cut),
            true => Ok(Next::Wait),
            false => Open::new(path).map(Next::Replaced),
        }
    }
}

/// Returns the files of a pattern, in the order of their names.
fn files(pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let found: Result<Vec<PathBuf>, _> = glob::glob(pattern)?.collect();
    let found = found.with_context(|| format!("cannot look for {pattern}"))?;
    anyhow::ensure!(
        !found.is_empty(),
        "`input.file.paths`: there is no file {pattern}"
    );
    Ok(found)
}

impl Source for Files {
    const NAME: &'static str = "files";

    fn run(mut self, mut feed: Feed) -> anyhow::Result<()> {
        if self.follow {
            // The config has one path, which is not a pattern.
            let path = PathBuf::from(self.patterns.concat());
            while !path.exists() {
                if !self.waits.until(Instant::now() + LOOK)? {
                    return Ok(());
                }
            }
            return self.follow(&path, Open::new(&path)?, &mut feed);
        }
        let mut paths = Vec::new();
        for pattern in &self.patterns {
            paths.extend(files(pattern)?);
        }
        for path in &paths {
            self.begin(path, &feed);
            if !self.read(path, &mut Open::new(path)?, &mut feed)? {
                return Ok(()); // stopped: what comes next is not read
            }
            feed.send(self.framer.finish());
        }
        Ok(())
    }
}
