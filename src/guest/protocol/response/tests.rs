//! Responses as guests write them, and as hostile guests would.

use super::*;
use crate::message::Overrides;
use nerodia_codec::Encoder;

const MAX_OUTPUT: usize = 10_000;

/// Returns a response to request 7, which had `asked` messages; `write` writes the results and extras.
fn frame(asked: usize, answered: i64, dropped: i64, write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut body = Encoder::new(MAX_DEPTH);
    body.clear();
    body.tuple(5);
    body.list(3);
    body.str("request");
    body.int(7);
    body.int(asked as i64);
    body.int(answered);
    body.int(dropped);
    write(&mut body);
    wrapped(body.as_bytes())
}

fn wrapped(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    [&[STATUS_OK][..], &length.to_be_bytes(), body].concat()
}

/// Returns the frame's answers, each as its outputs (with key) or its failure's type.
fn answers(frame: &[u8], count: usize) -> Result<Vec<Result<Vec<String>, String>>, String> {
    let stage = HelloStage {
        processor: "t.yaml:11".into(),
        script: String::new(),
        imports: Vec::new(),
        name: "my.yaml".into(),
        line_offset: 10,
        setup: None,
        folder: None,
    };
    let mut outcomes = Outcomes::default();
    let mut scratch = Scratch::default();
    let answered = decode_response(
        frame,
        &Asked {
            id: 7,
            count,
            max_output: MAX_OUTPUT,
            stages: &[stage],
            modules: &[],
            documents: &[],
            writes: &Writes::default(),
        },
        &mut scratch,
        &mut outcomes,
    )
    .map_err(|death| death.to_string())?;
    assert_eq!(answered.count, outcomes.items.len());
    assert!(!answered.wants_whole);
    assert!(
        outcomes.data.len() <= 3 * MAX_OUTPUT,
        "{}",
        outcomes.data.len()
    );
    let shown = |record: &Record| {
        let payload = String::from_utf8_lossy(outcomes.payload(record)).into_owned();
        match record.overrides.as_deref() {
            Some(Overrides {
                key: Some(Some(key)),
                ..
            }) => format!("{}={payload}", String::from_utf8_lossy(key)),
            _ => payload,
        }
    };
    Ok(outcomes
        .items
        .iter()
        .map(|outcome| match outcome {
            Outcome::Dropped => Ok(vec![]),
            Outcome::Record(record) => Ok(vec![shown(record)]),
            Outcome::Records(records) => Ok(records.iter().map(shown).collect()),
            Outcome::Failed(failure) => Err(match &failure.at {
                Some(at) => format!("{} at {at}", failure.kind),
                None => failure.kind.clone(),
            }),
        })
        .collect())
}

fn ok(outputs: &[&str]) -> Result<Vec<String>, String> {
    Ok(outputs.iter().map(|&text| text.to_owned()).collect())
}

fn err(kind: &str) -> Result<Vec<String>, String> {
    Err(kind.to_owned())
}

#[test]
fn results_and_every_kind_of_extra() {
    let frame = frame(7, 7, 1, |body| {
        body.list(7);
        body.payload(b"{\"a\":1}");
        for _ in 0..6 {
            body.none();
        }
        body.list(5);
        body.tuple(2);
        body.int(1);
        body.str("null");
        body.tuple(3);
        body.int(2);
        body.str("json");
        body.bytes(b"[1.5]");
        body.tuple(3);
        body.int(3);
        body.str("outputs");
        body.list(2);
        body.tuple(3);
        body.int(1);
        body.bytes(b"\"ready\"");
        body.none();
        body.tuple(3);
        body.int(0);
        body.bytes(b"i\x05\0\0\0"); // 5 in marshal
        body.list(1);
        body.tuple(2);
        body.str("key");
        body.bytes(b"k");
        body.tuple(3);
        body.int(4);
        body.str("too large");
        body.str("the result takes 99 bytes");
        body.tuple(7);
        body.int(5);
        for text in ["error", "KeyError", "'a'"] {
            body.str(text);
        }
        body.int(3);
        body.int(0);
        body.str("Traceback …");
    });
    let expected = vec![
        ok(&["{\"a\":1}"]),
        ok(&["null"]),
        ok(&["[1.5]"]),
        ok(&["\"ready\"", "k=5"]),
        err("OutputTooLarge at my.yaml:11"),
        err("KeyError at my.yaml:13"),
        ok(&[]),
    ];
    assert_eq!(answers(&frame, 7), Ok(expected));
}

