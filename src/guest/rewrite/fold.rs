//! Folds constants into the addresses of loads and stores.
//!
//! C code reads a field of a struct at a pointer plus a constant. WebAssembly's loads and stores have room for such a
//! constant, the offset. But the compiler of `cpython-3.14` was told that pointers may wrap around
//! (`-fno-strict-overflow`, which means `-fwrapv-pointer` since clang 20), and an offset does not wrap. So it adds the
//! constant first, for each of CPython's fields, and machine code needs two instructions in place of one.
//!
//! The two forms differ only if the sum wraps, so that a pointer close to the end of 4 GiB becomes one close to 0. There
//! is no such object. If there were, the access would be out of bounds and end the guest.

use wasm_encoder::{Instruction, MemArg};
use wasmparser::{ModuleArity, Operator};

/// Constants from this one on are not folded: they might be addresses.
const TOO_LARGE: i32 = 1 << 16;

/// Change of a function's body: for each instruction, whether it is left out, or has to add to its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The instruction stays as it is.
    None,
    /// The instruction is left out.
    LeaveOut,
    /// The load's or store's offset grows by this number.
    Offset(u32),
}

/// Returns the change for each of a function's instructions.
pub(super) fn changes(operators: &[Operator<'_>]) -> Vec<Change> {
    let mut changes = vec![Change::None; operators.len()];
    // The top of the operand stack: for each value that is a sum with a constant, the constant's index. Of what is below,
    // nothing is known.
    let mut stack: Vec<Option<usize>> = Vec::new();
    let mut index = 0;
    while let Some(operator) = operators.get(index) {
        if let Some(sum) = sum_at(operators, index) {
            stack.pop();
            stack.push(sum.then_some(index));
            index += 2;
            continue;
        }
        if let Some(access) = access(operator) {
            if let Access::Store = access {
                stack.pop(); // the value
            }
            if let Some(constant) = stack.pop().flatten()
                && let Operator::I32Const { value } = operators[constant]
            {
                changes[constant] = Change::LeaveOut;
                changes[constant + 1] = Change::LeaveOut;
                changes[index] = Change::Offset(value.cast_unsigned());
            }
            if let Access::Load = access {
                stack.push(None);
            }
        } else if let Some((taken, given)) = operator.operator_arity(&NothingKnown) {
            stack.truncate(stack.len().saturating_sub(taken as usize));
            stack.extend((0..given).map(|_| None));
        } else {
            // The instruction may take or leave any number of values.
            stack.clear();
        }
        index += 1;
    }
    changes
}

/// Returns whether a small constant is added at `index`, or `None` if nothing constant is added there.
fn sum_at(operators: &[Operator<'_>], index: usize) -> Option<bool> {
    match operators.get(index..index + 2)? {
        [Operator::I32Const { value }, Operator::I32Add] => Some((0..TOO_LARGE).contains(value)),
        _ => None,
    }
}

/// Adds `by` to the offset of a load or store.
pub(super) fn add_offset(instruction: &mut Instruction<'_>, by: u32) {
    if let Some(place) = place(instruction) {
        place.offset += u64::from(by);
    }
}

enum Access {
    Load,
    Store,
}

macro_rules! accesses {
    (loads: $($load:ident)*; stores: $($store:ident)*;) => {
        /// Returns whether the instruction is a load or a store of a number in the module's own memory.
        fn access(operator: &Operator<'_>) -> Option<Access> {
            match operator {
                $(Operator::$load { memarg } if memarg.memory == 0 => Some(Access::Load),)*
                $(Operator::$store { memarg } if memarg.memory == 0 => Some(Access::Store),)*
                _ => None,
            }
        }

        /// Returns the place that such an instruction reads or writes.
        fn place<'a>(instruction: &'a mut Instruction<'_>) -> Option<&'a mut MemArg> {
            match instruction {
                $(Instruction::$load(place))|* | $(Instruction::$store(place))|* => Some(place),
                _ => None,
            }
        }
    };
}

accesses! {
    loads: I32Load I64Load F32Load F64Load I32Load8S I32Load8U I32Load16S I32Load16U I64Load8S I64Load8U I64Load16S
        I64Load16U I64Load32S I64Load32U;
    stores: I32Store I64Store F32Store F64Store I32Store8 I32Store16 I64Store8 I64Store16 I64Store32;
}

/// Module of which nothing is known. The number of values that a call, a branch or the end of a block takes is then
/// unknown too.
struct NothingKnown;

impl ModuleArity for NothingKnown {
    fn sub_type_at(&self, _: u32) -> Option<&wasmparser::SubType> {
        None
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, _: u32) -> Option<u32> {
        None
    }

    fn func_type_of_cont_type(&self, _: &wasmparser::ContType) -> Option<&wasmparser::FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &wasmparser::RefType) -> Option<&wasmparser::SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        0
    }

    fn label_block(&self, _: u32) -> Option<(wasmparser::BlockType, wasmparser::FrameKind)> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{MemArg as Place, Operator as Op};

    const PLACE: Place = Place {
        align: 2,
        max_align: 2,
        offset: 4,
        memory: 0,
    };
    const LOAD: Op<'static> = Op::I32Load { memarg: PLACE };
    const STORE: Op<'static> = Op::I32Store { memarg: PLACE };
    const POINTER: Op<'static> = Op::LocalGet { local_index: 0 };

    fn number(value: i32) -> Op<'static> {
        Op::I32Const { value }
    }

    #[test]
    fn a_constant_becomes_the_offset_of_a_load() {
        use Change::{LeaveOut, None, Offset};
        let body = [POINTER, number(8), Op::I32Add, LOAD, Op::Drop, Op::End];
        assert_eq!(
            changes(&body),
            [None, LeaveOut, LeaveOut, Offset(8), None, None]
        );
    }

    #[test]
    fn a_constant_becomes_the_offset_of_a_store_whatever_is_stored() {
        use Change::{LeaveOut, None, Offset};
        let simple = [POINTER, number(8), Op::I32Add, number(1), STORE];
        assert_eq!(
            changes(&simple),
            [None, LeaveOut, LeaveOut, None, Offset(8)]
        );
        // *(p + 8) = *(p + 12) + 1000; the last sum is a value.
        let body = [
            POINTER,
            number(8),
            Op::I32Add,
            POINTER,
            number(12),
            Op::I32Add,
            LOAD,
            number(1000),
            Op::I32Add,
            STORE,
        ];
        let expected = [
            None,
            LeaveOut,
            LeaveOut,
            None,
            LeaveOut,
            LeaveOut,
            Offset(12),
            None,
            None,
            Offset(8),
        ];
        assert_eq!(changes(&body), expected);
    }

    #[test]
    fn what_may_be_no_address_of_a_field_stays() {
        let bodies: [&[Op<'_>]; 7] = [
            // A large constant, and a negative one.
            &[POINTER, number(TOO_LARGE), Op::I32Add, LOAD],
            &[POINTER, number(-8), Op::I32Add, LOAD],
            // A sum that is needed elsewhere too.
            &[
                POINTER,
                number(8),
                Op::I32Add,
                Op::LocalTee { local_index: 1 },
                LOAD,
            ],
            // A sum of variables.
            &[POINTER, POINTER, Op::I32Add, LOAD],
            // A sum that is stored, not stored to.
            &[POINTER, POINTER, number(8), Op::I32Add, STORE],
            // A call may take the sum.
            &[
                POINTER,
                number(8),
                Op::I32Add,
                Op::Call { function_index: 3 },
                LOAD,
            ],
            // A block gives a value, and its sum may be skipped.
            &[
                Op::Block {
                    blockty: wasmparser::BlockType::Type(wasmparser::ValType::I32),
                },
                POINTER,
                number(8),
                Op::I32Add,
                Op::End,
                LOAD,
            ],
        ];
        for body in bodies {
            assert_eq!(changes(body), vec![Change::None; body.len()], "{body:?}");
        }
        let other_memory = Op::I32Load {
            memarg: Place { memory: 1, ..PLACE },
        };
        let body = [POINTER, number(8), Op::I32Add, other_memory];
        assert_eq!(changes(&body), [Change::None; 4]);
    }
}
