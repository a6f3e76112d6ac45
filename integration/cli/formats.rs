//! Formats: what a script gets of the bytes of a message, and which bytes its result becomes.

use support::{Ran, on_each_runtime, pipeline};

/// Runs `script` between an input and an output with these settings.
fn run(runtime: &str, input: &str, script: &str, output: &str, stdin: &[u8]) -> Ran {
    let script: String = script
        .lines()
        .map(|line| format!("          {line}\n"))
        .collect();
    let config = format!(
        "input: {{ stdin: {input} }}\n\
         pipeline:\n  processors:\n    - python:\n        script: |\n{script}\
         output: {{ stdout: {output} }}\n\
         guests: {{ runtime: {runtime} }}\n"
    );
    pipeline(&config).stdin(stdin).run()
}

fn lines_of(ran: &Ran) -> Vec<&str> {
    let text = str::from_utf8(&ran.stdout).expect("UTF-8");
    text.lines().collect()
}

/// Returns type and text of each dead letter.
fn letters(ran: &Ran) -> Vec<(String, String)> {
    let letters = ran.stderr.lines().filter_map(|line| {
        let letter: serde_json::Value = serde_json::from_str(line).ok()?;
        let error = letter.get("error")?.as_object()?;
        let text = |name: &str| {
            error
                .get(name)
                .and_then(|it| it.as_str())
                .map(str::to_owned)
        };
        Some((text("type")?, text("message")?))
    });
    letters.collect()
}

fn text_is_never_parsed(runtime: &str) {
    let text = "1e5\nnull\n{\"a\": 1.0}\n\n\"x\"\nNaN\ncaf\u{e9}\n";
    let ran = run(
        runtime,
        "{ format: text }",
        "root = this",
        "{ format: text }",
        text.as_bytes(),
    );
    let ran = ran.expect(0);
    assert_eq!(String::from_utf8_lossy(&ran.stdout), text);
    let ran = run(
        runtime,
        "{ format: text }",
        "root = this",
        "{ format: text }",
        b"a\n\xff\nb\n",
    );
    let ran = ran.expect(1);
    assert_eq!(lines_of(&ran), ["a", "b"]);
    let text = "it is not text in UTF-8: byte 0xff at byte 0";
    assert_eq!(letters(&ran), [("NotText".into(), text.into())]);
}

on_each_runtime!(text_is_never_parsed);

fn a_result_of_another_type_is_a_dead_letter(runtime: &str) {
    let script = "root = eval(this)";
    let input = b"'a'\nb'\\x00b'\n[1]\nNone\n3\nnull\ntombstone()\nNamed('x')\n";
    let script = format!("class Named(str): pass\n{script}");
    let ran = run(
        runtime,
        "{ format: text }",
        &script,
        "{ format: text }",
        input,
    );
    let ran = ran.expect(1);
    // A tombstone has no payload, which is an empty line here.
    assert_eq!(lines_of(&ran), ["a", "", "x"]);
    let refused = |found: &str| {
        let text =
            format!("the format of the output is `text`: the result must be str, not {found}");
        ("TypeError".to_owned(), text)
    };
    let expected = ["bytes", "list", "int", "NoneType"].map(refused);
    assert_eq!(letters(&ran), expected);
    let ran = run(
        runtime,
        "{ format: text }",
        "root = eval(this)",
        "{ codec: 'delim:;', format: bytes }",
        b"b'\\xff\\n'\nbytearray(b'x')\n'a'\n",
    );
    let ran = ran.expect(1);
    assert_eq!(ran.stdout, b"\xff\n;x;");
    assert_eq!(
        letters(&ran)[0].1,
        "the format of the output is `bytes`: the result must be bytes, not str"
    );
}

on_each_runtime!(a_result_of_another_type_is_a_dead_letter);

fn what_is_no_json_says_where(runtime: &str) {
    let input = b"{\"a\": 1}\n{\"a\": NaN}\nhello\n[1,\n{\"a\": \"caf\xe9\"}\n\n";
    let ran = run(
        runtime,
        "{ format: json }",
        "root = this[\"a\"]",
        "{}",
        input,
    );
    let ran = ran.expect(1);
    assert_eq!(lines_of(&ran), ["1"]);
    let letters = letters(&ran);
    let at: Vec<_> = letters
        .iter()
        .map(|(kind, text)| {
            assert_eq!(kind, "NotJson");
            text.rsplit(' ').next().unwrap_or_default()
        })
        .collect();
    assert_eq!(at, ["6", "0", "3", "10", "empty"], "{letters:?}");
    // Without a format, only what begins like JSON is explained.
    let ran = run(runtime, "{}", "root = this[\"a\"]", "{}", input).expect(1);
    let kinds: Vec<_> = self::letters(&ran)
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(
        kinds,
        ["NotJson", "TypeError", "NotJson", "NotJson", "TypeError"]
    );
}

on_each_runtime!(what_is_no_json_says_where);

