//! Writing, by hand.

use super::*;

fn lines(price: Value<'static>) -> Value<'static> {
    let line = Value::Dict(vec![
        ("sku".into(), Value::Str("a".into())),
        ("price".into(), price),
    ]);
    Value::Dict(vec![
        ("lines".into(), Value::List(vec![line])),
        ("id".into(), Value::Int(42)),
        ("more".into(), Value::None),
    ])
}

#[test]
fn an_error_names_its_place() {
    let order = r#"{"type": "record", "name": "Order", "fields": [
        {"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "sku", "type": "string"}, {"name": "price", "type": "double"}]}}}]}"#;
    let good = write(order, &lines(Value::Float(1.5)));
    assert_eq!(good.as_deref(), Ok("5400020261000000000000f83f00"));
    let error = write(order, &lines(Value::Str("1.5".into()))).unwrap_err();
    assert_eq!(error, "lines[0].price: expected double, got str");
    let error = write(order, &Value::Dict(vec![])).unwrap_err();
    assert_eq!(error, "id: missing, and the schema has no default");
    let error = write(order, &Value::Int(1)).unwrap_err();
    assert_eq!(error, "expected record Order, got int 1");
}
