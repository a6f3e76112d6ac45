use bytes::Bytes;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Headers as _;

use super::super::report::DeliveryReport;
use super::super::verdict::Fault;
use super::*;

fn letters(max_bytes: usize) -> Letters {
    Letters {
        topic: "dead".into(),
        partition: None,
        max_bytes,
    }
}

fn message(payload: usize, header: usize, key: Option<usize>) -> Message {
    let header = ("h".to_owned(), Some(Bytes::from(vec![b'h'; header])));
    let mut message = Message::new(vec![b'x'; payload].into(), 7);
    message.attributes = Some(Box::new(Attributes {
        key: key.map(|size| vec![b'k'; size].into()),
        headers: vec![header],
        timestamp: Some(1000),
        tombstone: false,
        earlier: None,
    }));
    message
}

/// Returns the letter as it would be read again.
fn read(composed: &Composed<'_>) -> Message {
    let headers = composed.headers.as_ref().expect("a letter has headers");
    let headers = headers.iter().map(|header| {
        let value = header.value.map(Bytes::copy_from_slice);
        (header.key.to_owned(), value)
    });
    let mut message = Message::new(
        Bytes::copy_from_slice(composed.payload.unwrap_or_default()),
        0,
    );
    message.attributes = Some(Box::new(Attributes {
        key: composed.key.as_deref().map(Bytes::copy_from_slice),
        headers: headers.collect(),
        timestamp: composed.timestamp,
        tombstone: composed.payload.is_none(),
        earlier: None,
    }));
    message
}

/// Returns the length of the failure's text.
fn text_of(attributes: &Attributes) -> usize {
    let mut headers = attributes.headers.iter();
    let text = headers.find(|(name, _)| name == "nerodia-error-message");
    text.and_then(|(_, value)| Some(value.as_ref()?.len()))
        .unwrap_or(0)
}

fn failure() -> Failure {
    let mut failure = Failure::new("ValueError", "m".repeat(5000));
    failure.traceback = "t".repeat(5000);
    failure
}

