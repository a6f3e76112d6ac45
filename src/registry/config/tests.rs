//! Tests of configs: secrets, URLs, certificates.

use super::*;

fn config(url: &str) -> RegistryConfig {
    RegistryConfig {
        urls: vec![url.to_owned()],
        auth: Auth::None,
        tls: Tls::default(),
        timeout: Duration::from_secs(1),
    }
}

fn problem(config: &RegistryConfig) -> String {
    config.endpoints().unwrap_err().to_string()
}

#[test]
fn no_secret_is_shown() {
    for auth in [
        Auth::Basic {
            user: "us3r".into(),
            password: "s3cret".into(),
        },
        Auth::Bearer("s3cret".into()),
    ] {
        let tls = Tls {
            client: Some((b"s3cret".to_vec(), b"s3cret".to_vec())),
            ..Tls::default()
        };
        let url = "http://u:s3cret@host/?token=s3cret";
        let shown = format!(
            "{:?}",
            RegistryConfig {
                auth,
                tls,
                ..config(url)
            }
        );
        assert!(
            !shown.contains("s3cret") && !shown.contains("us3r"),
            "{shown}"
        );
        assert!(!problem(&config(url)).contains("s3cret"));
    }
    let header = Auth::Bearer("s3cret".into()).header().unwrap().unwrap();
    assert!(!format!("{header:?}").contains("s3cret"));
}

#[test]
fn urls_are_checked_before_they_are_used() {
    for url in [
        "http://host:8081",
        "https://host/",
        "http://127.0.0.1:1/apis/ccompat/v7/",
        "http://[::1]:8081",
    ] {
        let endpoints = config(url).endpoints().unwrap();
        assert_eq!(endpoints[0].url, url.trim_end_matches('/'));
    }
    for url in [
        "",
        "host:8081",
        "kafka://host",
        "http://",
        "http://a b",
        "http://u:p@host",
        "http://host?x=1",
        "http://host#x",
    ] {
        assert!(
            problem(&config(url)).contains("is no URL of a registry"),
            "{url}"
        );
    }
    let none = RegistryConfig {
        urls: Vec::new(),
        ..config("")
    };
    assert_eq!(problem(&none), "the registry has no URL");
}

#[test]
fn a_token_must_fit_into_a_header_and_a_user_before_a_colon() {
    let value = |auth: Auth| {
        auth.header()
            .map(|value| value.map(|value| value.to_str().unwrap().to_owned()))
    };
    let basic = |user: &str| Auth::Basic {
        user: user.into(),
        password: "sesame\n:".into(),
    };
    assert_eq!(value(Auth::None), Ok(None));
    assert_eq!(
        value(basic("aladdin")),
        Ok(Some("Basic YWxhZGRpbjpzZXNhbWUKOg==".into()))
    );
    assert_eq!(
        value(Auth::Bearer("abc".into())),
        Ok(Some("Bearer abc".into()))
    );
    assert!(value(basic("a:b")).is_err());
    let wrong = value(Auth::Bearer("s3cret\n".into())).unwrap_err();
    assert!(!wrong.to_string().contains("s3cret"));
}

#[test]
fn certificates_are_checked_before_they_are_used() {
    let root = |pem: &str| Tls {
        root_cas: Some(pem.into()),
        ..Tls::default()
    };
    let with = |tls| RegistryConfig {
        tls,
        ..config("https://host")
    };
    assert_eq!(
        problem(&with(root(""))),
        "the registry's CA file has no `BEGIN CERTIFICATE`"
    );
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    assert!(with(root(certificate)).endpoints().is_ok());
    for (label, expected) in [
        ("RSA PRIVATE KEY", "pkcs8"),
        ("EC PRIVATE KEY", "pkcs8"),
        ("CERTIFICATE", "private key in PEM"),
    ] {
        let key = format!("-----BEGIN {label}-----\nMIIB\n-----END {label}-----\n");
        let client = Some((certificate.into(), key.into()));
        let told = problem(&with(Tls {
            client,
            ..Tls::default()
        }));
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn this_machine_is_reached_without_a_proxy() {
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in ["registry", "10.0.0.1", "localhost.example", "[::2]"] {
        assert!(!is_loopback(host), "{host}");
    }
}
