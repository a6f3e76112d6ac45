//! Facts that the meter needs about a module before it rewrites it.

use std::collections::HashSet;

use wasmparser::{ExternalKind, FunctionBody, Operator, Parser, Payload};
use wasmparser::{TypeRef, ValType};

use super::count::Counter;

/// Functions that the counter may call when it is used up.
static TARGETS: [Target; 3] = [
    // libpython in a component: `time(NULL)` of its C library, which asks the host for the time.
    Target::Import("env", "time"),
    // That C library itself.
    Target::Export("time"),
    // A command.
    Target::Import("wasi_snapshot_preview1", "sched_yield"),
];

/// Functions of the C library whose loops must not ask the host, and neither must the functions that they call. When
/// the host puts a list into a guest's memory, it calls the allocator, and a call to the host during that traps
/// ("cannot leave component instance"). `time` is what the counter calls. None of their loops is long: they walk trees
/// and lists of free memory. The bytes that they copy and fill are counted.
static SPARED: [&str; 8] = [
    "aligned_alloc",
    "cabi_realloc",
    "calloc",
    "free",
    "malloc",
    "posix_memalign",
    "realloc",
    "time",
];

/// Functions of the C library that take three numbers, the last of them a length, and return one. CPython calls them
/// for a few bytes very often, so they count only for large lengths.
static OF_LENGTH: [&str; 5] = ["memchr", "memcmp", "memrchr", "wmemchr", "wmemcmp"];

/// Factor that only the hash functions of tuples and slices use (`_PyHASH_XXPRIME_1`).
const PRIME_OF_HASHES: i32 = 2_654_435_761_u32.cast_signed();

#[derive(Debug)]
enum Target {
    Import(&'static str, &'static str),
    Export(&'static str),
}

impl Target {
    fn is_import(&self, module: &str, name: &str) -> bool {
        matches!(self, Target::Import(of, named) if (*of, *named) == (module, name))
    }

    fn is_export(&self, name: &str) -> bool {
        matches!(self, Target::Export(named) if *named == name)
    }

    fn takes_null(&self) -> bool {
        !self.is_import("wasi_snapshot_preview1", "sched_yield")
    }
}

/// Facts about a module that gets a counter.
pub(super) struct ModuleFacts {
    /// Counter of the module.
    pub counter: Counter,
    /// Facts about the C library, if the module is one.
    pub library: Option<Library>,
    /// Index of the function whose body comes next.
    next: u32,
}

/// C library: a module whose loops are as short as `memcmp`'s, and which contains the allocator.
pub(super) struct Library {
    parameters: Vec<u32>,
    functions_imported: u32,
    spared: HashSet<u32>,
    of_length: HashSet<u32>,
}

/// Way in which a function's loops are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loops {
    /// Each pass is counted by itself.
    Each,
    /// Passes are counted in an additional local of a function with this number of parameters.
    NowAndThen(u32),
    /// Passes are counted in an additional local, if the last of three parameters, a length, is large enough.
    IfLong,
    /// Loops are not counted.
    Spared,
}

impl ModuleFacts {
    /// Returns the facts about the module `data`, or `None` if it has no function that the counter may call.
    pub(super) fn of(parser: Parser, data: &[u8]) -> Result<Option<Self>, wasmparser::Error> {
        let read = Read::of(parser, data)?;
        // The counter follows the module's own globals.
        let Some((function, target)) = read.target().filter(|_| read.globals_defined > 0) else {
            return Ok(None);
        };
        let counter = Counter {
            global: read.globals_imported + read.globals_defined,
            function,
            takes_null: target.takes_null(),
            stack_pointer: read.stack_pointer,
        };
        let library = match target {
            Target::Export(_) => Some(read.library()?),
            Target::Import(..) => None,
        };
        Ok(Some(Self {
            counter,
            library,
            next: count(&read.imports),
        }))
    }

    /// Returns how to count the loops of the function whose body is the next one in the module.
    pub(super) fn next_loops(&mut self) -> Loops {
        let function = self.next;
        self.next += 1;
        match &self.library {
            None => Loops::Each,
            Some(library) if library.spared.contains(&function) => Loops::Spared,
            Some(library) => {
                let defined = function - library.functions_imported;
                let parameters = library.parameters.get(defined as usize).copied();
                if library.of_length.contains(&function) {
                    Loops::IfLong
                } else {
                    Loops::NowAndThen(parameters.unwrap_or_default())
                }
            }
        }
    }
}