fn with_letter<T>(
    letters: &Letters,
    message: &Message,
    lessons: &Lessons,
    mending: Mending,
    look: impl FnOnce(Result<Composed<'_>, Failure>) -> T,
) -> T {
    actix::System::new().block_on(async {
        let batch = Batch::for_test(1);
        let failure = failure();
        let dead = Dead {
            batch: &batch,
            message,
            failure: &failure,
            script_hash: "0123456789abcdef",
        };
        look(letters.letter(dead, lessons, mending))
    })
}

/// Returns the form of a letter within `most` bytes: size of the payload, length of the text, whether it has headers
/// and key; and the failure when it is run again.
fn cut_to(most: usize, message: &Message) -> (usize, usize, bool, bool, Option<String>) {
    with_letter(
        &letters(most),
        message,
        &Lessons::default(),
        Mending::default(),
        |letter| {
            let letter = letter.expect("it fits");
            assert!(letter.bytes <= most, "{} > {most}", letter.bytes);
            let mut again = read(&letter);
            let attributes = again.attributes.as_deref().expect("set");
            let text = text_of(attributes);
            let (headers, key) = (
                without_errors(&attributes.headers).next().is_some(),
                attributes.key.is_some(),
            );
            let key = key
                && attributes.key
                    == message
                        .attributes
                        .as_deref()
                        .and_then(|one| one.key.clone());
            let payload = again.payload.len();
            again.reopen();
            let rejected = again.rejected.map(|failure| {
                assert_eq!(failure.kind, "Truncated");
                failure.message
            });
            (payload, text, headers, key, rejected)
        },
    )
}

#[test]
fn what_does_not_fit_is_cut_from_the_least_to_the_most_important() {
    let message = message(20_000, 100, Some(10));
    assert_eq!(
        cut_to(1_000_000, &message),
        (20_000, 4096, true, true, None)
    );
    assert_eq!(cut_to(22_000, &message), (20_000, 256, true, true, None));
    let (payload, text, headers, key, rejected) = cut_to(10_000, &message);
    assert!((8_500..10_000).contains(&payload), "{payload}");
    assert_eq!((text, headers, key), (256, true, true));
    let rejected = rejected.expect("it was cut");
    assert!(
        rejected.contains(&format!("only the first {payload} of 20000 bytes"))
            && rejected.contains("message 7"),
        "{rejected}"
    );
}

#[test]
fn headers_and_a_key_that_are_too_large_are_left_out() {
    let (payload, _, headers, key, rejected) = cut_to(10_000, &message(100, 20_000, Some(10)));
    assert_eq!((payload, headers, key), (100, false, true));
    assert!(
        rejected
            .expect("it was cut")
            .contains("not all of the headers")
    );
    let (payload, _, headers, key, rejected) = cut_to(10_000, &message(100, 10, Some(20_000)));
    assert_eq!((payload, headers, key), (100, false, false));
    assert!(rejected.is_some());
    let nothing = with_letter(
        &letters(200),
        &message(100, 10, None),
        &Lessons::default(),
        Mending::default(),
        |letter| letter.map(|_| ()),
    );
    assert_eq!(
        nothing.expect_err("its place does not fit").kind,
        "TooLarge"
    );
}

/// Checks that a letter that is cut again still has the original size of its message.
#[test]
fn the_first_size_is_kept() {
    let first = message(20_000, 10, None);
    let cut = with_letter(
        &letters(10_000),
        &first,
        &Lessons::default(),
        Mending::default(),
        |letter| {
            let mut again = read(&letter.expect("it fits"));
            again.reopen();
            again
        },
    );
    let (_, _, _, _, rejected) = cut_to(5_000, &cut);
    assert!(rejected.expect("cut").contains("of 20000 bytes"));
}

#[test]
fn a_topic_gets_the_key_and_the_timestamp_that_it_takes() {
    let message = message(10, 10, None);
    let mut lessons = Lessons::default();
    let report = |code| {
        let error = KafkaError::MessageProduction(code);
        with_letter(
            &letters(100_000),
            &message,
            &Lessons::default(),
            Mending::default(),
            |letter| DeliveryReport::of_sending(0, 0, &error, &letter.expect("it fits")),
        )
    };
    lessons.learn(
        &report(RDKafkaErrorCode::InvalidRecord),
        &Fault::Keyless,
        Now::ask(),
    );
    lessons.learn(
        &report(RDKafkaErrorCode::InvalidTimestamp),
        &Fault::Timestamp,
        Now::ask(),
    );
    // From the lessons about the topic, and from the memory of this letter when the lessons are forgotten.
    let mending = Mending {
        restamped: true,
        keyed: true,
        ..Mending::default()
    };
    for (lessons, mending) in [
        (&lessons, Mending::default()),
        (&Lessons::default(), mending),
    ] {
        with_letter(&letters(100_000), &message, lessons, mending, |letter| {
            let letter = letter.expect("it fits");
            assert_eq!(
                (letter.key.as_deref(), letter.timestamp),
                (Some(&b"-0-7"[..]), None)
            );
            let mut again = read(&letter);
            again.reopen();
            let attributes = again.attributes.expect("set");
            assert_eq!(
                (attributes.key, attributes.timestamp, again.rejected),
                (None, Some(1000), None)
            );
        });
    }
}

#[test]
fn a_letter_may_be_given_less_room_than_its_topic_has() {
    let message = message(20_000, 10, None);
    let bytes = with_letter(
        &letters(1_000_000),
        &message,
        &Lessons::default(),
        Mending {
            room: Some(5_000),
            ..Mending::default()
        },
        |letter| letter.expect("it fits").bytes,
    );
    assert!((4_900..=5_000).contains(&bytes), "{bytes}");
}