fn exact_numbers_leave_as_they_came_unless_a_script_changes_them(runtime: &str) {
    let input =
        "{\"a\":12345678901234567.89,\"b\":[1e5,-0,0.00000001,1.10],\"c\":1E+400,\"d\":7}\n";
    let exact = "{ format: { type: json, numbers: exact } }";
    let ran = run(runtime, exact, "root = this", "{}", input.as_bytes()).expect(0);
    assert_eq!(String::from_utf8_lossy(&ran.stdout), input);
    let script = "root = [type(this['a']).__name__, this['b'][3] * 3, this['b'][3] == 11 / 10, type(this['d']).__name__]";
    let output = "{ format: { type: json, decimal: number } }";
    let ran = run(runtime, exact, script, output, input.as_bytes()).expect(0);
    assert_eq!(lines_of(&ran), ["[\"Decimal\",3.30,false,\"int\"]"]);
    let ran = run(runtime, exact, script, "{}", input.as_bytes()).expect(1);
    let text = "Object of type Decimal is not JSON serializable (`[1]` of the result); `format: { decimal: number }` of the \
                output writes it";
    assert_eq!(letters(&ran), [("TypeError".into(), text.into())]);
    // Texts with lone surrogates are left to Python.
    let surrogate = b"[\"\\ud800\",1.10]\n";
    let ran = run(runtime, exact, "root = this", "{}", surrogate).expect(0);
    assert_eq!(ran.stdout, surrogate);
    let digits = format!("[0.{}]\n", "1".repeat(10_001));
    let ran = run(runtime, exact, "root = this", "{}", digits.as_bytes()).expect(1);
    assert_eq!(letters(&ran)[0].0, "TooBig");
}

on_each_runtime!(exact_numbers_leave_as_they_came_unless_a_script_changes_them);

const TYPES: &str = "\
from collections import OrderedDict
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
root = OrderedDict(this,
    decimals=[Decimal('1.50'), Decimal('-1E+5')],
    moments=[datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc), datetime(1969, 12, 31, 23),
             datetime(2026, 1, 2, tzinfo=timezone(-timedelta(hours=5, minutes=30)))],
    day=date(1, 1, 1), clock=time(1, 2, 3, 4), id=UUID(int=5))
";

fn values_that_json_lacks_become_what_the_output_says(runtime: &str) {
    let form = |form: &str| format!("{{ format: {{ type: json, {form} }} }}");
    let iso = run(
        runtime,
        "{}",
        TYPES,
        &form("decimal: string, datetime: iso"),
        b"{}\n",
    );
    assert_eq!(
        lines_of(&iso.expect(0)),
        ["{\"decimals\":[\"1.50\",\"-1E+5\"],\
          \"moments\":[\"2026-01-02T03:04:05.000006+00:00\",\"1969-12-31T23:00:00\",\"2026-01-02T00:00:00-05:30\"],\
          \"day\":\"0001-01-01\",\"clock\":\"01:02:03.000004\",\"id\":\"00000000-0000-0000-0000-000000000005\"}"]
    );
    let millis = run(
        runtime,
        "{}",
        TYPES,
        &form("decimal: number, datetime: millis"),
        b"{}\n",
    );
    assert_eq!(
        lines_of(&millis.expect(0)),
        [
            "{\"decimals\":[1.50,-1E+5],\"moments\":[1767323045000,-3600000,1767331800000],\
          \"day\":-62135596800000,\"clock\":\"01:02:03.000004\",\"id\":\"00000000-0000-0000-0000-000000000005\"}"
        ]
    );
    let none = run(runtime, "{}", TYPES, "{}", b"{}\n").expect(1);
    let text = "Object of type Decimal is not JSON serializable (`decimals[0]` of the result); `format: { decimal: number }` \
                of the output writes it";
    assert_eq!(letters(&none), [("TypeError".into(), text.into())]);
}

on_each_runtime!(values_that_json_lacks_become_what_the_output_says);

fn a_key_that_json_lacks_is_called_by_its_type(runtime: &str) {
    let script = "from decimal import Decimal\nfrom datetime import date\nroot = eval(this)";
    let input = b"{Decimal(1): 1}\n{date(2026, 1, 2): 1}\n{(1, 2): 1}\n";
    let output = "{ format: { type: json, decimal: string, datetime: iso } }";
    let ran = run(runtime, "{ format: text }", script, output, input).expect(1);
    let refused = |found: &str| {
        let text = format!("keys must be str, int, float, bool or None, not {found}");
        ("TypeError".to_owned(), text)
    };
    assert_eq!(letters(&ran), ["Decimal", "date", "tuple"].map(refused));
}

on_each_runtime!(a_key_that_json_lacks_is_called_by_its_type);

