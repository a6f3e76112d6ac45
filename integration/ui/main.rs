//! Tests of what people look at during a run: the web server with its page, and `nerodia top`.

mod processors;
mod registry;
mod top;
mod web;
