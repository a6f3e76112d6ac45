//! Parts that Kafka inputs and outputs share: the client's configuration, the check at the start, the state of
//! connections, and fencing.

pub mod client;
pub mod connect;
pub mod consumer;
pub mod fence;
pub mod header;
pub mod link;
pub mod member;
mod password;
mod reach;
pub mod session;
pub mod statistics;
mod stranded;