/// Returns whether a function calls itself more than once, through other functions, without a loop. The hash function
/// of slices does, for each of its three parts, so a slice of slices takes three times as long with each level. It is
/// the only such function known.
pub(super) fn branches_without_loop(body: &FunctionBody<'_>) -> Result<bool, wasmparser::Error> {
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

/// Relevant content of a module's sections.
#[derive(Default)]
struct Read<'a> {
    /// Number of parameters of each type.
    types: Vec<u32>,
    /// Whether each type returns one number of 32 bits.
    gives_one: Vec<bool>,
    /// Imported functions: module and name.
    imports: Vec<(&'a str, &'a str)>,
    /// Types of the defined functions.
    functions: Vec<u32>,
    /// Exported functions: name and index.
    exports: Vec<(&'a str, u32)>,
    bodies: Vec<FunctionBody<'a>>,
    globals_imported: u32,
    globals_defined: u32,
    /// Imported global that is C's stack pointer.
    stack_pointer: Option<u32>,
}

impl<'a> Read<'a> {
    fn of(parser: Parser, data: &'a [u8]) -> Result<Self, wasmparser::Error> {
        let mut read = Self::default();
        for payload in parser.parse_all(data) {
            match payload? {
                Payload::TypeSection(types) => {
                    for kind in types.into_iter_err_on_gc_types() {
                        let kind = kind?;
                        read.types.push(count(kind.params()));
                        read.gives_one.push(kind.results() == [ValType::I32]);
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(_) => read.imports.push((import.module, import.name)),
                            TypeRef::Global(_) => {
                                if import.name == "__stack_pointer" {
                                    read.stack_pointer = Some(read.globals_imported);
                                }
                                read.globals_imported += 1;
                            }
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(functions) => {
                    for kind in functions {
                        read.functions.push(kind?);
                    }
                }
                Payload::GlobalSection(globals) => {
                    read.globals_defined = globals.count();
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            read.exports.push((export.name, export.index));
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => read.bodies.push(body),
                _ => {}
            }
        }
        Ok(read)
    }

    /// Returns the function to call, and its entry in `TARGETS`.
    fn target(&self) -> Option<(u32, &'static Target)> {
        let imported = (0..).zip(&self.imports).map(|(index, (module, name))| {
            (index, TARGETS.iter().find(|t| t.is_import(module, name)))
        });
        let exported = self
            .exports
            .iter()
            .map(|(name, index)| (*index, TARGETS.iter().find(|t| t.is_export(name))));
        imported
            .chain(exported)
            .find_map(|(index, target)| Some((index, target?)))
    }

    fn library(&self) -> Result<Library, wasmparser::Error> {
        let parameters = |kind: &u32| self.types.get(*kind as usize).copied().unwrap_or_default();
        Ok(Library {
            parameters: self.functions.iter().map(parameters).collect(),
            functions_imported: count(&self.imports),
            spared: self.spared()?,
            of_length: self.of_length(),
        })
    }

    /// Returns the functions of `OF_LENGTH` that have the expected type.
    fn of_length(&self) -> HashSet<u32> {
        let is_so = |index: u32| {
            let defined = (index as usize).checked_sub(self.imports.len())?;
            let kind = *self.functions.get(defined)? as usize;
            (self.types.get(kind)? == &3 && self.gives_one.get(kind)? == &true).then_some(index)
        };
        let named = self.exports.iter();
        let named = named.filter(|(name, _)| OF_LENGTH.contains(name));
        named.filter_map(|(_, index)| is_so(*index)).collect()
    }

    /// Returns the functions of `SPARED`, and all functions that they call by name.
    fn spared(&self) -> Result<HashSet<u32>, wasmparser::Error> {
        let exported = |wanted: &str| {
            let mut exports = self.exports.iter();
            exports
                .find(|(name, _)| *name == wanted)
                .map(|(_, index)| *index)
        };
        let mut spared = HashSet::new();
        let mut found: Vec<u32> = SPARED.iter().filter_map(|name| exported(name)).collect();
        while let Some(function) = found.pop() {
            if !spared.insert(function) {
                continue;
            }
            // A shared library calls its own functions through an import too, so that others may replace them.
            if let Some((_, name)) = self.imports.get(function as usize) {
                found.extend(exported(name));
                continue;
            }
            let Some(body) = self.bodies.get(function as usize - self.imports.len()) else {
                continue;
            };
            for operator in body.get_operators_reader()? {
                if let Operator::Call { function_index } = operator? {
                    found.push(function_index);
                }
            }
        }
        Ok(spared)
    }
}

/// Returns the number of things of which a module has a 32-bit index.
fn count<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).expect("wasmparser counts them in 32 bits")
}
