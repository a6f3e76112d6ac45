//! Tests of entries: found, refused, made again, removed.

use super::super::store;
use super::*;

/// Returns the key of each kind of entry for runtime `name`, whose artifact has the checksum `sum`.
fn keys(name: &str, sum: &str) -> [Key; 2] {
    let engine = store::engine().unwrap();
    [
        Key::of_machine_code(name, sum, &engine),
        Key::of_bytecode(name, sum, &engine),
    ]
}

#[test]
fn both_kinds_of_a_runtime_lie_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(vec![folder.path().to_owned()]);
    let keys = keys("cpython-3.12", "a");
    for (key, content) in keys.iter().zip(["machine code", "bytecode"]) {
        assert_eq!(cache.find(key).unwrap(), None);
        assert_eq!(cache.read(key).unwrap(), None);
        let path = cache.store(key, content.as_bytes()).unwrap();
        assert_eq!(cache.find(key).unwrap(), Some(path));
    }
    for (key, content) in keys.iter().zip(["machine code", "bytecode"]) {
        assert_eq!(cache.read(key).unwrap().unwrap(), content.as_bytes());
        cache.forget(key);
        assert_eq!(cache.read(key).unwrap(), None);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn another_artifact_text_or_runtime_is_another_entry() {
    let engine = store::engine().unwrap();
    let key = |name, sum, texts: &[&str]| Key::new(Kind::Bytecode, name, sum, &engine, texts);
    let one = key("cpython-3.12", "a", &["text", ""]);
    assert_eq!(one, key("cpython-3.12", "a", &["text", ""]));
    assert_ne!(one, key("cpython-3.12", "b", &["text", ""]));
    assert_ne!(one, key("cpython-3.13", "a", &["text", ""]));
    assert_ne!(one, key("cpython-3.12", "a", &["text", "."]));
    assert_ne!(one, key("cpython-3.12", "a", &["", "text"]));
}

#[test]
fn what_was_changed_is_refused_and_what_was_never_finished_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(vec![folder.path().to_owned()]);
    for key in keys("cpython-3.12", "a") {
        let path = cache.store(&key, b"what was made").unwrap();
        fs::write(&path, b"what is foreign").unwrap();
        for result in [cache.find(&key).map(|_| ()), cache.read(&key).map(|_| ())] {
            let refused = result.unwrap_err();
            assert!(matches!(&refused, CacheError::Corrupt { path: at, .. } if *at == path));
            assert!(refused.help().contains("runtime compile --force"));
        }
        fs::remove_file(path.with_extension("sha256")).unwrap();
        assert_eq!(cache.find(&key).unwrap(), None);
        assert_eq!(cache.read(&key).unwrap(), None);
        cache.store(&key, b"what was made").unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(cache.read(&key).unwrap(), None);
    }
}

#[test]
fn the_newest_three_of_each_kind_stay() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(vec![folder.path().to_owned()]);
    let now = SystemTime::now();
    for (age, sum) in (0..5).rev().zip(["a", "b", "c", "d", "e"]) {
        for key in keys("cpython-3.12", sum) {
            let path = cache.store(&key, sum.as_bytes()).unwrap();
            let made = now - std::time::Duration::from_secs(age * 60);
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(made).unwrap();
        }
    }
    // The entry that is written now is the newest; the oldest ones above the limit are removed.
    for (sum, stays) in [
        ("a", false),
        ("b", false),
        ("c", true),
        ("d", true),
        ("e", true),
    ] {
        for key in keys("cpython-3.12", sum) {
            assert_eq!(cache.read(&key).unwrap().is_some(), stays, "{sum} {key:?}");
        }
    }
}

#[test]
fn others_who_may_write_are_named() {
    const OWN: u32 = 1000;
    for (mode, owner, expected) in [
        (0o40755, OWN, None),
        (0o100600, OWN, None),
        (0o40755, 0, None),
        (0o40777, OWN, Some("everybody on this machine")),
        (0o41777, 0, Some("everybody on this machine")),
        (0o40775, OWN, Some("its group")),
        (0o40755, 1001, Some("its owner, who is another user")),
    ] {
        assert_eq!(
            other_writers(mode, owner, OWN),
            expected,
            "{mode:o} {owner}"
        );
    }
}
