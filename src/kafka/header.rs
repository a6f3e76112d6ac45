//! Headers of a message that was read.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use rdkafka::bindings::{
    rd_kafka_header_get_all, rd_kafka_message_headers,
    rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
};
use rdkafka::message::BorrowedMessage;

/// Calls `with` for each header, in order. In a name that is not UTF-8, replacement characters stand for the invalid
/// bytes.
///
/// `rdkafka`'s own `Headers` is not used: it panics on such a name, so every client that may write to a topic could
/// stop all its readers.
pub(crate) fn for_each(message: &BorrowedMessage<'_>, mut with: impl FnMut(&str, Option<&[u8]>)) {
    let mut headers = ptr::null_mut();
    // SAFETY: the message lives, as it is borrowed; the headers live as long as the message.
    let found = unsafe { rd_kafka_message_headers(message.ptr(), &mut headers) };
    if found != RD_KAFKA_RESP_ERR_NO_ERROR {
        return; // no headers
    }
    for index in 0.. {
        let mut name: *const c_char = ptr::null();
        let mut value: *const c_void = ptr::null();
        let mut size = 0;
        // SAFETY: `headers` was set by the call above, and the places to write to are local variables.
        let there =
            unsafe { rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut size) };
        if there != RD_KAFKA_RESP_ERR_NO_ERROR {
            return; // that was the last one
        }
        // SAFETY: the name ends in a zero and lives as long as the message.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        // SAFETY: there are `size` bytes, which live as long as the message. A value may be absent.
        let value = (!value.is_null())
            .then(|| unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) });
        with(&name, value);
    }
}
