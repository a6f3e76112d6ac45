//! Two kinds of errors that must never be confused.
//!
//! An [`ValueError`] concerns one value: its message fails, and the rest of the frame is intact. A [`FrameError`]
//! means that the guest broke the protocol: nothing of the frame can be trusted.
//! [`Reader::value`](super::Reader::value) returns the first inside the second's `Ok`, so `?` handles the frame's error
//! and leaves the value's to a match.

use std::borrow::Cow;
use std::fmt;

/// Error of bytes from the guest that are not marshal data, or do not have the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed frame at byte {offset}: {reason}")]
pub struct FrameError {
    /// Position in the frame.
    pub offset: usize,
    /// Description of the error.
    pub reason: &'static str,
}

/// Kind of reason why a Python value cannot be written as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputErrorKind {
    /// Value or key of a type that JSON does not have.
    TypeError,
    /// NaN, an infinity, a circular reference, or an integer with too many digits.
    ValueError,
    /// Value that is nested too deeply.
    RecursionError,
    /// Value that is longer than the limit for one output.
    OutputTooLarge,
}

impl fmt::Display for OutputErrorKind {
    /// Writes the name as Python would print it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TypeError => "TypeError",
            Self::ValueError => "ValueError",
            Self::RecursionError => "RecursionError",
            Self::OutputTooLarge => "OutputTooLarge",
        })
    }
}

/// Error of a Python value that cannot be written as JSON, in the words of `json.dumps(…, allow_nan=False)`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct ValueError {
    /// Exception that Python would raise.
    pub kind: OutputErrorKind,
    /// Message of the exception.
    pub message: Cow<'static, str>,
    /// Name of the type that JSON lacks, if that is the reason.
    pub lacks: Option<&'static str>,
    /// Path in the value to what cannot be written; empty if it is the value itself, or if the path is not known.
    pub path: String,
}

impl ValueError {
    #[cold]
    fn new(kind: OutputErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            lacks: None,
            path: String::new(),
        }
    }

    #[cold]
    pub(super) fn not_serializable(type_name: &'static str) -> Self {
        let message = format!("Object of type {type_name} is not JSON serializable");
        Self {
            lacks: Some(type_name),
            ..Self::new(OutputErrorKind::TypeError, message)
        }
    }

    #[cold]
    pub(super) fn bad_key(type_name: &str) -> Self {
        let message = format!("keys must be str, int, float, bool or None, not {type_name}");
        Self::new(OutputErrorKind::TypeError, message)
    }

    #[cold]
    pub(super) fn not_finite(value: f64) -> Self {
        let name = match value {
            f64::INFINITY => "inf",
            f64::NEG_INFINITY => "-inf",
            _ => "nan",
        };
        let message = format!("Out of range float values are not JSON compliant: {name}");
        Self::new(OutputErrorKind::ValueError, message)
    }

    #[cold]
    pub(super) fn not_finite_decimal(text: &str) -> Self {
        let message = format!("Out of range Decimal values are not JSON compliant: {text}");
        Self::new(OutputErrorKind::ValueError, message)
    }

    #[cold]
    pub(super) fn lone_surrogate() -> Self {
        let message = "a text has a lone surrogate, which is no character and has no form in UTF-8";
        Self::new(OutputErrorKind::ValueError, message)
    }

    #[cold]
    pub(super) fn out_of_range(type_name: &str) -> Self {
        let message = format!("a {type_name} that Python does not have");
        Self::new(OutputErrorKind::ValueError, message)
    }

    #[cold]
    pub(super) fn circular() -> Self {
        Self::new(OutputErrorKind::ValueError, "Circular reference detected")
    }

    #[cold]
    pub(super) fn too_many_digits(limit: usize) -> Self {
        let message = format!("Exceeds the limit ({limit} digits) for integer string conversion");
        Self::new(OutputErrorKind::ValueError, message)
    }

    #[cold]
    pub(super) fn too_deep() -> Self {
        let message = "maximum recursion depth exceeded while encoding a JSON object";
        Self::new(OutputErrorKind::RecursionError, message)
    }

    #[cold]
    pub(super) fn too_large(max_len: usize) -> Self {
        let message = format!("output is longer than {max_len} bytes");
        Self::new(OutputErrorKind::OutputTooLarge, message)
    }
}

/// Failure of either kind while a value is being written. Boxed, since the result type is returned much more often than
/// a failure occurs.
#[derive(Debug)]
pub(super) enum Stop {
    Frame(Box<FrameError>),
    Output(Box<ValueError>),
}

impl From<FrameError> for Stop {
    fn from(error: FrameError) -> Self {
        Self::Frame(Box::new(error))
    }
}

impl From<ValueError> for Stop {
    fn from(error: ValueError) -> Self {
        Self::Output(Box::new(error))
    }
}