fn typed_values_go_through_emit_and_several_scripts(runtime: &str) {
    let config = format!(
        "input: {{ stdin: {{ format: {{ type: json, numbers: exact }} }} }}\n\
         pipeline:\n  processors:\n  \
         - python: {{ script: 'emit(this); emit({{\"n\": this[\"n\"] * 2}}); root = this' }}\n  \
         - python: {{ script: 'root = {{\"n\": this[\"n\"], \"is\": type(this[\"n\"]).__name__}}' }}\n\
         output: {{ stdout: {{ format: {{ type: json, decimal: number }} }} }}\n\
         guests: {{ runtime: {runtime} }}\n"
    );
    let ran = pipeline(&config).stdin("{\"n\": 1.10}\n").run().expect(0);
    let expected = [
        "{\"n\":1.10,\"is\":\"Decimal\"}",
        "{\"n\":2.20,\"is\":\"Decimal\"}",
        "{\"n\":1.10,\"is\":\"Decimal\"}",
    ];
    assert_eq!(lines_of(&ran), expected);
}

on_each_runtime!(typed_values_go_through_emit_and_several_scripts);

fn a_script_cannot_break_the_protocol_with_typed_values(runtime: &str) {
    let script = "root = eval(this)";
    let input = b"(..., 0, 'x')\n(..., 99, 1)\n(..., None, None)\n[(..., 2, 10**30)]\n(..., 7, b'x')\n(..., 5, 10**15)\n1\n";
    for output in [
        "{}",
        "{ format: { type: json, decimal: number, datetime: iso } }",
    ] {
        let ran = run(runtime, "{ format: text }", script, output, input).expect(1);
        assert_eq!(lines_of(&ran).last(), Some(&"1"));
        for (kind, text) in letters(&ran) {
            assert!(
                ["TypeError", "ValueError"].contains(&kind.as_str()),
                "{kind}: {text}"
            );
        }
    }
}

on_each_runtime!(a_script_cannot_break_the_protocol_with_typed_values);

fn json_documents_may_have_several_lines(runtime: &str) {
    let input = b"{\n  \"a\": 1\n}\n[2][3] \"x\"\n\n4{\"b\": \"broken\n{\"c\":\n5}";
    let ran = run(
        runtime,
        "{ format: json, scanner: { json_documents: {} } }",
        "root = this",
        "{}",
        input,
    );
    let ran = ran.expect(1);
    assert_eq!(
        lines_of(&ran),
        ["{\"a\":1}", "[2]", "[3]", "\"x\"", "4", "{\"c\":5}"]
    );
    assert_eq!(letters(&ran)[0].0, "NotJson");
}

on_each_runtime!(json_documents_may_have_several_lines);

fn framed_bytes_go_in_and_out_unchanged(runtime: &str) {
    let frame = |payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("short");
        [&length.to_be_bytes()[..], payload].concat()
    };
    let stream = [frame(b"a\nb\0"), frame(b""), frame(b"\xff\n")].concat();
    let framed = "{ format: bytes, scanner: { length_delimited: {} } }";
    let output = "{ format: bytes, codec: length_delimited }";
    let ran = run(runtime, framed, "root = this", output, &stream).expect(0);
    assert_eq!(ran.stdout, stream);
    let nul = "{ format: bytes, scanner: { lines: { custom_delimiter: \"\\0\" } } }";
    let output = "{ format: bytes, codec: \"delim:\\0\" }";
    let ran = run(runtime, nul, "root = this", output, b"a\nb\0\0c").expect(0);
    assert_eq!(ran.stdout, b"a\nb\0\0c\0");
    let ran = run(runtime, framed, "root = this", "{}", b"\0\0\0\x05ab").expect(1);
    let text = "the input ends after 2 of 5 bytes of a message";
    assert_eq!(letters(&ran), [("Truncated".into(), text.into())]);
}

on_each_runtime!(framed_bytes_go_in_and_out_unchanged);

fn what_the_guest_cannot_hold_is_refused_before_it(runtime: &str) {
    let exact = "{ format: { type: json, numbers: exact } }";
    let input = b"1e425000001\n{\"a\": 0e999999999999}\n1e-1000000\n1E+999999\n";
    let ran = run(runtime, exact, "root = this", "{}", input).expect(1);
    assert_eq!(lines_of(&ran), ["1E+999999"]);
    let kinds: Vec<_> = letters(&ran).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["TooBig", "TooBig", "TooBig"]);
    assert!(ran.stderr.contains("\"guest_deaths\":0") || !ran.stderr.contains("guest died"));
}

on_each_runtime!(what_the_guest_cannot_hold_is_refused_before_it);

fn a_lone_surrogate_is_no_text(runtime: &str) {
    let ran = run(
        runtime,
        "{ format: json }",
        "root = this",
        "{ format: text }",
        b"\"\\ud800\"\n\"x\"\n",
    );
    let ran = ran.expect(1);
    assert_eq!(lines_of(&ran), ["x"]);
    assert_eq!(letters(&ran)[0].0, "ValueError");
}

on_each_runtime!(a_lone_surrogate_is_no_text);
