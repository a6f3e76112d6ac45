//! File to which an output appends.
//!
//! The file is opened again when its path leads to another one, which is how files are rotated: nobody has to send a signal.
//! The look costs one system call for each batch.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::FileConfig;

/// File that is written batch by batch: what is written between two flushes is in one file.
#[derive(Debug)]
pub(super) struct AppendFile {
    path: PathBuf,
    /// What ends a message.
    terminator: Vec<u8>,
    fsync: bool,
    file: File,
    /// Device and inode of the file.
    identity: (u64, u64),
    /// Whether the next write begins a batch.
    between: bool,
}

impl AppendFile {
    /// Opens the file, and makes it if it is not there.
    ///
    /// # Errors
    /// If the system refuses it.
    pub(super) fn open(config: &FileConfig) -> anyhow::Result<Self> {
        let path = PathBuf::from(&config.path);
        let terminator = config.stream.codec.terminator().to_vec();
        let (file, identity) = open(&path, &terminator).with_context(|| {
            format!(
                "cannot append to the file {}: check its folder and the permissions",
                path.display()
            )
        })?;
        Ok(Self {
            path,
            terminator,
            fsync: config.fsync,
            file,
            identity,
            between: true,
        })
    }

    /// Opens the file again if its path leads to another one, or to none.
    fn follow_rotation(&mut self) -> io::Result<()> {
        let is_same = match fs::metadata(&self.path) {
            Ok(now) => (now.dev(), now.ino()) == self.identity,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if !is_same {
            (self.file, self.identity) = open(&self.path, &self.terminator)?;
        }
        Ok(())
    }
}

/// Opens a file, and ends the message that a crash has cut, so that the next one stands alone.
fn open(path: &Path, terminator: &[u8]) -> io::Result<(File, (u64, u64))> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).read(true).open(path)?;
    let about = file.metadata()?;
    let size = terminator.len() as u64;
    if about.is_file() && about.len() > 0 && size > 0 {
        let mut last = vec![0; terminator.len()];
        let is_whole = about.len() >= size && {
            file.read_exact_at(&mut last, about.len() - size)?;
            last == terminator
        };
        if !is_whole {
            (&file).write_all(terminator)?;
        }
    }
    Ok((file, (about.dev(), about.ino())))
}

impl Write for AppendFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.between, false) {
            self.follow_rotation()?;
        }
        self.file.write(bytes)
    }

    /// Ends a batch.
    fn flush(&mut self) -> io::Result<()> {
        self.between = true;
        if self.fsync {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(path: &Path) -> FileConfig {
        FileConfig {
            path: path.to_str().expect("UTF-8").to_owned(),
            fsync: true,
            ..FileConfig::default()
        }
    }

    fn batch(file: &mut AppendFile, parts: &[&str]) {
        for part in parts {
            file.write_all(part.as_bytes()).expect("it is written");
        }
        file.flush().expect("it is on the disk");
    }

    #[test]
    fn a_file_that_is_moved_away_gets_no_more_batches() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, moved) = (folder.path().join("out"), folder.path().join("out.1"));
        let mut file = AppendFile::open(&config(&path)).expect("it opens");
        batch(&mut file, &["one\n"]);
        file.write_all(b"two, ").expect("it is written");
        fs::rename(&path, &moved).expect("it moves");
        batch(&mut file, &["in one piece\n"]);
        batch(&mut file, &["three\n"]);
        fs::remove_file(&path).expect("it is there");
        batch(&mut file, &["four\n"]);
        let read = |path| fs::read_to_string(path).expect("it is there");
        assert_eq!(read(&moved), "one\ntwo, in one piece\n");
        assert_eq!(read(&path), "four\n");
    }

    #[test]
    fn a_message_that_a_crash_has_cut_is_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        for (before, after) in [
            ("", "next\n"),
            ("whole\n", "whole\nnext\n"),
            ("cu", "cu\nnext\n"),
        ] {
            fs::write(&path, before).expect("it is written");
            batch(
                &mut AppendFile::open(&config(&path)).expect("it opens"),
                &["next\n"],
            );
            assert_eq!(fs::read_to_string(&path).expect("it is there"), after);
        }
    }

    #[test]
    fn a_file_without_a_folder_is_an_error_that_names_it() {
        let error = AppendFile::open(&config("/nonexistent/out".as_ref())).expect_err("no folder");
        assert!(format!("{error:#}").starts_with("cannot append to the file /nonexistent/out"));
    }
}
