//! Facts about a module that decide how it polls.

use wasmparser::{FunctionBody, Operator, Parser, Payload, TypeRef};

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
    /// Returns how the module `data` gets the page, or `None` if it does not poll: it has other memories than C code
    /// has. In a component, the module that defines the memory of all others is none of C code.
    pub(super) fn of(
        parser: Parser,
        data: &[u8],
        in_component: bool,
    ) -> Result<Option<Self>, wasmparser::BinaryReaderError> {
        let (mut imported, mut defined, mut exports) = (0, 0, 0);
        for payload in parser.parse_all(data) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        imported += usize::from(matches!(import?.ty, TypeRef::Memory(_)));
                    }
                }
                Payload::MemorySection(memories) => defined = memories.count(),
                Payload::ExportSection(section) => exports = section.count(),
                // What follows says nothing more about memories.
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        Ok(match (imported, defined) {
            (1, 0) if in_component => Some(Self::Imports),
            (0, 1) if !in_component && exports > 0 => Some(Self::Defines),
            _ => None,
        })
    }
}

/// Returns whether a function calls itself more than once, through other functions, without a loop. The hash function
/// of slices does, for each of its three parts, so a slice of slices takes three times as long with each level. It is
/// the only such function known.
pub(super) fn branches_without_loop(
    body: &FunctionBody<'_>,
) -> Result<bool, wasmparser::BinaryReaderError> {
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
