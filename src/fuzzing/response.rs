//! Reply of a hostile guest: it is accepted or refused as a whole, and its outcomes stay within the budget.

use std::ops::Range;

use bytes::Bytes;

use super::parameter;
use crate::format::Writes;
use crate::guest::handshake::HelloStage;
use crate::guest::protocol::response::{Answered, Asked, decode_response, take_response};
use crate::message::{Message, Outcome, Outcomes, Record};
use nerodia_codec::Scratch;

/// Id of the request that the corpus answers.
const ID: u32 = 7;
/// Documents of which the guest may have got a part; a result can stand for each.
const DOCUMENTS: [&str; 8] = [
    "{}",
    "{\"a\":1,\"b\":[1.50,null],\"key\":\"\\u00e9\"}",
    "{ \"x\" : {\"y\":-0} , \"a\" : \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" }",
    "{\"a\":1,\"a\":2}",
    "{\"z\":{\"a\":1,\"a\":2}}",
    "{\"z\":1e999,\"a\":\"\\ud800\"}",
    "[1]",
    "",
];
/// Data that was there before.
const BEFORE: &[u8] = b"before";

pub fn response(mut data: &[u8]) {
    let count = parameter(&mut data) % 12;
    let max_output = [16, 100, 1000, 10_000, 100_000][parameter(&mut data) % 5];
    let length = u32::try_from(data.len()).expect("inputs are short");
    let frame = [&[0], &length.to_be_bytes()[..], data].concat();
    take(&frame);

    let stage = HelloStage {
        processor: "s".into(),
        script: String::new(),
        imports: Vec::new(),
        name: "my.yaml".into(),
        line_offset: u32::MAX,
        setup: None,
        folder: None,
    };
    // The parameters stay as they are in the corpus: each input is read with and without documents.
    let documents: Vec<_> = DOCUMENTS
        .iter()
        .cycle()
        .map(|document| Message::new(Bytes::from_static(document.as_bytes()), 0))
        .take(count)
        .collect();
    for documents in [&[][..], &documents] {
        decode(&frame, count, max_output, &stage, documents);
    }
}

fn decode(
    frame: &[u8],
    count: usize,
    max_output: usize,
    stage: &HelloStage,
    documents: &[Message],
) {
    let mut outcomes = Outcomes {
        data: BEFORE.to_vec(),
        items: vec![Outcome::Dropped],
        ..Outcomes::default()
    };
    let mut scratch = Scratch::default();
    let decoded = decode_response(
        frame,
        &Asked {
            id: ID,
            count,
            max_output,
            stages: std::slice::from_ref(stage),
            modules: &[],
            documents,
            writes: &Writes::default(),
        },
        &mut scratch,
        &mut outcomes,
    );
    assert!(outcomes.data.starts_with(BEFORE));
    let Ok(Answered {
        count: answered,
        wants_whole,
    }) = decoded
    else {
        assert_eq!(
            (outcomes.items.len(), outcomes.data.len()),
            (1, BEFORE.len())
        );
        return;
    };
    assert!(answered <= count && (answered > 0 || count == 0 || wants_whole));
    assert!(!wants_whole || (answered < count && !documents.is_empty()));
    assert_eq!(outcomes.items.len(), 1 + answered);
    assert!(outcomes.data.len() <= BEFORE.len() + 3 * max_output);
    let cost: usize = outcomes.items.iter().map(Outcome::cost).sum();
    // A failure has three texts and is counted twice; an attribute takes some words for each byte.
    let budget = 24 * (max_output + frame.len()) + 1024 * count;
    assert!(cost <= budget, "{cost} of {budget}");
    for record in records(&outcomes) {
        let Range { start, end } = record.payload;
        assert!(BEFORE.len() <= start as usize && start <= end);
        assert!(end as usize <= outcomes.data.len());
    }
}

fn records(outcomes: &Outcomes) -> impl Iterator<Item = &Record> {
    outcomes.items.iter().flat_map(|outcome| match outcome {
        Outcome::Record(record) => std::slice::from_ref(record),
        Outcome::Records(records) => records.as_slice(),
        Outcome::Dropped | Outcome::Failed(_) => &[],
    })
}

/// Checks that a reply in any pieces is complete with its last byte, and not before.
fn take(frame: &[u8]) {
    let mut outbox = Vec::new();
    for cut in [0, 3, 5, frame.len() / 2, frame.len() - 1] {
        outbox.clear();
        outbox.extend_from_slice(&frame[..cut.min(frame.len() - 1)]);
        assert!(take_response(&mut outbox, frame.len()).is_none());
    }
    outbox.clear();
    outbox.extend_from_slice(frame);
    outbox.push(0);
    let too_much = take_response(&mut outbox, frame.len());
    assert!(matches!(too_much, Some(Err(_))));
    outbox.pop();
    assert_eq!(
        take_response(&mut outbox, frame.len()),
        Some(Ok(frame.to_vec()))
    );
    outbox = frame.to_vec();
    let limit = frame.len() - 5;
    if let Some(too_small) = limit.checked_sub(1) {
        assert!(matches!(
            take_response(&mut outbox, too_small),
            Some(Err(_))
        ));
    }
}
