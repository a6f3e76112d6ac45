//! Globals of a component whose values are known before it runs.
//!
//! The modules of a component are shared libraries in position-independent code. Each address of a variable or a
//! function is a sum with a global that another module defines: CPython alone reads such globals in 100,000 places. In
//! a component all modules are there, and so are the values. A global that no code writes is a constant.

use std::collections::{HashMap, HashSet};

use wasmparser::{
    BinaryReaderError, ComponentAlias, ElementItems, ExternalKind, Instance, Operator, Parser,
    Payload, TypeRef,
};

/// Constants of one module: the value of each imported global whose value is known, by the global's index.
pub(super) type Constants = HashMap<u32, i32>;

/// Returns the constants of each module of the component `wasm`, in the order of its modules.
pub(super) fn constants(wasm: &[u8]) -> Result<Vec<Constants>, BinaryReaderError> {
    let component = Outermost::of(wasm)?;
    let written = component.written();
    let known = |(module, args): (usize, &Args<'_>)| {
        let value = |(global, _): (u32, _)| {
            let home = component.home_of_import(module, args, global)?;
            let value = component.modules[home.module].values.get(&home.global)?;
            (!written.contains(&home)).then_some((global, *value))
        };
        let imports = (0..).zip(&component.modules[module].imports);
        imports.filter_map(value).collect()
    };
    let mut constants = vec![Constants::new(); component.modules.len()];
    for (module, args) in component.instantiations() {
        // The values would be those of one of its instances.
        if component
            .instantiations()
            .filter(|(other, _)| *other == module)
            .count()
            == 1
        {
            constants[module] = known((module, args));
        }
    }
    Ok(constants)
}

/// Modules of the outermost component, their instances, and the globals that the component takes out of instances.
#[derive(Default)]
struct Outermost<'a> {
    modules: Vec<Module<'a>>,
    instances: Vec<CoreInstance<'a>>,
    aliases: Vec<Alias<'a>>,
}

/// Instances that satisfy a module's imports, by the name of the imported module.
type Args<'a> = HashMap<&'a str, u32>;

enum CoreInstance<'a> {
    /// Instance of a module.
    Of(usize, Args<'a>),
    /// Collection of exports. It has these globals, each as an index into the component's globals.
    Globals(HashMap<&'a str, u32>),
}

/// Global that is the export of an instance.
struct Alias<'a> {
    instance: u32,
    name: &'a str,
}

/// Facts about a module's globals.
#[derive(Default)]
struct Module<'a> {
    /// Imported globals: module and name.
    imports: Vec<(&'a str, &'a str)>,
    exports: HashMap<&'a str, u32>,
    /// Values with which the module's own globals begin, as far as they are constants.
    values: HashMap<u32, i32>,
    /// Globals that the module's code writes.
    written: HashSet<u32>,
}

/// Global, where it is defined.
#[derive(PartialEq, Eq, Hash)]
struct Home {
    module: usize,
    global: u32,
}

