//! Results that stand for the message's own document: patches, and questions for the whole document.

use super::*;

/// Returns the marshal-like code of a patch that sets these members.
fn patch(members: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let count = u32::try_from(members.len()).unwrap();
    let members = members
        .iter()
        .map(|(key, value)| [&key[..], value].concat());
    [b"P".to_vec(), count.to_le_bytes().to_vec()]
        .into_iter()
        .chain(members)
        .collect::<Vec<_>>()
        .concat()
}

fn set(members: &[(&str, u32)]) -> Vec<u8> {
    let member = |&(key, value): &(&str, u32)| (text(key), int(value));
    patch(&members.iter().map(member).collect::<Vec<_>>())
}

const WHOLE: &[u8] = b"W";

/// Returns what was answered, and the outputs or the failure's message, of a response for these documents.
fn patched(
    documents: &[&[u8]],
    frame: &[u8],
) -> Result<(Answered, Vec<Result<String, String>>), String> {
    let documents: Vec<_> = documents
        .iter()
        .map(|document| Message::new(Bytes::copy_from_slice(document), 0))
        .collect();
    let mut outcomes = Outcomes::default();
    let asked = Asked {
        id: 7,
        count: documents.len(),
        max_output: MAX_OUTPUT,
        stages: &[],
        modules: &[],
        documents: &documents,
        writes: &Writes::default(),
    };
    let decoded = decode_response(frame, &asked, &mut Scratch::default(), &mut outcomes);
    let answered = decoded.map_err(|death| {
        assert!(outcomes.items.is_empty() && outcomes.data.is_empty());
        death.to_string()
    })?;
    assert_eq!(answered.count, outcomes.items.len());
    assert!(outcomes.data.len() <= 3 * MAX_OUTPUT);
    let shown = |outcome: &Outcome| match outcome {
        Outcome::Record(record) => {
            Ok(String::from_utf8(outcomes.payload(record).to_vec()).unwrap())
        }
        Outcome::Failed(failure) => Err(failure.message.clone()),
        other => panic!("{other:?}"),
    };
    Ok((answered, outcomes.items.iter().map(shown).collect()))
}

fn answers_to(count: usize, wants_whole: bool) -> Answered {
    Answered { count, wants_whole }
}

