//! Checks of `schema_registry`.

use super::{Check, idle, kafka};
use crate::config::model::{RegistryAuth, SchemaRegistryConfig, Secret};
use crate::config::raw;
use crate::config::tree::FieldPath;

/// Checks `schema_registry`.
pub(super) fn registry(
    check: &mut Check<'_>,
    raw: raw::SchemaRegistry,
) -> Option<SchemaRegistryConfig> {
    let at = FieldPath::of("schema_registry");
    let urls: Vec<String> = raw
        .url
        .split(',')
        .map(|url| url.trim().trim_end_matches('/').to_owned())
        .filter(|url| !url.is_empty())
        .collect();
    if urls.is_empty() {
        let help = "write where the registry is, for example `url: http://localhost:8081`";
        check.missing(&at, "url", help);
        return None;
    }
    for url in &urls {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            check.error(
                &at.field("url"),
                format!("`{at}.url` is no URL: `{url}`"),
                "write it with `http://` or `https://` before the host",
            );
        }
    }
    let mut tls = raw.tls;
    idle::tls(check, &at.field("tls"), &tls, &urls);
    tls.enabled = true;
    Some(SchemaRegistryConfig {
        auth: auth(check, &at, raw.basic, raw.bearer_token),
        tls: kafka::tls(check, &at.field("tls"), tls),
        timeout: raw.timeout,
        refresh: raw.refresh,
        urls,
    })
}

fn auth(
    check: &mut Check<'_>,
    at: &FieldPath,
    basic: raw::RegistryBasic,
    token: Option<String>,
) -> RegistryAuth {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (user, password) = (filled(basic.username), filled(basic.password));
    let basic = at.field("basic");
    match (user, password, filled(token)) {
        (None, None, None) => RegistryAuth::None,
        (None, None, Some(token)) => RegistryAuth::Bearer(Secret::new(token)),
        (Some(user), Some(password), None) => RegistryAuth::Basic {
            user,
            password: Secret::new(password),
        },
        (user, password, Some(_)) if user.is_some() || password.is_some() => {
            let message = format!("`{at}` has both `basic` and `bearer_token`");
            check.either(message, &at.field("bearer_token"), &basic, "one of them");
            RegistryAuth::None
        }
        (None, ..) => {
            check.missing(&basic, "username", "write the user whom the registry knows");
            RegistryAuth::None
        }
        (Some(_), ..) => {
            let help = "write it as a variable, `password: ${REGISTRY_PASSWORD}`, so that it stands in no file";
            check.missing(&basic, "password", help);
            RegistryAuth::None
        }
    }
}
