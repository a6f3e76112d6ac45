//! Tests with small artifacts, in WebAssembly's text format.

use std::time::Duration;

use wasmtime::component::{self as wasm, WasmList};
use wasmtime::{Linker, Store, StoreContextMut, Trap};

use super::*;
use crate::clock::Clock;
use crate::guest::deadline::{Deadline, PagePointer};
use crate::guest::store;

/// Time for which the artifacts may run.
const LIMIT: Duration = Duration::from_millis(30);

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("it is WebAssembly's text format")
}

/// Runs function `run` of a command, rewritten, until its deadline.
fn end_of_command(text: &str) -> Trap {
    let rewritten = command(&binary(text)).expect("it has a memory");
    let engine = store::engine().expect("an engine");
    let module = wasmtime::Module::new(&engine, rewritten).expect("it is valid");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("it imports nothing");
    let page = instance
        .get_memory(&mut store, PAGE)
        .expect("it exports the page");
    let page = PagePointer::of(page.data(&store)).expect("a whole page");
    let deadline = Deadline::new(Clock::of_process());
    // SAFETY: the store is dropped after the result, and only the polls of its code read the page.
    let _lent = unsafe { deadline.lend(page) }.expect("a thread");
    let run = instance
        .get_typed_func::<(), ()>(&mut store, "run")
        .expect("it is there");
    deadline.set(LIMIT);
    let end = run.call(&mut store, ()).expect_err("it never returns");
    assert!(deadline.missed());
    *end.downcast_ref().expect("a trap")
}

