//! Checks of the addresses of brokers.

use super::Check;
use crate::config::tree::FieldPath;

/// Kafka's default port.
const PORT: u16 = 9092;

const FORM: &str = "write host and port, for example `localhost:9092`; a port left out is 9092";

/// Returns `host:port` of each broker. An item may contain several.
pub(super) fn addresses(
    check: &mut Check<'_>,
    within: &FieldPath,
    written: &[String],
) -> Vec<String> {
    let mut addresses = Vec::new();
    for (index, item) in written.iter().enumerate() {
        for one in item.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let checked = address(one).map_err(|help| {
                let at = within.field("addresses").item(index);
                check.error(&at, format!("`{one}` is no address of a broker"), help);
            });
            // A wrong address is still an address, so none is reported as missing.
            addresses.push(checked.unwrap_or_default());
        }
    }
    if addresses.is_empty() {
        let help = "write some of the brokers, for example `addresses: [localhost:9092]`; the others are found from there";
        check.missing(within, "addresses", help);
    }
    addresses
}

/// Returns an address with its port, or what to write instead.
fn address(text: &str) -> Result<String, &'static str> {
    if text.contains("://") {
        return Err(
            "write host and port alone; encryption is asked for with `tls: { enabled: true }`",
        );
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, behind) = bracketed.split_once(']').ok_or(FORM)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| FORM)?;
            match behind {
                "" => (format!("[{host}]"), None),
                _ => (
                    format!("[{host}]"),
                    Some(behind.strip_prefix(':').ok_or(FORM)?),
                ),
            }
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("write an IPv6 address in brackets, as in `[::1]:9092`");
            }
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), None),
        },
    };
    let fit = |c: char| c.is_alphanumeric() || ".-_".contains(c);
    if host.is_empty() || !(host.starts_with('[') || host.chars().all(fit)) {
        return Err(FORM);
    }
    let port = match port {
        Some(port) => port.parse().map_err(|_| FORM)?,
        None => PORT,
    };
    if port == 0 {
        return Err(FORM);
    }
    Ok(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses() {
        for (written, expected) in [
            ("localhost", "localhost:9092"),
            ("kafka-0.kafka_x:1", "kafka-0.kafka_x:1"),
            ("10.0.0.1:9093", "10.0.0.1:9093"),
            ("[::1]", "[::1]:9092"),
            ("[fe80::1]:9093", "[fe80::1]:9093"),
        ] {
            assert_eq!(address(written).as_deref(), Ok(expected));
        }
        for wrong in [
            ":9092",
            "a:",
            "a:0",
            "a:65536",
            "a:b",
            "a b:1",
            "::1",
            "[::1",
            "[::1]9092",
            "[a]:1",
            "ssl://a:9092",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