#[test]
fn fewer_answers_than_asked_for_but_never_none_or_more() {
    let results = |count: usize| {
        frame(5, count as i64, count as i64, |body| {
            body.list(count);
            for _ in 0..count {
                body.none();
            }
            body.list(0);
        })
    };
    assert_eq!(answers(&results(2), 5).map(|all| all.len()), Ok(2));
    for wrong in [0, 6] {
        let told = answers(&results(wrong), 5).unwrap_err();
        assert!(told.contains("another number of messages"), "{told}");
    }
}

#[test]
fn answers_to_something_else_and_rubbish() {
    let other = frame(1, 1, 1, |body| {
        body.list(1);
        body.none();
        body.list(0);
    });
    let mut outcomes = Outcomes::default();
    let mut scratch = Scratch::default();
    let decoded = decode_response(
        &other,
        &Asked {
            id: 8,
            count: 1,
            max_output: 100,
            stages: &[],
            modules: &[],
            documents: &[],
            writes: &Writes::default(),
        },
        &mut scratch,
        &mut outcomes,
    );
    assert!(matches!(decoded, Err(Death::Protocol(_))));
    for body in [&b""[..], b"N", b")\x03", b"rubbish", &[0xff; 40]] {
        assert!(answers(&wrapped(body), 1).is_err());
    }
    // Bytes after the body.
    let mut longer = other.clone();
    longer.push(b'N');
    assert!(answers(&longer, 1).is_err());
}

#[test]
fn two_answers_for_one_message_are_refused() {
    let extra = |result: &'static [u8], times: usize| {
        let empty = if result == b"null" { 2 } else { 1 };
        frame(2, 2, empty - times as i64, move |body| {
            body.list(2);
            body.payload(result);
            body.none();
            body.list(times);
            for _ in 0..times {
                body.tuple(2);
                body.int(0);
                body.str("null");
            }
        })
    };
    assert!(answers(&extra(b"null", 1), 2).is_ok());
    for frame in [extra(b"5", 1), extra(b"null", 2)] {
        let told = answers(&frame, 2).unwrap_err();
        assert!(told.contains("second answer"), "{told}");
    }
}

/// Returns a marshal string of `length` characters, which gets an entry in the table of references.
fn shared(length: usize) -> Vec<u8> {
    let mut object = vec![b'a' | 0x80];
    object.extend_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    object.resize(object.len() + length, b'x');
    object
}

fn reference(index: u32) -> Vec<u8> {
    [&b"r"[..], &index.to_le_bytes()].concat()
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(items.len()).unwrap();
    [&b"["[..], &count.to_le_bytes(), &items.concat()].concat()
}

fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [&[b')', items.len() as u8][..], &items.concat()].concat()
}

fn int(value: u32) -> Vec<u8> {
    [&b"i"[..], &value.to_le_bytes()].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&[b'z', text.len() as u8][..], text.as_bytes()].concat()
}

/// Returns a response to request 7, which had `asked` messages, with correct counts.
fn response(asked: u32, results: &[Vec<u8>], extras: &[Vec<u8>]) -> Vec<u8> {
    let empty = results.iter().filter(|result| *result == b"N").count();
    let account = list(&[text("request"), int(7), int(asked)]);
    let counts = [
        int(results.len() as u32),
        int((empty - extras.len()) as u32),
    ];
    let [answered, dropped] = counts;
    wrapped(&tuple(&[
        account,
        answered,
        dropped,
        list(results),
        list(extras),
    ]))
}

