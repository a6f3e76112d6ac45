//! Every small change of ordinary documents, every escape, and objects of all sizes.

use super::*;

#[test]
fn a_part_of_a_document_is_no_document() {
    for json in ORDINARY {
        for end in 0..json.trim_end().len() {
            assert_eq!(check(&json.as_bytes()[..end]), (false, false));
            let mut longer = json.as_bytes()[..end].to_vec();
            longer.extend_from_slice(json.as_bytes());
            check(&longer);
        }
    }
}

#[test]
fn every_byte_changed() {
    for json in ORDINARY {
        let mut bytes = json.as_bytes().to_vec();
        for at in 0..bytes.len() {
            for &noise in NOISE {
                bytes[at] = noise;
                check(&bytes);
            }
            bytes[at] = json.as_bytes()[at];
        }
    }
}

#[test]
fn every_escaped_unit() {
    for high in 0..=0xff_u32 {
        let mut json = String::from("[");
        for low in 0..=0xff {
            let unit = high << 8 | low;
            let surrogate = (0xd800..0xe000).contains(&unit);
            if surrogate {
                assert_eq!(copied(format!("\"a\\u{unit:04X}b\"")), None);
            } else {
                write!(json, "\"a\\u{unit:04x}\\u{unit:04X}\",").unwrap();
            }
        }
        json.push_str("0]");
        assert!(copied(&json).is_some());
        check(json.as_bytes());
    }
    for character in [
        '\u{10000}',
        '\u{103ff}',
        '\u{10400}',
        '\u{1f600}',
        '\u{10ffff}',
    ] {
        let [high, low] = [0, 1].map(|n| character.encode_utf16(&mut [0; 2])[n]);
        assert_eq!(
            copied(format!("\"\\u{high:04x}\\u{low:04X}\"")),
            Some(format!("\"{character}\""))
        );
    }
}

/// At every length and position, for the checks of several bytes at once.
#[test]
fn special_bytes_anywhere() {
    for len in 0..50 {
        for at in 0..=len {
            for (special, sound) in [
                ("\\n", true),
                ("\\/", true),
                ("\\u0041", true),
                ("é", true),
                ("\x7f", true),
                ("\n", false),
                ("\0", false),
                ("\x1f", false),
                ("\"", false),
                ("\\", false),
                ("\\u004", false),
            ] {
                // A backslash before the closing quote, or before an exclamation mark, makes no escape.
                let text = format!("\"{}{special}{}\"", "!".repeat(at), "!".repeat(len - at));
                for json in [
                    text.clone(),
                    format!("[{text},0]"),
                    format!("{{{text}:{text}}}"),
                ] {
                    assert_eq!(check(json.as_bytes()).0, sound, "{json}");
                }
            }
        }
    }
}

#[test]
fn levels_obeyed_and_violated() {
    let lists = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth: usize| "{\"a\":".repeat(depth - 1) + "{}" + &"}".repeat(depth - 1);
    for (depth, sound) in [
        (1, true),
        (64, true),
        (100, true),
        (101, false),
        (100_000, false),
    ] {
        assert_eq!(copied(lists(depth)).is_some(), sound, "{depth}");
        assert_eq!(copied(objects(depth)).is_some(), sound, "{depth}");
        assert_eq!(split(&objects(depth)).is_some(), sound, "{depth}");
        assert_eq!(
            split(&format!("{{\"a\":[],\"b\":{}}}", lists(depth))).is_some(),
            depth < 100
        );
    }
    let mixed = "[{\"a\":".repeat(50) + "0" + &"}]".repeat(50);
    assert_eq!(copied(&mixed).as_ref(), Some(&mixed));
    let wrong = "[{\"a\":".repeat(50) + "0" + &"]}".repeat(50);
    assert_eq!(copied(wrong), None);
}

#[test]
fn long_numbers() {
    for (digits, sound) in [
        (18, true),
        (19, true),
        (100, true),
        (4000, true),
        (4001, false),
        (20_000, false),
    ] {
        for number in ["9".repeat(digits), format!("-1{}", "0".repeat(digits - 1))] {
            let json = format!("{{\"a\":{number}}}");
            assert_eq!(check(json.as_bytes()), (sound, sound));
        }
    }
    for number in [
        format!("1{}.5e-20000", "0".repeat(20_000)),
        format!("0.{}1e20001", "0".repeat(20_000)),
        format!("0.{}", "3".repeat(20_000)),
    ] {
        assert_eq!(
            check(format!("{{\"a\":{number}}}").as_bytes()),
            (true, true)
        );
    }
}

#[test]
fn equal_keys_in_objects_of_any_size() {
    let object = |keys: &[String]| {
        let pairs: Vec<_> = keys
            .iter()
            .map(|key| format!("\"{key}\":[{{\"k0\":1,\"x\":2}}]"))
            .collect();
        format!("{{{}}}", pairs.join(","))
    };
    for count in [1, 2, 3, 5, 16, 63, 64, 65, 127, 128, 129, 130, 300, 3000] {
        let mut keys: Vec<_> = (0..count).map(|n| format!("k{n}")).collect();
        let json = object(&keys);
        assert_eq!(check(json.as_bytes()), (true, true), "{count}");
        for (first, second) in [
            (0, count - 1),
            (count / 2, count - 1),
            (0, 1),
            (count.max(2) - 2, count - 1),
        ] {
            if first >= second || second >= count {
                continue;
            }
            let kept = std::mem::replace(&mut keys[second], format!("k{first}"));
            let json = object(&keys);
            assert_eq!(
                check(json.as_bytes()),
                (false, false),
                "{count}: {first} and {second}"
            );
            // Inside another object, `members` does not care.
            let nested = format!("{{\"k0\":1,\"k1\":{json},\"k2\":3}}");
            assert_eq!((copied(&nested), split(&nested).is_some()), (None, true));
            keys[second] = kept;
            // Long keys that differ only in one byte.
            let long: Vec<_> = keys
                .iter()
                .map(|key| format!("{0}{key}{0}", "long ".repeat(8)))
                .collect();
            assert!(copied(object(&long)).is_some());
        }
    }
}

/// Keys of one pattern must not have equal hashes.
#[test]
fn keys_of_one_pattern() {
    let pattern = |key: &dyn Fn(usize) -> String| {
        let pairs: Vec<_> = (0..10_000).map(|n| format!("\"{}\":{n}", key(n))).collect();
        format!("{{{}}}", pairs.join(","))
    };
    for json in [
        pattern(&|n| n.to_string()),
        pattern(&|n| format!("field_{n:05}")),
        pattern(&|n| format!("{n:08}-{n:08}-{n:08}")),
        pattern(&|n| format!("{}/{}/{}", n % 22, n / 22 % 22, n / 484)),
        pattern(&|n| "x".repeat(n % 100) + &n.to_string()),
    ] {
        assert_eq!(copied(&json).as_ref(), Some(&json));
        assert!(split(&json).is_some());
    }
}
