//! Decoding, by hand.

use super::*;

const ORDER: &str = r#"{"type": "record", "name": "shop.Order", "fields": [
    {"name": "id", "type": "long"},
    {"name": "note", "type": ["null", "string"]},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": "string"}, {"name": "price", "type": "double"}]}}}]}"#;

#[test]
fn a_record_is_a_dict() {
    let datum = b"\x54\x00\x02\x02a\0\0\0\0\0\0\xf8\x3f\x00";
    let expected = r#"Dict([("id", Int(42)), ("note", None), ("lines", List([Dict([("sku", Str("a")), ("price", Float(1.5))])]))])"#;
    assert_eq!(read(ORDER, None, datum).as_deref(), Ok(expected));
    // The same in a block with its length.
    let datum = b"\x54\x00\x01\x14\x02a\0\0\0\0\0\0\xf8\x3f\x00";
    assert_eq!(read(ORDER, None, datum).as_deref(), Ok(expected));
    for end in 0..datum.len() {
        let error = read(ORDER, None, &datum[..end]).unwrap_err();
        assert!(error.contains("the bytes end within the value"), "{error}");
    }
    let error = read(ORDER, None, b"\x54\x00\x00more").unwrap_err();
    assert_eq!(error, "4 bytes are left over after the value");
    let error = read(ORDER, None, b"\x54\x00\x02\x02\xff").unwrap_err();
    assert_eq!(error, "lines[0].sku: text that is not UTF-8");
}

#[test]
fn a_reader_has_its_own_fields_in_its_own_order() {
    let reader = r#"{"type": "record", "name": "Purchase", "aliases": ["Order"], "fields": [
        {"name": "paid", "type": "bytes", "default": "\u00ff"},
        {"name": "items", "aliases": ["lines"], "type": {"type": "array", "items":
            {"type": "record", "name": "Line", "fields": [{"name": "price", "type": "double"}]}}},
        {"name": "id", "type": ["null", "float"]}]}"#;
    let datum = b"\x54\x00\x02\x02a\0\0\0\0\0\0\xf8\x3f\x00";
    let expected = r#"Dict([("paid", Bytes([255])), ("items", List([Dict([("price", Float(1.5))])])), ("id", Float(42.0))])"#;
    assert_eq!(read(ORDER, Some(reader), datum).as_deref(), Ok(expected));
}

#[test]
fn schemas_that_do_not_match_are_refused_at_once() {
    let reader = ORDER.replace("double", "long");
    assert_eq!(
        read(ORDER, Some(&reader), b"").unwrap_err(),
        "lines[].price: double cannot be read as long"
    );
    let reader = ORDER.replace("price", "cost");
    assert_eq!(
        read(ORDER, Some(&reader), b"").unwrap_err(),
        r#"lines[]: field "cost" has no default, and the record was written without it"#
    );
}
