//! Frames between host and guest after READY; see docs/protocol.md.
//!
//! A [`request`] is the marshal tuple `(id, payloads, deferred, metas)`, a [`response`] `(account, answered, dropped,
//! results, extras)` after a status byte and a length. The account has the request's id, so that a reply to another
//! request is noticed.

pub(crate) mod costs;
pub(crate) mod request;
pub(crate) mod response;

pub(crate) use crate::format::MAX_DEPTH;
