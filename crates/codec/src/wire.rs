//! Type codes of the marshal format (`Python/marshal.c`, CPython 3.14).
//!
//! An object is one of these bytes, then its content, little-endian. With [`FLAG_REF`] set the object also enters the
//! table of references, in the order in which objects *begin* (a container comes before its children), and [`REF`] with
//! the index stands for it from then on.

/// Flag of a type code: the object enters the table of references.
pub(super) const FLAG_REF: u8 = 0x80;

/// Ends a dict; not an object.
pub(super) const NULL: u8 = b'0';
pub(super) const NONE: u8 = b'N';
pub(super) const FALSE: u8 = b'F';
pub(super) const TRUE: u8 = b'T';
/// The class `StopIteration` itself.
pub(super) const STOP_ITERATION: u8 = b'S';
pub(super) const ELLIPSIS: u8 = b'.';
/// `i32`.
pub(super) const INT: u8 = b'i';
/// `i32` count of 15-bit digits, negative for a negative integer, then the digits as `u16`.
pub(super) const LONG: u8 = b'l';
/// `f64`.
pub(super) const FLOAT: u8 = b'g';
/// Two `f64`.
pub(super) const COMPLEX: u8 = b'y';
/// `u32` length, then any bytes.
pub(super) const BYTES: u8 = b's';
/// `u32` length, then UTF-8 that may contain lone surrogates ("surrogatepass").
pub(super) const UNICODE: u8 = b'u';
pub(super) const UNICODE_INTERNED: u8 = b't';
/// `u32` length, then ASCII.
pub(super) const ASCII: u8 = b'a';
pub(super) const ASCII_INTERNED: u8 = b'A';
/// `u8` length, then ASCII.
pub(super) const SHORT_ASCII: u8 = b'z';
pub(super) const SHORT_ASCII_INTERNED: u8 = b'Z';
/// `u8` count, then objects.
pub(super) const SMALL_TUPLE: u8 = b')';
/// `u32` count, then objects; lists and sets have the same form.
pub(super) const TUPLE: u8 = b'(';
pub(super) const LIST: u8 = b'[';
pub(super) const SET: u8 = b'<';
pub(super) const FROZENSET: u8 = b'>';
/// Keys and values alternately, then [`NULL`].
pub(super) const DICT: u8 = b'{';
/// Three objects; only in version 5 of the format.
pub(super) const SLICE: u8 = b':';
/// Five `i32`, eight objects, one `i32`, two objects (CPython 3.11 to 3.14).
pub(super) const CODE: u8 = b'c';
/// `u32` index into the table of references.
pub(super) const REF: u8 = b'r';

// Codes that are not marshal's: see docs/protocol.md.
/// In a stream: a text follows, which the guest parses as JSON.
pub(super) const DEFERRED: u8 = b'J';
/// In a stream: a dict follows, with some members of the document.
pub(super) const PART: u8 = b'p';
/// As a result: a number of members follow, each with its key, which are set in the document.
pub(super) const PATCH: u8 = b'P';
/// As a result: a number of outputs follow, each with its attributes.
pub(super) const OUTPUTS: u8 = b'E';
/// As an output's value: a tuple follows, of a form and bytes.
pub(super) const FORMED: u8 = b'X';
/// As a result: the document has to be sent whole.
pub(super) const WHOLE: u8 = b'W';

/// Number of bits in a digit of [`LONG`].
pub(super) const DIGIT_BITS: u32 = 15;

/// Deepest nesting that CPython's own loader accepts on any platform (1500 under WASI, 2000 elsewhere). A frame nested
/// deeper was not written by CPython.
pub(super) const MAX_FRAME_DEPTH: usize = 2000;

/// Limit on the length of a string, bytes or container: the loader reads it as a signed `i32`.
pub(super) const MAX_LEN: usize = i32::MAX as usize;

/// Returns Python's name for the type of an object with this code.
pub(super) fn type_name(code: u8) -> &'static str {
    match code {
        NONE => "NoneType",
        TRUE | FALSE => "bool",
        STOP_ITERATION => "type",
        ELLIPSIS => "ellipsis",
        INT | LONG => "int",
        FLOAT => "float",
        COMPLEX => "complex",
        BYTES => "bytes",
        UNICODE | UNICODE_INTERNED | ASCII | ASCII_INTERNED | SHORT_ASCII
        | SHORT_ASCII_INTERNED => "str",
        TUPLE | SMALL_TUPLE => "tuple",
        LIST => "list",
        SET => "set",
        FROZENSET => "frozenset",
        DICT => "dict",
        SLICE => "slice",
        CODE => "code",
        _ => "object",
    }
}
