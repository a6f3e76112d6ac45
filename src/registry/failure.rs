//! Failures of requests to a registry: which answers are some, and what is told about them.

use serde::Deserialize;
use ureq::http::StatusCode;

use super::question::Missing;

/// Beginning of what is told about TLS.
pub(super) const TLS: &str = "TLS: ";
/// Most characters of a registry's own message that are shown.
const MOST_SHOWN: usize = 300;

/// Kind of a failure that may pass by itself, so that the request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// No connection, or it broke.
    Unreachable,
    /// No whole answer in time.
    Timeout,
    /// Refused credentials, or rights that are missing.
    Refused,
    /// Another status from 400 to 499.
    Http4xx,
    /// A status from 500.
    Http5xx,
    /// An answer that is not a registry's.
    Malformed,
}

impl FailureKind {
    /// All kinds, in the order of their numbers.
    pub(super) const ALL: [Self; 6] = [
        Self::Unreachable,
        Self::Timeout,
        Self::Refused,
        Self::Http4xx,
        Self::Http5xx,
        Self::Malformed,
    ];
}

/// Failure of one request to one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub kind: FailureKind,
    /// Base URL of the registry.
    pub url: String,
    /// What went wrong.
    pub text: String,
    /// Status of the answer, if that is the reason.
    pub status: Option<u16>,
}

impl Failure {
    /// Returns what the user can do.
    pub(super) fn help(&self) -> &'static str {
        match self.kind {
            FailureKind::Unreachable if self.text.starts_with(TLS) => {
                "check which certificate authorities are trusted, and this client's certificate"
            }
            FailureKind::Unreachable => "check that the registry runs and that its URL is right",
            FailureKind::Timeout => {
                "check that the registry is not overloaded, or raise the time limit for its answers"
            }
            FailureKind::Refused => "check the registry's credentials, and what they may read",
            FailureKind::Http4xx | FailureKind::Malformed => {
                "check that the URL is that of a schema registry, with the path to its API"
            }
            FailureKind::Http5xx => "look into the registry's own log",
        }
    }
}

/// Answer of a registry that is none of its troubles.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// What was asked for.
    Found(Vec<u8>),
    /// There is no such thing, or the registry refuses what it was given.
    Nothing(Missing),
}

/// Form of a registry's error.
#[derive(Deserialize)]
struct RegistryError {
    error_code: u32,
    #[serde(default)]
    message: String,
}

/// Credentials that were sent, for the message that they were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Nothing,
    Password,
    Token,
}

/// Decides what an answer with this status and body means.
///
/// # Errors
/// If the request is to be repeated, for that reason.
pub(super) fn judge(
    status: StatusCode,
    body: Vec<u8>,
    sent: Sent,
) -> Result<Reply, (FailureKind, String)> {
    if status.is_success() {
        return Ok(Reply::Found(body));
    }
    let code = status.as_u16();
    let error = serde_json::from_slice::<RegistryError>(&body).ok();
    let message = error.as_ref().map(|error| shown(&error.message));
    // Without its reason phrase, which a proxy may choose.
    let answer = match message.as_deref() {
        None | Some("") => code.to_string(),
        Some(message) => format!("{code}: {message}"),
    };
    let told = format!("it answers {answer}");
    let failure = match code {
        401 | 407 => (FailureKind::Refused, refusal(code, sent).to_owned()),
        403 => (FailureKind::Refused, format!("{told}; access is denied")),
        408 | 425 | 429 => (FailureKind::Http4xx, told),
        400..=499 => match error {
            Some(error) if is_final(code, error.error_code) => {
                let text = format!("the registry answers {answer}");
                return Ok(Reply::Nothing(Missing::new(text)));
            }
            Some(_) => (FailureKind::Http4xx, told),
            None => (
                FailureKind::Http4xx,
                format!("{told}, and not as a registry does"),
            ),
        },
        500.. => (FailureKind::Http5xx, told),
        _ => (FailureKind::Malformed, told),
    };
    Err(failure)
}

/// Decides whether an error of the registry is about the schema. A path that it does not know is one about the URL:
/// then the code is the status itself, while that of a missing schema, version or subject is 40401 to 40499.
fn is_final(status: u16, error_code: u32) -> bool {
    match status {
        400 | 409 | 413 | 422 => true,
        404 => (40400..40500).contains(&error_code),
        _ => error_code > 999,
    }
}

fn refusal(code: u16, sent: Sent) -> &'static str {
    match (code, sent) {
        (407, _) => "the HTTP proxy refuses the request (407)",
        (_, Sent::Nothing) => "it asks for credentials (401), and none are configured",
        (_, Sent::Password) => "the user or the password was refused (401)",
        (_, Sent::Token) => "the token was refused (401)",
    }
}

/// Returns a text of the registry in a form that is fit for one line of a log.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MOST_SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Result<Reply, (FailureKind, String)> {
        let status = StatusCode::from_u16(status).unwrap();
        judge(status, body.into(), Sent::Password)
    }

    #[test]
    fn what_a_registry_lacks_or_refuses_is_no_failure() {
        let cases = [
            (
                404,
                r#"{"error_code":40403,"message":"Schema 9 not found"}"#,
            ),
            (404, r#"{"error_code":40401}"#),
            (409, r#"{"error_code":409,"message":"incompatible"}"#),
            (422, r#"{"error_code":42201,"message":"Invalid schema"}"#),
        ];
        for (status, body) in cases {
            assert!(
                matches!(judged(status, body), Ok(Reply::Nothing(_))),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn all_else_may_pass() {
        let not_found = r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#;
        let cases = [
            (401, r#"{"error_code":40101}"#, FailureKind::Refused),
            (403, r#"{"error_code":40301}"#, FailureKind::Refused),
            (407, "", FailureKind::Refused),
            (404, not_found, FailureKind::Http4xx),
            (404, "<html>no such page</html>", FailureKind::Http4xx),
            (422, "", FailureKind::Http4xx),
            (429, r#"{"error_code":42901}"#, FailureKind::Http4xx),
            (500, r#"{"error_code":50001}"#, FailureKind::Http5xx),
            (503, "", FailureKind::Http5xx),
            (304, "", FailureKind::Malformed),
        ];
        for (status, body, kind) in cases {
            let judged = judged(status, body).map_err(|(kind, _)| kind);
            assert_eq!(judged, Err(kind), "{status} {body}");
        }
    }

    #[test]
    fn a_message_of_the_registry_is_one_short_line() {
        let text = shown(&format!("a\n\u{1b}[31m{}", "é".repeat(1000)));
        assert_eq!(text.chars().count(), MOST_SHOWN + 1);
        assert!(
            text.starts_with("a  [31mé") && text.ends_with('…'),
            "{text}"
        );
    }

    #[test]
    fn numbers_of_kinds_are_their_places() {
        for (place, kind) in FailureKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