impl<'a> Outermost<'a> {
    fn of(wasm: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut component = Self::default();
        // Number of components around, less one. Inner ones have no part in this.
        let mut depth = 0_u32;
        let mut payloads = Parser::new(0).parse_all(wasm);
        while let Some(payload) = payloads.next() {
            match payload? {
                Payload::ModuleSection {
                    parser,
                    unchecked_range,
                } => {
                    // The iterator goes into the module as well.
                    let module = Module::of(parser, &wasm[unchecked_range])?;
                    for payload in payloads.by_ref() {
                        if matches!(payload?, Payload::End(_)) {
                            break;
                        }
                    }
                    if depth == 0 {
                        component.modules.push(module);
                    }
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::InstanceSection(instances) if depth == 0 => {
                    for instance in instances {
                        component.instances.push(CoreInstance::of(&instance?));
                    }
                }
                Payload::ComponentAliasSection(aliases) if depth == 0 => {
                    for alias in aliases {
                        if let ComponentAlias::CoreInstanceExport {
                            kind: ExternalKind::Global,
                            instance_index: instance,
                            name,
                        } = alias?
                        {
                            component.aliases.push(Alias { instance, name });
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(component)
    }

    fn instantiations(&self) -> impl Iterator<Item = (usize, &Args<'a>)> {
        self.instances.iter().filter_map(|instance| match instance {
            CoreInstance::Of(module, args) => Some((*module, args)),
            CoreInstance::Globals(_) => None,
        })
    }

    /// Returns where the globals are defined that any code writes.
    fn written(&self) -> HashSet<Home> {
        let homes = |(module, args): (usize, _)| {
            let written = self.modules[module].written.iter();
            written.filter_map(move |global| self.home(module, args, *global))
        };
        self.instantiations().flat_map(homes).collect()
    }

    fn home(&self, module: usize, args: &Args<'_>, global: u32) -> Option<Home> {
        if (global as usize) < self.modules.get(module)?.imports.len() {
            self.home_of_import(module, args, global)
        } else {
            Some(Home { module, global })
        }
    }

    fn home_of_import(&self, module: usize, args: &Args<'_>, global: u32) -> Option<Home> {
        let (from, name) = self.modules[module].imports[global as usize];
        self.home_of_export(*args.get(from)?, name)
    }

    /// Follows an export to its definition. This ends: an instance only has parts of earlier ones.
    fn home_of_export(&self, instance: u32, name: &str) -> Option<Home> {
        match self.instances.get(instance as usize)? {
            CoreInstance::Of(module, args) => {
                let global = *self.modules.get(*module)?.exports.get(name)?;
                self.home(*module, args, global)
            }
            CoreInstance::Globals(globals) => {
                let alias = self.aliases.get(*globals.get(name)? as usize)?;
                self.home_of_export(alias.instance, alias.name)
            }
        }
    }
}

impl<'a> CoreInstance<'a> {
    fn of(instance: &Instance<'a>) -> Self {
        match instance {
            Instance::Instantiate { module_index, args } => {
                let args = args.iter().map(|arg| (arg.name, arg.index)).collect();
                Self::Of(*module_index as usize, args)
            }
            Instance::FromExports(exports) => {
                let globals = exports.iter().filter(|e| e.kind == ExternalKind::Global);
                Self::Globals(globals.map(|e| (e.name, e.index)).collect())
            }
        }
    }
}

impl<'a> Module<'a> {
    fn of(parser: Parser, data: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut module = Self::default();
        let mut functions_imported = 0;
        // Functions that can be called, and for each function with a body what it writes.
        let mut callable = HashSet::new();
        let mut writes = Vec::new();
        for payload in parser.parse_all(data) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Global(_) => module.imports.push((import.module, import.name)),
                            TypeRef::Func(_) => functions_imported += 1,
                            _ => {}
                        }
                    }
                }
                Payload::GlobalSection(globals) => {
                    let first = module.imports.len();
                    for (index, global) in globals.into_iter().enumerate() {
                        let mut init = global?.init_expr.get_operators_reader();
                        if let Operator::I32Const { value } = init.read()?
                            && matches!(init.read()?, Operator::End)
                        {
                            module.values.insert((first + index) as u32, value);
                        }
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        match export.kind {
                            ExternalKind::Global => {
                                module.exports.insert(export.name, export.index);
                            }
                            ExternalKind::Func => {
                                callable.insert(export.index);
                            }
                            _ => {}
                        }
                    }
                }
                Payload::StartSection { func, .. } => {
                    callable.insert(func);
                }
                Payload::ElementSection(elements) => {
                    for element in elements {
                        callable.extend(functions_of(element?.items)?);
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let mut written = HashSet::new();
                    for operator in body.get_operators_reader()? {
                        let operator = operator?;
                        callable.extend(called(&operator));
                        if let Operator::GlobalSet { global_index } = operator {
                            written.insert(global_index);
                        }
                    }
                    writes.push(written);
                }
                _ => {}
            }
        }
        // A snapshot keeps functions that nothing can call, such as the one that once filled in the addresses.
        for (function, written) in (functions_imported..).zip(writes) {
            if callable.contains(&function) {
                module.written.extend(written);
            }
        }
        Ok(module)
    }
}

/// Returns the functions that a segment puts into a table, from which they can be called.
fn functions_of(items: ElementItems<'_>) -> Result<HashSet<u32>, BinaryReaderError> {
    let expressions = match items {
        ElementItems::Functions(functions) => return functions.into_iter().collect(),
        ElementItems::Expressions(_, expressions) => expressions,
    };
    let mut found = HashSet::new();
    for expression in expressions {
        for operator in expression?.get_operators_reader() {
            found.extend(called(&operator?));
        }
    }
    Ok(found)
}

/// Returns the function that the instruction calls or refers to.
fn called(operator: &Operator<'_>) -> Option<u32> {
    match operator {
        Operator::Call { function_index }
        | Operator::ReturnCall { function_index }
        | Operator::RefFunc { function_index } => Some(*function_index),
        _ => None,
    }
}
