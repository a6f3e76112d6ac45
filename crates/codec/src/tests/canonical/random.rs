//! Random texts, and the speed.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// The form of floats, above all where it changes.
    #[test]
    fn floats(number in prop_oneof![
        "-?(0|[1-9][0-9]{0,17})\\.0{0,6}[0-9]{1,17}0{0,2}",
        "-?(0|[1-9][0-9]{0,3})\\.[0-9]{1,4}",
        "-?(0|[1-9])(\\.[0-9]{1,17})?[eE][-+]?(0|[1-9]|[12][0-9]|30[0-9])",
        "-?[0-9]{13,17}\\.[0-9]{0,2}",
        any::<f64>().prop_map(|n| format!("{n:?}")),
        any::<f64>().prop_map(|n| format!("{:.15}", n % 1.0)),
        (any::<i64>(), 0..19_u32).prop_map(|(n, places)| {
            let unit = 10_i64.pow(places);
            format!("{}.{:0width$}", n / unit, (n % unit).unsigned_abs(), width = places as usize)
        }),
    ]) {
        let (copied, _) = check(number.as_bytes());
        let finite = number.parse().is_ok_and(f64::is_finite);
        prop_assert_eq!(copied, finite && long_way(number.as_bytes()).is_some());
    }

    /// Corner cases of the grammar.
    #[test]
    fn random_text(text in "[-+0-9.eE\\[\\],:{}\" \\\\/utrfalsn\\x00\\x1fdD8é]{0,30}") {
        check(text.as_bytes());
        check(format!("{{\"a\":{text}}}").as_bytes());
        check(format!("[\"{text}\"]").as_bytes());
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        check(&bytes);
        check(&[b"{\"", &bytes[..], b"\":0}"].concat());
    }

    #[test]
    fn changed_documents(
        json in prop::sample::select(ORDINARY.to_vec()),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![3 => prop::sample::select(NOISE.to_vec()), 1 => any::<u8>()], 0..3_u8),
            1..5,
        ),
    ) {
        let mut bytes = json.as_bytes().to_vec();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        check(&bytes);
    }
}

#[test]
fn random_documents() {
    let mut runner = TestRunner::deterministic();
    let mut made = [0; 2];
    for _ in 0..5000 {
        let json = payload().new_tree(&mut runner).unwrap().current();
        let (copied, split) = check(&json);
        made[0] += u32::from(copied);
        made[1] += u32::from(split);
    }
    assert!(made.iter().all(|&count| count > 500), "{made:?}");
}

#[test]
fn copies_are_what_json_dumps_makes_of_json_loads() {
    let mut runner = TestRunner::deterministic();
    let mut peer = Peer::start(&["canonical"]);
    let mut made = [0; 2];
    let object =
        || document(false).prop_map(|json| format!("{{\"a\":{json}, \"b\" :{json}}}").into_bytes());
    for _ in 0..120 {
        let batch = prop::collection::vec(prop_oneof![2 => payload(), 1 => object()], 25)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        peer.write(batch.len().to_string().as_bytes());
        for json in &batch {
            peer.write(json);
            let copied = copied(json);
            made[0] += u32::from(copied.is_some());
            peer.write(if copied.is_some() { b"+" } else { b"-" });
            peer.write(copied.unwrap_or_default().as_bytes());
            let split = str::from_utf8(json).ok().and_then(split);
            made[1] += u32::from(split.is_some());
            peer.write(if split.is_some() { b"+" } else { b"-" });
            let pairs: Vec<_> = split
                .into_iter()
                .flatten()
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .collect();
            peer.write(format!("{{{}}}", pairs.join(",")).as_bytes());
        }
        let wrong = peer.read();
        assert!(wrong.is_empty(), "{}", String::from_utf8_lossy(&wrong));
    }
    peer.write(b"");
    peer.end();
    assert!(made.iter().all(|&count| count > 500), "{made:?}");
}

/// Prints the speed of both functions. It means something in an optimised build:
/// `cargo test --release --lib speed -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn speed() {
    let fields: Vec<_> = (0..80)
        .map(|n| match n % 5 {
            0 => format!("\"store_count_{n}\":{}", n * 7919),
            1 => format!("\"session_label_{n}\":\"value {}\"", n * n),
            2 => format!("\"device_total_{n}\":{}.{}", n * 31, n % 9 + 1),
            3 => format!("\"created_at_{n}\":\"2026-01-{n:02}T12:30:00Z\""),
            _ => format!("\"active_{n}\":{}", n % 2 == 0),
        })
        .collect();
    let wide = format!("{{{}}}", fields.join(","));
    let spaced = format!("{{{}}}", fields.join(", ").replace("\":", "\": "));
    for (name, json) in [
        ("order", ORDINARY[0]),
        ("wide", &wide),
        ("wide with spaces", &spaced),
    ] {
        let (mut found, mut out) = (Vec::new(), Vec::new());
        let mut results = [Ok(()); 2];
        let rates = [0, 1].map(|which| {
            let best = (0..200)
                .map(|_| {
                    let begun = Instant::now();
                    for _ in 0..50 {
                        found.clear();
                        out.clear();
                        let json = black_box(json.as_bytes());
                        results[which] = if which == 0 {
                            members(json, |key| key.len() == 9, &mut found)
                        } else {
                            copy(json, &mut out)
                        };
                        black_box((&found, &out));
                    }
                    begun.elapsed()
                })
                .min()
                .unwrap();
            (json.len() * 50) as f64 / best.as_secs_f64() / 1e6
        });
        assert_eq!(results, [Ok::<(), Unsure>(()); 2]);
        println!(
            "{name}, {} bytes: members {:.0} MB/s, copy {:.0} MB/s",
            json.len(),
            rates[0],
            rates[1]
        );
    }
}