#[test]
fn members_are_set_at_their_place_or_at_the_end() {
    for (document, set, expected) in [
        (r#"{"a":1,"b":2}"#, set(&[]), r#"{"a":1,"b":2}"#),
        (r#" { } "#, set(&[]), "{}"),
        ("{}", set(&[("n", 5)]), r#"{"n":5}"#),
        (r#"{"a":1,"b":2}"#, set(&[("a", 5)]), r#"{"a":5,"b":2}"#),
        (
            "{ \"a\" : 1.50 , \"b\" : \"\\/\\u00e9\" }",
            set(&[("z", 1), ("y", 2)]),
            "{\"a\":1.5,\"b\":\"/\u{e9}\",\"z\":1,\"y\":2}",
        ),
        (
            r#"{"a":1,"b":2,"c":3}"#,
            set(&[("n", 6), ("c", 5), ("a", 4)]),
            r#"{"a":4,"b":2,"c":5,"n":6}"#,
        ),
        (
            r#"{"a":1}"#,
            patch(&[
                (text("q\"\n"), text("x")),
                (text("l"), list(&[int(1), b"N".to_vec()])),
            ]),
            r#"{"a":1,"q\"\n":"x","l":[1,null]}"#,
        ),
        (
            r#"{"a":1}"#,
            patch(&[(text("a"), b"N".to_vec())]),
            r#"{"a":null}"#,
        ),
    ] {
        let (answered, outputs) =
            patched(&[document.as_bytes()], &response(1, &[set], &[])).unwrap();
        assert_eq!(answered, answers_to(1, false));
        assert_eq!(outputs, [Ok(expected.to_owned())], "{document}");
    }
}

#[test]
fn documents_that_the_host_cannot_copy_are_wanted_whole() {
    for document in [
        &b""[..],
        b"5",
        b"[]",
        b"text",
        b"{",
        b"{} x",
        b"\xef\xbb\xbf{}",
        b"{\"a\":1,\"a\":2}",
        b"{\"\\u0061\":1}",
        b"{\"z\":{\"a\":1,\"a\":2}}",
        b"{\"z\":1e999}",
        b"{\"z\":\"\\ud800\"}",
        b"{\"z\":NaN}",
        b"{\"z\":\"\xff\"}",
    ] {
        let results = [set(&[]), set(&[("a", 1)])];
        let (answered, outputs) = patched(
            &[b"{}", document, b"{}"],
            &response(3, &[results[0].clone(), results[1].clone(), int(3)], &[]),
        )
        .unwrap();
        assert_eq!(answered, answers_to(1, true), "{document:?}");
        assert_eq!(outputs, [Ok("{}".to_owned())]);
        // As the first it leaves no answer at all.
        let (answered, outputs) = patched(&[document], &response(1, &results[1..], &[])).unwrap();
        assert_eq!((answered, outputs.len()), (answers_to(0, true), 0));
    }
}

#[test]
fn a_guest_may_want_the_whole_document_anywhere() {
    let documents: &[&[u8]] = &[b"{}", b"{}", b"{}"];
    for (results, answered) in [
        (vec![WHOLE.to_vec()], answers_to(0, true)),
        (vec![int(1), WHOLE.to_vec()], answers_to(1, true)),
        (vec![int(1), int(2), WHOLE.to_vec()], answers_to(2, true)),
        // Not the last: what comes after it is asked for again.
        (vec![WHOLE.to_vec(), int(1), int(2)], answers_to(0, true)),
        (
            vec![int(1), WHOLE.to_vec(), set(&[("a", 1)])],
            answers_to(1, true),
        ),
        (
            vec![int(1), WHOLE.to_vec(), WHOLE.to_vec()],
            answers_to(1, true),
        ),
    ] {
        let (seen, outputs) = patched(documents, &response(3, &results, &[])).unwrap();
        assert_eq!(seen, answered, "{results:?}");
        assert_eq!(outputs.len(), answered.count);
    }
    // Extras behind it count as answers that are asked for again; they must still be there.
    let extra = tuple(&[int(2), text("null")]);
    let results = [int(1), WHOLE.to_vec(), b"N".to_vec()];
    let (seen, _) = patched(documents, &response(3, &results, &[extra])).unwrap();
    assert_eq!(seen, answers_to(1, true));
    let dropped_and_gone = wrapped(&tuple(&[
        list(&[text("request"), int(7), int(3)]),
        int(3),
        int(0),
        list(&results),
        list(&[]),
    ]));
    assert!(patched(documents, &dropped_and_gone).is_err());
    // An extra for the very message.
    let extra = tuple(&[int(1), text("null")]);
    let results = [int(1), WHOLE.to_vec(), b"N".to_vec()];
    let (seen, _) = patched(documents, &response(3, &results, &[extra])).unwrap();
    assert_eq!(seen, answers_to(1, true));
}

#[test]
fn neither_is_a_result_of_a_whole_document() {
    for result in [WHOLE.to_vec(), set(&[]), set(&[("a", 1)])] {
        let frame = response(1, &[result], &[]);
        let told = answers(&frame, 1).unwrap_err();
        assert!(told.contains("document"), "{told}");
    }
    // Nor a value inside another, nor an extra, nor in place of any other object.
    let document: &[&[u8]] = &[b"{}"];
    for result in [
        list(&[set(&[])]),
        list(&[WHOLE.to_vec()]),
        tuple(&[set(&[])]),
        patch(&[(text("a"), set(&[]))]),
        patch(&[(text("a"), WHOLE.to_vec())]),
        patch(&[(set(&[]), int(1))]),
        [&b"{"[..], &text("a"), &set(&[]), b"0"].concat(),
    ] {
        assert!(patched(document, &response(1, &[result], &[])).is_err());
    }
    assert!(patched(document, &wrapped(&set(&[]))).is_err());
    assert!(patched(document, &wrapped(WHOLE)).is_err());
}

#[test]
fn broken_patches_break_the_frame() {
    let good = response(1, &[set(&[("a", 1), ("b", 2)])], &[]);
    assert!(patched(&[b"{}"], &good).is_ok());
    for end in HEADER..good.len() {
        let cut = wrapped(&good[HEADER..end]);
        assert!(patched(&[b"{}"], &cut).is_err(), "{end}");
    }
    for result in [
        b"P".to_vec(),
        b"P\x01\0\0".to_vec(),
        b"P\x01\0\0\0".to_vec(),
        b"P\xff\xff\xff\xff".to_vec(),
        b"P\xff\xff\xff\x7f".to_vec(),
        b"P\0\0\0\x80".to_vec(),
        patch(&[(int(1), int(1))]),
        patch(&[(b"N".to_vec(), int(1))]),
        patch(&[(text("a"), b"0".to_vec())]),
        patch(&[(text("a"), b"?".to_vec())]),
        patch(&[(text("a"), reference(0))]),
        patch(&[(reference(5), int(1))]),
        // More members than it says, and fewer.
        [set(&[("a", 1)]), int(5)].concat(),
        [&b"P\x02\0\0\0"[..], &text("a"), &int(1)].concat(),
    ] {
        let shown = format!("{result:?}");
        assert!(
            patched(&[b"{}"], &response(1, &[result], &[])).is_err(),
            "{shown}"
        );
    }
    // More results than documents.
    assert!(patched(&[b"{}"], &response(1, &[set(&[]), set(&[])], &[])).is_err());
}

/// What fails first in the whole document may be a member that the guest does not have.
#[test]
fn what_json_cannot_have_is_told_with_the_whole_document() {
    let nan = [&b"g"[..], &f64::NAN.to_le_bytes()].concat();
    let bytes = b"s\x01\0\0\0x".to_vec();
    for refused in [
        patch(&[(text("a"), bytes.clone())]),
        patch(&[(text("a"), nan.clone()), (text("b"), int(1))]),
        patch(&[(text("a"), int(1)), (text("b"), nan), (text("c"), bytes)]),
        patch(&[(text("a"), shared(MAX_OUTPUT + 1))]),
    ] {
        let results = [set(&[("a", 1)]), refused, set(&[("a", 1)])];
        let (answered, outputs) =
            patched(&[b"{}", b"{}", b"{}"], &response(3, &results, &[])).unwrap();
        assert_eq!(answered, answers_to(1, true));
        assert_eq!(outputs, [Ok(r#"{"a":1}"#.to_owned())]);
    }
}

#[test]
fn patches_have_the_budget_of_a_response() {
    let document = format!("{{\"z\":\"{}\"}}", "x".repeat(4000));
    let documents = vec![document.as_bytes(); 100];
    let (answered, outputs) = patched(
        &documents,
        &response(100, &vec![set(&[("a", 1)]); 100], &[]),
    )
    .unwrap();
    assert_eq!((answered, outputs.len()), (answers_to(3, false), 3));
    // What comes after the budget may be anything that is a result.
    let mut results = vec![set(&[("a", 1)]); 3];
    results.extend([WHOLE.to_vec(), set(&[]), b"N".to_vec(), int(1)]);
    let (answered, _) = patched(&documents[..7], &response(7, &results, &[])).unwrap();
    assert_eq!(answered, answers_to(3, false));
    results.push(b"P\x01\0\0\0".to_vec());
    assert!(patched(&documents[..8], &response(8, &results, &[])).is_err());
    // The document counts: it is too large with what is set in it, or without.
    let long = format!("{{\"z\":\"{}\"}}", "x".repeat(MAX_OUTPUT - 8));
    for (set, fits) in [(set(&[]), true), (set(&[("a", 1)]), false)] {
        let (answered, _) = patched(&[long.as_bytes()], &response(1, &[set], &[])).unwrap();
        assert_eq!(answered.wants_whole, !fits);
    }
}

/// A key, too, may be a reference to a long text: the document that would be made of it exceeds any memory.
#[test]
fn keys_that_are_references_are_within_the_budget() {
    let mut members = vec![(shared(1_000_000), b"N".to_vec())];
    members.resize(60, (reference(0), b"N".to_vec()));
    let result = patched(&[b"{}"], &response(1, &[patch(&members)], &[]));
    assert_eq!(result.unwrap().0, answers_to(0, true));
}

/// Values that are references to a large one are refused, one after the other.
#[test]
fn refused_members_are_within_the_budget() {
    let large = list(&vec![int(1_000_000); 2000]);
    let shared = [&[b'[' | 0x80][..], &large[1..]].concat();
    let mut members = vec![(text("a"), shared)];
    members.resize(300_000, (text("b"), reference(0)));
    let (answered, _) = patched(&[b"{}"], &response(1, &[patch(&members)], &[])).unwrap();
    assert_eq!(answered, answers_to(0, true));
}
