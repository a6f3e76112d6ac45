//! Parts that Kafka inputs and outputs share: the client's configuration, the check at the start, the state of
//! connections, and fencing.

pub(crate) mod client;
pub(crate) mod connect;
pub(crate) mod consumer;
pub(crate) mod fence;
pub(crate) mod header;
pub(crate) mod link;
pub(crate) mod member;
pub(crate) mod offsets;
mod password;
mod reach;
pub(crate) mod session;
pub(crate) mod statistics;
mod stranded;
