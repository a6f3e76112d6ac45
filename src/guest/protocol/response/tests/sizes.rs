//! Forged values: the host cuts them, and they take no more memory than is counted.

use super::*;

fn decoded(frame: &[u8], scratch: &mut Scratch) -> Outcomes {
    let mut outcomes = Outcomes::default();
    decode_response(
        frame,
        &Asked {
            id: 7,
            count: 1,
            max_output: MAX_OUTPUT,
            stages: &[],
            modules: &[],
            documents: &[],
            writes: &Writes::default(),
        },
        scratch,
        &mut outcomes,
    )
    .expect("a response");
    outcomes
}

#[track_caller]
fn failure(outcomes: &Outcomes) -> &Failure {
    match &outcomes.items[..] {
        [Outcome::Failed(failure)] => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failure_is_cut_whatever_the_guest_says() {
    // Two bytes per character, so that the limits fall between two characters and within one.
    let long = "\u{e4}".repeat(1_000_000);
    let frame = frame(1, 1, 0, |body| {
        body.list(1);
        body.none();
        body.list(1);
        body.tuple(7);
        body.int(0);
        body.str("error");
        body.str(&long);
        body.str(&format!("x{long}"));
        body.none();
        body.none();
        body.str(&long);
    });
    let outcomes = decoded(&frame, &mut Scratch::default());
    let failure = failure(&outcomes);
    assert_eq!(failure.kind, long[..200]);
    assert_eq!(failure.message, format!("x{}", &long[..8190]));
    assert_eq!(failure.traceback, long[..8192]);
}

#[test]
fn so_is_a_result_that_is_too_large_by_its_own_account() {
    let frame = frame(1, 1, 0, |body| {
        body.list(1);
        body.none();
        body.list(1);
        body.tuple(3);
        body.int(0);
        body.str("too large");
        body.str(&"x".repeat(1_000_000));
    });
    let outcomes = decoded(&frame, &mut Scratch::default());
    let message = &failure(&outcomes).message;
    assert!(message.starts_with('x') && message.ends_with("more than `guests.max_output` allows"));
    assert!(message.len() < 8192 + 100, "{}", message.len());
}

/// Returns a response with one output that has `count` headers without name and value.
fn with_headers(count: usize) -> Vec<u8> {
    frame(1, 1, 0, |body| {
        body.list(1);
        body.none();
        body.list(1);
        body.tuple(3);
        body.int(0);
        body.str("outputs");
        body.list(1);
        body.tuple(3);
        body.int(1);
        body.bytes(b"1");
        body.list(1);
        body.tuple(2);
        body.str("headers");
        body.list(count);
        for _ in 0..count {
            body.tuple(2);
            body.str("");
            body.none();
        }
    })
}

#[test]
fn headers_count_with_the_place_they_take() {
    let fit = MAX_OUTPUT / size_of::<(String, Option<Bytes>)>() / 2;
    let outcomes = decoded(&with_headers(fit), &mut Scratch::default());
    assert!(matches!(&outcomes.items[..], [Outcome::Records(records)] if records.len() == 1));
    let mut outcomes = Outcomes::default();
    let (frame, mut scratch) = (with_headers(100_000), Scratch::default());
    let mut response = Response {
        reader: Reader::new(&frame[HEADER..], &mut scratch, MAX_DEPTH),
        max_output: MAX_OUTPUT,
        spent: 0,
        stages: &[],
        modules: &[],
        documents: &[],
        writes: &Writes::default(),
        first: 0,
        outcomes: &mut outcomes,
        values: Vec::new(),
        whole_at: None,
    };
    // Up to the list of headers: response, account, counts, results, extras, extra, outputs, output, attributes.
    response.tuple(5).expect("a response");
    response.account(7, 1).expect("its request");
    response.reader.int().expect("messages answered");
    response.reader.int().expect("messages dropped");
    response.reader.list().expect("results");
    response.reader.none().expect("a result");
    response.reader.list().expect("extras");
    response.tuple(3).expect("an extra");
    response.reader.int().expect("its index");
    response.reader.str().expect("its kind");
    let outcome = response.outputs().expect("outputs");
    let Outcome::Failed(failure) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(failure.kind, "OutputTooLarge");
    // The size built before the refusal is counted, and is little more than the limit.
    let spent = response.spent;
    assert!((MAX_OUTPUT..2 * MAX_OUTPUT).contains(&spent), "{spent}");
}

/// References are two bytes in a frame and eight in the table, which outlives the guest.
#[test]
fn the_memory_of_a_rare_frame_is_given_back() {
    const REFERENCES: usize = 1_000_000;
    let mut head = Encoder::new(MAX_DEPTH);
    head.clear();
    head.tuple(5);
    head.list(3);
    head.str("request");
    [7, 1, 1, 0].into_iter().for_each(|number| head.int(number));
    head.list(1);
    let mut body = head.as_bytes().to_vec();
    body.push(b'[');
    body.extend_from_slice(&u32::try_from(REFERENCES).expect("few").to_le_bytes());
    body.extend_from_slice(&b"\xa9\0".repeat(REFERENCES));
    body.extend_from_slice(b"[\0\0\0\0");
    let mut scratch = Scratch::default();
    let mut outcomes = Outcomes::default();
    let frame = wrapped(&body);
    let result = decode_response(
        &frame,
        &Asked {
            id: 7,
            count: 1,
            max_output: 1 << 30,
            stages: &[],
            modules: &[],
            documents: &[],
            writes: &Writes::default(),
        },
        &mut scratch,
        &mut outcomes,
    );
    assert_eq!(result.map(|answered| answered.count), Ok(1));
    assert_eq!(outcomes.data.len(), 3 * REFERENCES + 1, "`[[],[],…]`");
    assert!(scratch.capacity() <= 1 << 17, "{}", scratch.capacity());
}
