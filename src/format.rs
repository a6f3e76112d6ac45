//! Formats of messages other than JSON, which schemas describe.
//!
//! A format is read straight into the bytes that a guest loads ([`Encoder`](crate::codec::Encoder)), without a tree in
//! between, and written from a result's [`Value`](crate::codec::Value). Everything here is a pure function of schemas and
//! bytes: who fetches a schema, and how a message names it, is not known here.

#![cfg_attr(
    not(any(test, feature = "fuzzing")),
    expect(
        dead_code,
        unused_imports,
        reason = "nothing uses it until it is wired to the config"
    )
)]

pub(crate) mod avro;

/// Deepest nesting of a value: the depth that guests accept, which is that of `src/guest/protocol.rs`.
pub(crate) const MAX_DEPTH: usize = 900;
