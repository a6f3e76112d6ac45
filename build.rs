//! Keeps the line tables in the program small: they are read only when something panics.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Other systems' linkers have no such option. What Rust's backtraces read may be compressed with zlib.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,--compress-debug-sections=zlib");
    }
}
