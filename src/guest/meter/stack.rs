//! The stack of C code in a command, made larger.
//!
//! What was linked into `cpython-3.12` has half a MiB of it, and a call of Python from C takes some 8 KiB: sixty levels of a
//! function under `functools.lru_cache` are too many, where CPython's own limit is some hundreds. So the stack is
//! moved to fresh memory behind everything else, and CPython's limit is reached first.
//!
//! Where it was, at the beginning of the memory, too deep a recursion ran into addresses below nothing and was
//! trapped. Behind the heap it would run into the heap. Therefore whoever moves the stack pointer looks whether it is
//! still in the stack, and traps as before if it is not.

use wasm_encoder::{BlockType, ConstExpr, Function, Instruction, MemArg};
use wasmparser::GlobalType;

use super::count::RED_ZONE;
use super::facts::{constant, is_variable};

const PAGE: u64 = 1 << 16;
/// Pages of the stack. Untouched ones cost nothing, but count against `guests.memory`.
const PAGES: u64 = 64;
/// C's stack is aligned to so many bytes.
const ALIGNMENT: i32 = 16;

/// A C stack that is the module's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stack {
    /// The global that is C's stack pointer.
    pub pointer: u32,
    /// Where the new stack ends: it grows down to here.
    low: i32,
    /// Where it begins.
    high: i32,
}

impl Stack {
    /// The stack of a module with these globals, whose memory has `pages` at first. A linker of LLVM's puts the
    /// stack pointer first among the globals.
    pub fn find(
        globals_imported: u32,
        globals: &[(GlobalType, wasmparser::ConstExpr<'_>)],
        pages: Option<u64>,
    ) -> Option<Self> {
        let pages = pages?;
        let (kind, value) = globals.first()?;
        let top = constant(value)?;
        let is_stack = globals_imported == 0
            && is_variable(kind)
            && top > 0
            && top % ALIGNMENT == 0
            && u64::try_from(top).is_ok_and(|top| top <= pages.saturating_mul(PAGE));
        if !is_stack {
            return None;
        }
        let address = |pages: u64| i32::try_from(pages.checked_mul(PAGE)?).ok();
        Some(Self {
            pointer: globals_imported,
            low: address(pages)?,
            high: address(pages.checked_add(PAGES)?)?,
        })
    }

    /// The stack pointer's first value.
    pub fn top(&self) -> ConstExpr {
        ConstExpr::i32_const(self.high)
    }

    /// How many pages the memory has at first that had `pages`.
    pub fn memory(&self, pages: u64) -> u64 {
        pages + PAGES
    }

    /// Traps if the stack pointer, just set, is not in the stack: as code does that reads beyond the memory.
    pub fn check(&self, function: &mut Function) {
        let lowest = self.low + RED_ZONE;
        for instruction in [
            Instruction::GlobalGet(self.pointer),
            Instruction::I32Const(lowest),
            Instruction::I32Sub,
            Instruction::I32Const(self.high - lowest),
            Instruction::I32GtU,
            Instruction::If(BlockType::Empty),
            Instruction::I32Const(-1),
            Instruction::I32Load(MemArg {
                offset: 0,
                align: 0,
                memory_index: 0,
            }),
            Instruction::Drop,
            Instruction::End,
        ] {
            function.instruction(&instruction);
        }
    }
}
