//! Page of a component: a module that defines it, before all other modules, and at the end a call that tells the host
//! where it is.
//!
//! A host cannot look into a component's modules. So the component gets an import, [`REGISTER`], a function that takes
//! a list of bytes. A small module calls it when the component is instantiated, with the whole page as the list.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, CodeSection, Component,
    ComponentAliasSection, ComponentImportSection, ComponentTypeRef, ComponentTypeSection,
    ComponentValType, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, InstanceSection, Instruction, MemorySection, Module, ModuleArg, ModuleSection,
    PrimitiveValType, StartSection, TypeSection, ValType,
};
use wasmparser::{Parser, ValidPayload, Validator};

use super::{MEMORY, PAGE, PAGE_BYTES, RewriteError};

/// Name of the component's import that takes the page.
pub(crate) const REGISTER: &str = "nerodia-poll";
/// Index of the instance that exports the page to the other modules.
pub(super) const INSTANCE: u32 = 0;

/// Numbers of what the outermost component defines: the indices of what is added at its end.
pub(super) struct Counts {
    modules: u32,
    instances: u32,
    memories: u32,
    core_functions: u32,
    functions: u32,
    types: u32,
}

impl Counts {
    pub(super) fn of(wasm: &[u8]) -> Result<Self, RewriteError> {
        let mut validator = Validator::new();
        let mut outermost = None;
        for payload in Parser::new(0).parse_all(wasm) {
            // The bodies of functions are not validated here. Wasmtime does that.
            if let ValidPayload::End(types) = validator.payload(&payload?)? {
                outermost = Some(types);
            }
        }
        let outermost = outermost.ok_or(RewriteError::NotInterruptible)?;
        let types = outermost.as_ref();
        Ok(Self {
            modules: types.module_count(),
            instances: types.core_instance_count(),
            memories: types.memory_count(),
            core_functions: types.function_count(),
            functions: types.component_function_count(),
            types: types.component_type_count(),
        })
    }
}

/// Adds the module that defines the page, and its instance.
pub(super) fn define(component: &mut Component) {
    let mut memories = MemorySection::new();
    memories.memory(MEMORY);
    let mut exports = ExportSection::new();
    exports.export(PAGE, ExportKind::Memory, 0);
    let mut module = Module::new();
    module.section(&memories).section(&exports);
    let mut instances = InstanceSection::new();
    instances.instantiate::<_, &str>(0, []);
    component
        .section(&ModuleSection(&module))
        .section(&instances);
}

/// Adds the call that tells the host where the page is.
pub(super) fn register(component: &mut Component, counts: &Counts) {
    let (list, function) = (counts.types, counts.types + 1);
    let mut types = ComponentTypeSection::new();
    types.defined_type().list(PrimitiveValType::U8);
    types
        .function()
        .params([("page", ComponentValType::Type(list))])
        .result(None);
    let mut imports = ComponentImportSection::new();
    imports.import(REGISTER, ComponentTypeRef::Func(function));
    let mut aliases = ComponentAliasSection::new();
    aliases.alias(Alias::CoreInstanceExport {
        instance: INSTANCE,
        kind: ExportKind::Memory,
        name: PAGE,
    });
    let mut lowered = CanonicalFunctionSection::new();
    lowered.lower(counts.functions, [CanonicalOption::Memory(counts.memories)]);
    // One module and one instance are at the beginning, see `define`.
    let (caller, host) = (counts.modules + 1, counts.instances + 1);
    let mut instances = InstanceSection::new();
    instances.export_items([(REGISTER, ExportKind::Func, counts.core_functions)]);
    instances.instantiate(caller, [(REGISTER, ModuleArg::Instance(host))]);
    component
        .section(&types)
        .section(&imports)
        .section(&aliases)
        .section(&lowered)
        .section(&ModuleSection(&caller_module()))
        .section(&instances);
}

/// Returns the module that calls [`REGISTER`] when it is instantiated.
fn caller_module() -> Module {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32, ValType::I32], []);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import(REGISTER, REGISTER, EntityType::Function(0));
    let mut functions = FunctionSection::new();
    functions.function(1);
    let mut call = Function::new([]);
    call.instruction(&Instruction::I32Const(0))
        .instruction(&Instruction::I32Const(PAGE_BYTES as i32))
        .instruction(&Instruction::Call(0))
        .instruction(&Instruction::End);
    let mut code = CodeSection::new();
    code.function(&call);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&StartSection { function_index: 1 })
        .section(&code);
    module
}