/// Effects that a script has on the response's lists if it goes through all lists (`gc.get_objects()`).
#[test]
fn an_outcome_that_is_gone_is_no_dropped_message() {
    let account = || list(&[text("request"), int(7), int(3)]);
    let (none, one) = (|| b"N".to_vec(), || int(1));
    let failed = || tuple(&[int(1), text("null")]);
    let body = |account: Vec<u8>, counts: [u32; 2], results: &[Vec<u8>], extras: &[Vec<u8>]| {
        let [answered, dropped] = counts.map(int);
        let fields = [account, answered, dropped, list(results), list(extras)];
        answers(&wrapped(&tuple(&fields)), 3)
    };
    let whole = body(account(), [3, 1], &[one(), none(), none()], &[failed()]).unwrap();
    assert_eq!(whole, [ok(&["1"]), ok(&["null"]), ok(&[])]);
    let part = body(account(), [2, 1], &[one(), none()], &[]).unwrap();
    assert_eq!(part, [ok(&["1"]), ok(&[])]);

    for (what, answer) in [
        ("emptied", body(account(), [3, 1], &[one()], &[])),
        (
            "filled",
            body(account(), [3, 1], &[none(), none(), none()], &[failed()]),
        ),
        (
            "a failure is gone",
            body(account(), [3, 1], &[one(), none(), none()], &[]),
        ),
        (
            "a result is gone",
            body(account(), [3, 0], &[one(), one(), none()], &[]),
        ),
        ("all lists are empty", body(list(&[]), [3, 0], &[], &[])),
        (
            "all lists are turned round",
            body(
                list(&[int(3), int(7), text("request")]),
                [3, 0],
                &[one(), one(), one()],
                &[],
            ),
        ),
        (
            "another number was asked for",
            body(
                list(&[text("request"), int(7), int(2)]),
                [3, 0],
                &[one(), one(), one()],
                &[],
            ),
        ),
    ] {
        assert!(answer.is_err(), "{what}: {answer:?}");
    }
}

/// The script `json.K = "x" * 8_000_000`, then `root = json.K`, for a thousand messages.
#[test]
fn shared_results_are_cut_at_the_budget() {
    let mut results = vec![shared(4000)];
    results.resize(1000, reference(0));
    let answered = answers(&response(1000, &results, &[]), 1000).unwrap();
    assert_eq!(answered.len(), 3, "what comes to MAX_OUTPUT, and no more");
}

/// Each output is refused after much work, or takes much memory in its attributes.
#[test]
fn shared_outputs_and_headers_are_cut_at_the_budget() {
    let header = tuple(&[text("name"), reference(0)]);
    let headers = tuple(&[text("headers"), list(&vec![header; 50])]);
    let output = tuple(&[int(1), reference(0), list(&[headers])]);
    let bytes = {
        let mut object = shared(4000);
        object[0] = b's' | 0x80;
        object
    };
    let extra = |index: u32, first: bool| {
        let mut outputs = vec![output.clone(); 100];
        if first {
            outputs.insert(0, tuple(&[int(1), bytes.clone(), b"N".to_vec()]));
        }
        tuple(&[int(index), text("outputs"), list(&outputs)])
    };
    let extras: Vec<Vec<u8>> = (0..50).map(|index| extra(index, index == 0)).collect();
    let nothing = vec![b"N".to_vec(); 50];
    let answered = answers(&response(50, &nothing, &extras), 50).unwrap();
    assert_eq!(
        answered,
        [err("OutputTooLarge at my.yaml:11")],
        "the rest is asked for again"
    );
}

/// A tuple that is read again and again by reference would cost its length each time.
#[test]
fn what_holds_others_must_not_be_a_reference() {
    let mut outputs = list(&vec![
        tuple(&[int(1), b"s\0\0\0\0".to_vec(), b"N".to_vec()]);
        10
    ]);
    outputs[0] |= 0x80;
    let extras = [
        tuple(&[int(0), text("outputs"), outputs]),
        tuple(&[int(1), text("outputs"), reference(0)]),
    ];
    let frame = response(2, &vec![b"N".to_vec(); 2], &extras);
    assert!(answers(&frame, 2).is_err());
}

#[test]
fn a_whole_response_is_taken_and_nothing_else() {
    let whole = wrapped(b"body");
    for end in 0..whole.len() {
        let mut outbox = whole[..end].to_vec();
        assert_eq!(take_response(&mut outbox, 100), None);
        assert_eq!(outbox.len(), end, "it stays");
    }
    let mut outbox = whole.clone();
    assert_eq!(take_response(&mut outbox, 100), Some(Ok(whole.clone())));
    assert!(outbox.is_empty());
    let rubbish = |mut outbox: Vec<u8>| {
        let taken = take_response(&mut outbox, 100);
        assert!(matches!(taken, Some(Err(Death::Protocol(_)))), "{taken:?}");
    };
    rubbish([&whole[..], b"more"].concat());
    rubbish(wrapped(&[0; 101])[..HEADER].to_vec());
    rubbish(b"\x01\0\0\0\0".to_vec());
    rubbish(b"READY".to_vec());
}

mod patches;
mod sizes;
