//! Source of the messages, which returns one at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::config::InputConfig;
use crate::input::framing::Framer;
use crate::input::kafka::sample::{Choice, Sample};
use crate::message::{Lane, Message};

/// Messages, at most the requested number.
pub(super) struct Samples {
    left: u64,
    source: SampleSource,
}

enum SampleSource {
    Stream {
        file: OwnedFd,
        /// Name of the source, for errors.
        name: String,
        framer: Box<Framer>,
        /// Messages that are cut and not yet returned.
        cut: VecDeque<Message>,
        ended: bool,
    },
    Kafka(Sample),
    Nothing,
}

impl Samples {
    /// Opens messages: of Kafka those of `choice`, if `input` is Kafka; else the first of `file`, or of standard input.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn open(
        input: &InputConfig,
        file: Option<&Path>,
        choice: Choice,
    ) -> anyhow::Result<Self> {
        let source = match (
            input.as_kafka(),
            input.stream().map(|stream| &stream.framing),
        ) {
            (Some(kafka), _) => SampleSource::Kafka(Sample::open(kafka, choice)?),
            (None, Some(framing)) => {
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
                SampleSource::Stream {
                    file,
                    name,
                    framer: Box::new(Framer::new(framing.clone())),
                    cut: VecDeque::new(),
                    ended: false,
                }
            }
            (None, None) => SampleSource::Nothing,
        };
        Ok(Self {
            left: choice.count,
            source,
        })
    }

    /// Returns the next message and its lane; `None` after the last.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(Arc<Lane>, Message)>> {
        if self.left == 0 {
            return Ok(None);
        }
        let next = self.source.next()?;
        self.left = if next.is_some() { self.left - 1 } else { 0 };
        Ok(next)
    }
}

impl SampleSource {
    fn next(&mut self) -> anyhow::Result<Option<(Arc<Lane>, Message)>> {
        let (file, name, framer, cut, ended) = match self {
            Self::Kafka(sample) => return sample.next_message(),
            Self::Nothing => return Ok(None),
            Self::Stream {
                file,
                name,
                framer,
                cut,
                ended,
            } => (file, name, framer, cut, ended),
        };
        while cut.is_empty() && !*ended {
            match rustix::io::read(&*file, framer.room()) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    return Err(error.context(format!("cannot read {name}")));
                }
                Ok(0) => {
                    *ended = true;
                    cut.extend(framer.finish());
                }
                Ok(_) => cut.extend(framer.cut()),
            }
        }
        Ok(cut.pop_front().map(|message| (Arc::default(), message)))
    }
}
