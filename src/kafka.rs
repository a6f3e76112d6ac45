//! What Kafka inputs and outputs share: the client's configuration, the check at the start, and what a client
//! says of its connections.

pub mod client;
pub mod connect;
pub mod header;
pub mod link;
