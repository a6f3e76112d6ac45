//! Failures in a response: those that a guest reports, and those of values that cannot be written.

use std::sync::Arc;

use nerodia_codec::{FrameError, Kind, ValueError};

use super::Response;
use crate::guest::handshake::HelloStage;
use crate::message::Failure;

/// Most bytes that are kept of a failure's type, and of each of its texts. Guests cut them as well, but a script can
/// replace code in the guest, so that is no limit.
const NAME: usize = 200;
const TEXT: usize = 8192;

impl Response<'_, '_> {
    /// Reads the text of a failure by which a guest keeps to the limit of outputs.
    pub(super) fn too_large(&mut self) -> Result<Failure, FrameError> {
        let text = cut(&self.reader.str()?, TEXT);
        let text = format!("{text}, more than `guests.max_output` allows");
        Ok(Failure::new("OutputTooLarge", text))
    }

    /// Reads `…, type, message, line | (module, line) | None, stage | None, traceback)`.
    pub(super) fn failure(&mut self) -> Result<Failure, FrameError> {
        let kind = cut(&self.reader.str()?, NAME);
        let mut failure = Failure::new(kind, cut(&self.reader.str()?, TEXT));
        let (module, line) = match self.reader.peek()? {
            Kind::Tuple => {
                self.tuple(2)?;
                (Some(self.reader.int()?), Some(self.reader.int()?))
            }
            _ => (None, self.optional_int()?),
        };
        let stage = self.optional_int()?;
        failure.traceback = cut(&self.reader.str()?, TEXT);
        let stage = stage.and_then(|stage| self.stages.get(usize::try_from(stage).ok()?));
        failure.processor = stage.map(|stage| Arc::clone(&stage.processor));
        let module = module.map(|module| self.modules.get(usize::try_from(module).ok()?));
        failure.at = match (module, line, stage) {
            (Some(module), Some(line), _) => module.map(|module| format!("{}:{line}", module.file)),
            (None, Some(line), Some(stage)) => {
                let line = line.saturating_add(i64::from(stage.line_offset));
                Some(format!("{}:{line}", stage.name))
            }
            _ => None,
        }
        .map(Into::into);
        Ok(failure)
    }
}

/// Adds the place of the script that made a result, if the result cannot be written: no line of the script has failed.
#[cold]
pub(super) fn place(failure: &mut Failure, stages: &[HelloStage]) {
    if let (None, Some(last)) = (&failure.at, stages.last()) {
        failure.at = Some(last.first_line());
        failure.processor = Some(Arc::clone(&last.processor));
    }
}

pub(super) fn too_large(limit: usize) -> Box<Failure> {
    let text = format!("the message's outputs take more than {limit} bytes (`guests.max_output`)");
    Box::new(Failure::new("OutputTooLarge", text))
}

pub(super) fn value_failure(error: &ValueError) -> Box<Failure> {
    let ValueError {
        kind,
        message,
        lacks,
        path,
    } = error;
    let mut message = message.to_string();
    if !path.is_empty() {
        message.push_str(&format!(" (`{path}` of the result)"));
    }
    // As the guest does for values that marshal cannot write.
    let option = match lacks {
        Some("Decimal") => Some("decimal: number"),
        Some("datetime" | "date" | "time" | "UUID") => Some("datetime: iso"),
        _ => None,
    };
    if let Some(option) = option {
        message.push_str(&format!(
            "; `format: {{ {option} }}` of the output writes it"
        ));
    }
    Box::new(Failure::new(kind.to_string(), message))
}

/// Returns at most `most` bytes of `text`.
fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}
