//! The counter itself: the instructions that count, and those that ask the host once enough was counted.

use wasm_encoder::{BlockType, Function, Instruction};

/// Ticks between two looks at the clock: some microseconds of the interpreter's time.
pub const TICKS: i32 = 4096;
/// C code that calls nothing keeps its locals below the stack pointer, this far down, and does not move the pointer
/// (`RedZoneSize` in LLVM's WebAssemblyFrameLowering.cpp). A call put in there must leave those bytes alone.
pub const RED_ZONE: i32 = 128;
/// So many bytes that are copied or filled at once count as one pass of a loop.
pub const BYTES_A_TICK: u32 = 1 << 10;
/// So many passes that one call of a function of the C library makes are counted at once; a power of two. What a
/// call makes beyond the last full hundreds is not counted: the caller's loops have as many passes between two
/// looks at the clock as there are ticks, so that is a millisecond or two of the library's time.
pub const PASSES_AT_ONCE: i32 = 256;

/// The counter of a module, and what is called when it is used up.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    /// The global with the ticks that are left. The next one is for scratch.
    pub global: u32,
    /// The function to call.
    pub function: u32,
    /// Whether it is a C function that takes a null pointer; else it takes nothing.
    pub takes_null: bool,
    /// The global that is C's stack pointer, if the C code around may keep something below it.
    pub stack_pointer: Option<u32>,
}

impl Counter {
    /// Takes `ticks` off the counter; where it is used up, fills it and asks the host.
    pub fn take(&self, function: &mut Function, ticks: i32) {
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

    /// Counts a pass in `local`, and takes the ticks of `PASSES_AT_ONCE` of them together. For loops of a few
    /// instructions, such as `memcmp`'s: a local is a register, and the counter is not.
    pub fn take_now_and_then(&self, function: &mut Function, local: u32) {
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

    /// Takes the length that is on the stack off the counter, and leaves it there. Asks nobody: that is for the next
    /// [`take`](Self::take).
    pub fn charge_length(&self, function: &mut Function) {
        let scratch = self.global + 1; // a global: the function's own locals stay as they are
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

    /// Calls the function, from any place in C code, and throws away what it gives.
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