#[test]
fn a_loop_ends_at_the_deadline() {
    let loops = [
        // One that does nothing.
        "(loop (br 0))",
        // One that works on much memory at a time.
        "(loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 4000000)) (br 0))",
        // One with a value on the stack.
        "i32.const 5 (loop (param i32) (result i32) i32.const 1 i32.add br 0) drop",
        // An inner one that ends again and again.
        "(loop (local.set 0 (i32.const 9))
           (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (br 0))",
        // One in a function that a loop calls.
        "(loop (call $inner) (br 0))",
    ];
    for body in loops {
        let text = format!(
            "(module (memory 64)
               (func $inner (local i32) (local.set 0 (i32.const 1000))
                 (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
               (func (export \"run\") (local i32) {body}))"
        );
        assert_eq!(end_of_command(&text), Trap::MemoryOutOfBounds, "{body}");
    }
}

#[test]
fn a_function_that_branches_without_a_loop_ends_at_the_deadline() {
    // Three calls for each level, as the hash of slices of slices: 3^40 calls.
    let text = "(module (memory 1)
        (func $hash (param i32) (result i32)
          (if (result i32) (local.get 0)
            (then
              (call $hash (i32.sub (local.get 0) (i32.const 1)))
              (call $hash (i32.sub (local.get 0) (i32.const 1)))
              (call $hash (i32.sub (local.get 0) (i32.const 1)))
              i32.add i32.add i32.const 0x9E3779B1 i32.mul)
            (else (i32.const 1))))
        (func (export \"run\") (drop (call $hash (i32.const 40)))))";
    assert_eq!(end_of_command(text), Trap::MemoryOutOfBounds);
}

/// A component as componentize-py makes them: one module with the memory and all globals, a library that imports them, by
/// way of a collection of exports, and what the library's function `run` does.
fn component_with(run: &str) -> Vec<u8> {
    binary(&format!(
        "(component
          (core module $main
            (memory (export \"memory\") 2)
            (global (export \"library:base\") i32 (i32.const 1024))
            (global (export \"library:got\") (mut i32) (i32.const 70000))
            (global (export \"stack\") (mut i32) (i32.const 512))
            (data (i32.const 1036) \"\\2a\\00\\00\\00\")
            (data (i32.const 70008) \"\\07\\00\\00\\00\"))
          (core module $library
            (import \"env\" \"memory\" (memory 1))
            (import \"env\" \"base\" (global $base i32))
            (import \"got\" \"variable\" (global $got (mut i32)))
            (import \"env\" \"stack\" (global $stack (mut i32)))
            (func (export \"run\") (param i32) (result i32) {run}))
          ;; As the function that once filled in the addresses: nothing can call it any more.
          (core module $init
            (import \"got\" \"variable\" (global $got (mut i32)))
            (func (global.set $got (i32.const 1))))
          (core instance $m (instantiate $main))
          (alias core export $m \"memory\" (core memory $memory))
          (alias core export $m \"library:base\" (core global $base))
          (alias core export $m \"library:got\" (core global $got))
          (alias core export $m \"stack\" (core global $stack))
          (core instance $env
            (export \"memory\" (memory $memory))
            (export \"base\" (global $base))
            (export \"stack\" (global $stack)))
          (core instance $got (export \"variable\" (global $got)))
          (core instance $l (instantiate $library
            (with \"env\" (instance $env)) (with \"got\" (instance $got))))
          (core instance (instantiate $init (with \"got\" (instance $got))))
          (alias core export $l \"run\" (core func $run))
          (func $lifted (param \"n\" s32) (result s32) (canon lift (core func $run)))
          (export \"run\" (func $lifted)))"
    ))
}

/// Reads at both known addresses, and moves the stack pointer.
const SUM: &str = "
    (global.set $stack (i32.sub (global.get $stack) (i32.const 16)))
    (i32.store (i32.add (global.get $stack) (i32.const 8)) (local.get 0))
    (i32.add
      (i32.load (i32.add (global.get $base) (i32.const 12)))
      (i32.add
        (i32.load (i32.add (global.get $got) (i32.const 8)))
        (i32.load (i32.add (global.get $stack) (i32.const 8)))))
    (global.set $stack (i32.add (global.get $stack) (i32.const 16)))";

/// Calls function `run` of a component, rewritten, with a deadline.
fn run_component(component: &[u8], argument: i32) -> Result<i32, Trap> {
    let rewritten = super::component(component).expect("it has a library");
    let engine = store::engine().expect("an engine");
    let component = wasm::Component::new(&engine, rewritten).expect("it is valid");
    let mut linker = wasm::Linker::new(&engine);
    let found = |mut store: StoreContextMut<'_, Option<PagePointer>>, (page,): (WasmList<u8>,)| {
        let page = PagePointer::of(page.as_le_slice(&store)).expect("a whole page");
        assert!(store.data_mut().replace(page).is_none(), "once");
        Ok(())
    };
    linker
        .root()
        .func_wrap(page::REGISTER, found)
        .expect("once");
    let mut store = Store::new(&engine, None);
    let instance = linker
        .instantiate(&mut store, &component)
        .expect("it imports no more");
    let run = instance
        .get_typed_func::<(i32,), (i32,)>(&mut store, "run")
        .expect("it is there");
    let deadline = Deadline::new(Clock::of_process());
    let page = store.data().expect("the component says where the page is");
    // SAFETY: the store is dropped after the result, and only the polls of its code read the page.
    let _lent = unsafe { deadline.lend(page) }.expect("a thread");
    deadline.set(LIMIT);
    let end = run.call(&mut store, (argument,));
    end.map(|(result,)| result)
        .map_err(|error| *error.downcast_ref().expect("a trap"))
}

#[test]
fn a_component_gives_the_results_that_it_gave() {
    assert_eq!(run_component(&component_with(SUM), 100), Ok(42 + 7 + 100));
}

#[test]
fn a_librarys_loop_ends_at_the_deadline() {
    let endless = component_with("(loop (br 0)) unreachable");
    assert_eq!(run_component(&endless, 0), Err(Trap::MemoryOutOfBounds));
}

#[test]
fn globals_that_nothing_writes_are_constants() {
    let constants = globals::constants(&component_with(SUM)).expect("it is valid");
    let expected = [(0, 1024), (1, 70000)];
    // Of the modules `main`, `library` and `init`. The stack pointer has no constant value.
    let [main, library, init] = &constants[..] else {
        panic!("three modules: {constants:?}");
    };
    assert!(main.is_empty());
    assert_eq!(*library, Constants::from(expected));
    assert_eq!(*init, Constants::from([(0, 70000)]));
}

#[test]
fn a_global_that_another_module_may_write_is_no_constant() {
    let writers = [
        "(func (export \"f\") (global.set $got (i32.const 1)))",
        "(func $f (global.set $got (i32.const 1))) (start $f)",
        "(func $f (global.set $got (i32.const 1))) (func (export \"g\") (call $f))",
        "(func $f (global.set $got (i32.const 1))) (table 1 funcref) (elem (i32.const 0) func $f)",
        "(func $f (global.set $got (i32.const 1))) (table 1 funcref)
         (elem (i32.const 0) funcref (ref.func $f))",
    ];
    for writer in writers {
        let text = format!(
            "(component
              (core module $main (global (export \"g\") (mut i32) (i32.const 5)))
              (core module $reader
                (import \"m\" \"g\" (global (mut i32))) (func (result i32) (global.get 0)))
              (core module $writer (import \"m\" \"g\" (global $got (mut i32))) {writer})
              (core instance $m (instantiate $main))
              (core instance (instantiate $reader (with \"m\" (instance $m))))
              (core instance (instantiate $writer (with \"m\" (instance $m)))))"
        );
        let constants = globals::constants(&binary(&text)).expect("it is valid");
        assert!(constants.iter().all(Constants::is_empty), "{writer}");
    }
}

#[test]
fn a_module_that_is_instantiated_twice_has_no_constants() {
    let text = "(component
        (core module $one (global (export \"g\") i32 (i32.const 1)))
        (core module $two (global (export \"g\") i32 (i32.const 2)))
        (core module $reader (import \"m\" \"g\" (global i32)) (func (result i32) (global.get 0)))
        (core instance $o (instantiate $one))
        (core instance $t (instantiate $two))
        (core instance (instantiate $reader (with \"m\" (instance $o))))
        (core instance (instantiate $reader (with \"m\" (instance $t)))))";
    let constants = globals::constants(&binary(text)).expect("it is valid");
    assert!(constants.iter().all(Constants::is_empty));
}

#[test]
fn an_inner_component_stays_as_it_is() {
    // Its modules have numbers of their own, and one of them is the outer component's.
    let text = "(component
        (core module $outer (import \"env\" \"memory\" (memory 1)) (func (export \"f\") (loop)))
        (core module $main (memory (export \"memory\") 1))
        (component $inner
          (core module $own (memory (export \"memory\") 1))
          (core module $library (import \"env\" \"memory\" (memory 1)) (func (export \"f\") (loop)))
          (core instance $m (instantiate $own))
          (core instance (instantiate $library (with \"env\" (instance $m)))))
        (core instance $m (instantiate $main))
        (core instance (instantiate $outer (with \"env\" (instance $m))))
        (instance (instantiate $inner)))";
    let rewritten = component(&binary(text)).expect("it has a library");
    let engine = store::engine().expect("an engine");
    wasm::Component::new(&engine, rewritten).expect("it is valid");
}

#[test]
fn what_cannot_be_interrupted_is_refused() {
    for text in ["(module)", "(module (memory 1) (memory 1))"] {
        let refused = command(&binary(text));
        assert!(
            matches!(refused, Err(RewriteError::NotInterruptible)),
            "{text}"
        );
    }
    let refused = component(&binary("(component)"));
    assert!(matches!(refused, Err(RewriteError::NotInterruptible)));
    for rewrite in [command, component] {
        let refused = rewrite(b"rubbish");
        assert!(matches!(refused, Err(RewriteError::Malformed(_))));
    }
}
