//! What people look at while it runs: the web server and its page, and `nerodia top`.

mod top;
mod web;
