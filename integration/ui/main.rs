//! Tests of what people look at during a run: the web server with its page, `nerodia top`, and failures in a terminal.

mod failures;
mod processors;
mod registry;
mod terminal;
mod top;
mod web;
