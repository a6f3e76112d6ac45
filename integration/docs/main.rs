//! Tests that the documentation and the example configs are true.

mod examples;
mod readme;
mod troubleshooting;
