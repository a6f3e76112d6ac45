//! Instructions of the counter: those that count, and those that ask the host when the counter is used up.

use wasm_encoder::{BlockType, Function, Instruction};

/// Ticks between two checks of the clock: some microseconds of the interpreter's time.
pub(super) const TICKS: i32 = 4096;
/// Bytes below the stack pointer in which C code that calls nothing keeps its locals, without moving the pointer
/// (`RedZoneSize` in LLVM's WebAssemblyFrameLowering.cpp). A call that is inserted there must leave those bytes alone.
pub(super) const RED_ZONE: i32 = 128;
/// Bytes that count as one pass of a loop when they are copied or filled at once.
pub(super) const BYTES_A_TICK: u32 = 1 << 10;
/// Passes that are counted at once in a call of a function of the C library; a power of two. The remaining passes of a
/// call are not counted: the caller's loops have as many passes between two checks of the clock as there are ticks, so
/// that is a millisecond or two of the library's time.
pub(super) const PASSES_AT_ONCE: i32 = 256;

/// Counter of a module, and the function that it calls when it is used up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counter {
    /// Global with the ticks that are left. The global after it is for scratch.
    pub global: u32,
    /// Function to call.
    pub function: u32,
    /// Whether the function is a C function that takes a null pointer; if not, it takes nothing.
    pub takes_null: bool,
    /// Global that is C's stack pointer, if the surrounding C code may keep something below it.
    pub stack_pointer: Option<u32>,
}

impl Counter {
    /// Adds instructions that subtract `ticks` from the counter, and that refill it and ask the host when it is used
    /// up.
    pub(super) fn take(&self, function: &mut Function, ticks: i32) {
        for instruction in [
            Instruction::GlobalGet(self.global),
            Instruction::I32Const(ticks),
            Instruction::I32Sub,
            Instruction::GlobalSet(self.global),
            Instruction::GlobalGet(self.global),
            Instruction::I32Const(0),
            Instruction::I32LeS,
            Instruction::If(BlockType::Empty),
            Instruction::I32Const(TICKS),
            Instruction::GlobalSet(self.global),
        ] {
            function.instruction(&instruction);
        }
        self.ask(function);
        function.instruction(&Instruction::End);
    }

    /// Adds instructions that count a pass in `local`, and subtract the ticks of `PASSES_AT_ONCE` passes together. For
    /// loops of a few instructions, such as `memcmp`'s: a local is in a register, and the counter is not.
    pub(super) fn take_now_and_then(&self, function: &mut Function, local: u32) {
        for instruction in [
            Instruction::LocalGet(local),
            Instruction::I32Const(1),
            Instruction::I32Add,
            Instruction::LocalTee(local),
            Instruction::I32Const(PASSES_AT_ONCE - 1),
            Instruction::I32And,
            Instruction::I32Eqz,
            Instruction::If(BlockType::Empty),
        ] {
            function.instruction(&instruction);
        }
        self.take(function, PASSES_AT_ONCE);
        function.instruction(&Instruction::End);
    }

    /// Adds instructions that subtract the length on the stack from the counter, and leave it on the stack. They do not
    /// ask the host: the next [`take`](Self::take) does.
    pub(super) fn charge_length(&self, function: &mut Function) {
        let scratch = self.global + 1; // a global, so that the function's own locals stay as they are
        for instruction in [
            Instruction::GlobalSet(scratch),
            Instruction::GlobalGet(self.global),
            Instruction::GlobalGet(scratch),
            Instruction::I32Const(BYTES_A_TICK.ilog2() as i32),
            Instruction::I32ShrU,
            Instruction::I32Sub,
            Instruction::GlobalSet(self.global),
            Instruction::GlobalGet(scratch),
        ] {
            function.instruction(&instruction);
        }
    }

    /// Adds instructions that call the function, from any place in C code, and discard its result.
    fn ask(&self, function: &mut Function) {
        let move_stack = |function: &mut Function, by: i32| {
            if let Some(stack_pointer) = self.stack_pointer {
                function.instruction(&Instruction::GlobalGet(stack_pointer));
                function.instruction(&Instruction::I32Const(by));
                function.instruction(&Instruction::I32Add);
                function.instruction(&Instruction::GlobalSet(stack_pointer));
            }
        };
        move_stack(function, -RED_ZONE);
        if self.takes_null {
            function.instruction(&Instruction::I32Const(0));
        }
        function.instruction(&Instruction::Call(self.function));
        function.instruction(&Instruction::Drop);
        move_stack(function, RED_ZONE);
    }
}
