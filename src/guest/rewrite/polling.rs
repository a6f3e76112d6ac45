//! Facts about a module that decide how it polls.

use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload, TypeRef};

/// Factor that only the hash functions of tuples and slices use (`_PyHASH_XXPRIME_1`).
const PRIME_OF_HASHES: i32 = 2_654_435_761_u32.cast_signed();

/// Way in which a module gets the page that it polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Polling {
    /// A command defines and exports it.
    Defines,
    /// A module of a component imports it.
    Imports,
}

impl Polling {
    /// Returns how the module `data` of a component polls, or `None` if it does not: C code imports one memory. The module
    /// that defines the memory of all others has no code that loops.
    pub(super) fn of_library(
        parser: Parser,
        data: &[u8],
    ) -> Result<Option<Self>, BinaryReaderError> {
        let found = Memories::of(parser, data)?;
        Ok(((found.imported, found.defined) == (1, 0)).then_some(Self::Imports))
    }

    /// Returns how the command `data` polls, or `None` if it cannot: C code defines one memory, and exports something.
    pub(super) fn of_command(
        parser: Parser,
        data: &[u8],
    ) -> Result<Option<Self>, BinaryReaderError> {
        let found = Memories::of(parser, data)?;
        let is_one = (found.imported, found.defined) == (0, 1) && found.exports > 0;
        Ok(is_one.then_some(Self::Defines))
    }
}

/// Numbers of a module's memories, and of its exports.
#[derive(Default)]
struct Memories {
    imported: u32,
    defined: u32,
    exports: u32,
}

impl Memories {
    fn of(parser: Parser, data: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut found = Self::default();
        for payload in parser.parse_all(data) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        found.imported += u32::from(matches!(import?.ty, TypeRef::Memory(_)));
                    }
                }
                Payload::MemorySection(memories) => found.defined = memories.count(),
                Payload::ExportSection(section) => found.exports = section.count(),
                // What follows says nothing more about memories.
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        Ok(found)
    }
}

/// Returns whether a function calls itself more than once, through other functions, without a loop. The hash function
/// of slices does, for each of its three parts, so a slice of slices takes three times as long with each level. It is
/// the only such function known.
pub(super) fn branches_without_loop(body: &FunctionBody<'_>) -> Result<bool, BinaryReaderError> {
    let mut hashes = false;
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Loop { .. } => return Ok(false),
            Operator::I32Const {
                value: PRIME_OF_HASHES,
            } => hashes = true,
            _ => {}
        }
    }
    Ok(hashes)
}
