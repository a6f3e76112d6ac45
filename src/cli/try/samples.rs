//! Source of the messages, which are read one at a time, as needed.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::config::InputConfig;
use crate::input::kafka::sample::Sample;
use crate::input::stdin::lines::Lines;
use crate::message::{Lane, Message};

/// Messages, limited in number.
pub struct Samples {
    left: u64,
    source: Source,
}

enum Source {
    Lines {
        file: OwnedFd,
        /// Name of the file, for errors.
        name: String,
        lines: Box<Lines>,
        /// Messages that were cut from the input and not returned yet.
        cut: VecDeque<Message>,
        ended: bool,
    },
    Kafka(Sample),
    Nothing,
}

impl Samples {
    /// Opens a source of at most `count` messages: from Kafka if `input` is Kafka, else lines of `file` or of standard
    /// input.
    ///
    /// # Errors
    /// If the source cannot be read.
    pub fn open(input: &InputConfig, file: Option<&Path>, count: u64) -> anyhow::Result<Self> {
        let source = match input {
            InputConfig::Kafka(kafka) => Source::Kafka(Sample::open(kafka, count)?),
            InputConfig::Stdin(config) => {
                let (file, name) = match file {
                    None => {
                        let stdin = std::io::stdin().as_fd().try_clone_to_owned();
                        (
                            stdin.context("no standard input")?,
                            "standard input".to_owned(),
                        )
                    }
                    Some(path) => {
                        let name = path.display().to_string();
                        let file =
                            File::open(path).with_context(|| format!("cannot read {name}"))?;
                        (file.into(), name)
                    }
                };
                Source::Lines {
                    file,
                    name,
                    lines: Box::new(Lines::new(config.clone())),
                    cut: VecDeque::new(),
                    ended: false,
                }
            }
            InputConfig::Generate(_) => Source::Nothing,
        };
        Ok(Self {
            left: count,
            source,
        })
    }

    /// Returns the next message and its lane; `None` after the last message.
    ///
    /// # Errors
    /// If the source cannot be read.
    pub fn next(&mut self) -> anyhow::Result<Option<(Arc<Lane>, Message)>> {
        if self.left == 0 {
            return Ok(None);
        }
        let next = self.source.next()?;
        self.left = if next.is_some() { self.left - 1 } else { 0 };
        Ok(next)
    }
}

impl Source {
    fn next(&mut self) -> anyhow::Result<Option<(Arc<Lane>, Message)>> {
        let (file, name, lines, cut, ended) = match self {
            Self::Kafka(sample) => return sample.next_message(),
            Self::Nothing => return Ok(None),
            Self::Lines {
                file,
                name,
                lines,
                cut,
                ended,
            } => (file, name, lines, cut, ended),
        };
        while cut.is_empty() && !*ended {
            match rustix::io::read(&*file, lines.room()) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    return Err(error.context(format!("cannot read {name}")));
                }
                Ok(0) => {
                    *ended = true;
                    cut.extend(lines.finish());
                }
                Ok(_) => cut.extend(lines.cut()),
            }
        }
        Ok(cut.pop_front().map(|message| (Arc::default(), message)))
    }
}
