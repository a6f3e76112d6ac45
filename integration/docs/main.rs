//! What the documentation and the example configs say is so.

mod examples;
mod readme;
