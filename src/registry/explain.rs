//! Errors of the HTTP client, in words for the user.

use std::io;
use std::time::Duration;

use super::failure::{FailureKind, TLS};

/// Describes an error of the HTTP client. `timeout` is the limit of a request.
pub(super) fn explained(error: &ureq::Error, timeout: Duration) -> (FailureKind, String) {
    use ureq::Error;
    let unreachable = |text: &str| (FailureKind::Unreachable, text.to_owned());
    let malformed = |text: String| (FailureKind::Malformed, text);
    match error {
        Error::Timeout(_) => {
            let timeout = humantime::format_duration(timeout);
            (FailureKind::Timeout, format!("no answer within {timeout}"))
        }
        Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => unreachable("connection refused"),
            io::ErrorKind::UnexpectedEof => {
                unreachable("it closed the connection before the answer was complete")
            }
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                (FailureKind::Timeout, "no answer in time".to_owned())
            }
            // A server that does not accept this client's certificate says so after the handshake.
            _ => {
                let text = error.to_string();
                let tls = openssl_reason(&text).map(|reason| format!("{TLS}{reason}"));
                unreachable(&tls.unwrap_or(text))
            }
        },
        Error::ConnectionFailed => unreachable("no connection could be made"),
        Error::HostNotFound => unreachable("no host has this name"),
        Error::ConnectProxyFailed(reason) => unreachable(&format!("through the proxy: {reason}")),
        Error::NativeTls(error) => {
            let text = error.to_string();
            let reason = openssl_reason(&text).unwrap_or(text);
            unreachable(&format!("{TLS}{reason}"))
        }
        Error::Tls(reason) => unreachable(&format!("{TLS}{reason}")),
        Error::BodyExceedsLimit(limit) => {
            let limit = bytesize::ByteSize(*limit);
            malformed(format!("its answer is larger than {limit}"))
        }
        Error::Protocol(error) => malformed(format!("it does not speak HTTP: {error}")),
        Error::TooManyRedirects => malformed("it redirects the request again and again".to_owned()),
        Error::RedirectFailed => malformed("it redirects a request with a body".to_owned()),
        error => unreachable(&error.to_string()),
    }
}

/// Returns the reason out of OpenSSL's errors: `error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE:DATA`, several joined with
/// commas, and after all the result of the check of the certificate in parentheses. `None` if the text is another.
fn openssl_reason(text: &str) -> Option<String> {
    let (_, last) = text.rsplit_once("error:")?;
    let reason = last.split(':').nth(3)?;
    let checked = last
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once('('));
    Some(match checked {
        Some((_, result)) => format!("{reason}: {result}"),
        None => reason.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_openssl_is_told_without_its_source_files() {
        let certificate = "error:0200008A:rsa routines:f:invalid padding:../crypto/rsa/rsa_pk1.c:75:, \
            error:0A000086:SSL routines:g:certificate verify failed:../ssl/statem/statem_clnt.c:1889: \
            (unable to get local issuer certificate)";
        let reason = "certificate verify failed: unable to get local issuer certificate";
        assert_eq!(openssl_reason(certificate), Some(reason.to_owned()));
        let alert = "error:0A00045C:SSL routines:f:tlsv13 alert certificate required:../ssl/record/rec_layer_s3.c:\
            1601:SSL alert number 116";
        let reason = "tlsv13 alert certificate required";
        assert_eq!(openssl_reason(alert), Some(reason.to_owned()));
        assert_eq!(openssl_reason("the handshake failed"), None);
        assert_eq!(openssl_reason("error:"), None);
    }
}
