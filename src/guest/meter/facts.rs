//! What the meter has to know of a module before it writes it anew.

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

/// Functions of the C library whose loops must not ask the host, with all that they call. While the host puts a list
/// into a guest's memory it calls the allocator, and whoever asks the host anything then is trapped ("cannot leave
/// component instance"). `time` is what the counter calls. None of their loops is long: they walk trees and lists of
/// free memory. What they copy and fill is counted.
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

/// Functions of the C library that take three numbers, the last of them a length, and give one. CPython calls them for a
/// few bytes very often, so they count only if they are given many.
static OF_LENGTH: [&str; 5] = ["memchr", "memcmp", "memrchr", "wmemchr", "wmemcmp"];

/// A number that only the hash functions of tuples and slices multiply by (`_PyHASH_XXPRIME_1`).
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

/// A module that gets a counter.
pub struct Facts {
    /// Its counter.
    pub counter: Counter,
    /// If it is the C library: what is different there.
    pub library: Option<Library>,
    /// The function whose body comes next.
    next: u32,
}

/// The C library: a module whose loops are as short as `memcmp`'s, and among whose functions is the allocator.
pub struct Library {
    parameters: Vec<u32>,
    functions_imported: u32,
    spared: HashSet<u32>,
    of_length: HashSet<u32>,
}

/// How a function's loops are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    /// Each pass, as it comes.
    Each,
    /// In a further local, after so many parameters.
    NowAndThen(u32),
    /// As above, if the last of its three parameters, a length, is long enough for it to matter.
    IfLong,
    /// Not at all.
    Spared,
}

impl Facts {
    /// What is known of the module `data`, or `None` if it has no function to call.
    pub fn of(parser: Parser, data: &[u8]) -> Result<Option<Self>, wasmparser::Error> {
        let read = Read::of(parser, data)?;
        // The counter goes behind the module's own globals.
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

    /// How the loops of the function are counted whose body is the next one in the module.
    pub fn next_loops(&mut self) -> Loops {
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

/// Whether a function calls itself more than once, over others, without a loop: the hash function of slices does,
/// with each of its three parts, so a slice of slices of slices takes three times as long with each level. It is the
/// only one known.
pub fn branches_without_loop(body: &FunctionBody<'_>) -> Result<bool, wasmparser::Error> {
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

/// A module's sections, as far as they matter here.
#[derive(Default)]
struct Read<'a> {
    /// The number of parameters of each type.
    types: Vec<u32>,
    /// Whether each type gives one number of 32 bits.
    gives_one: Vec<bool>,
    /// The functions imported: module and name.
    imports: Vec<(&'a str, &'a str)>,
    /// The types of the functions defined.
    functions: Vec<u32>,
    /// The functions exported: name and index.
    exports: Vec<(&'a str, u32)>,
    bodies: Vec<FunctionBody<'a>>,
    globals_imported: u32,
    globals_defined: u32,
    /// The global that is C's stack pointer, imported.
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

    /// The function to call, and which of `TARGETS` it is.
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

    /// The functions of `OF_LENGTH` that are as it says.
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

    /// The functions of `SPARED`, and all that they call by name.
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
            // A shared library calls its own functions by an import too, so that others may replace them.
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

/// A number of things that a module has an index of 32 bits for.
fn count<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).expect("wasmparser counts them in 32 bits")
}
