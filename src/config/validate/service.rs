//! Checks of `http` and `buffer`.

use serde_json::{Map, Value};

use super::Check;
use crate::config::model::HttpConfig;
use crate::config::tree::FieldPath;

/// Checks `http`. `service` says that the pipeline runs for a long time, so that people look at it.
pub(super) fn http(check: &mut Check<'_>, raw: Option<HttpConfig>, service: bool) -> HttpConfig {
    let asked = raw.is_some();
    let mut http = raw.unwrap_or_default();
    let at = FieldPath::of("http");
    let address = &http.address;
    let port = address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        check.error(
            &at.field("address"),
            format!("`{address}` is no address"),
            "write host and port, for example `127.0.0.1:4195`",
        );
    }
    if http.token.as_ref().is_some_and(String::is_empty) {
        check.error(
            &at.field("token"),
            "`http.token` is empty, so that anybody knows it",
            "give it a long random text, or remove the field",
        );
    }
    // In Go, and so in Bento, an address without a host means "on every interface".
    if address.starts_with(':') {
        http.address.insert_str(0, "0.0.0.0");
    }
    http.enabled &= asked || service;
    http.asked = asked;
    http
}

/// Refuses Bento's `buffer`, except `none`.
pub(super) fn buffer(check: &mut Check<'_>, raw: Option<String>) {
    let none = |buffer: String| {
        serde_json::from_str(&buffer)
            .is_ok_and(|fields: Map<String, Value>| fields.keys().all(|key| key == "none"))
    };
    if !raw.is_none_or(none) {
        check.error(
            &FieldPath::of("buffer"),
            "this engine has no buffers",
            "remove `buffer`: a buffer acknowledges messages that are not delivered yet; \
             `pipeline.max_in_flight` says how many may be under way",
        );
    }
}
