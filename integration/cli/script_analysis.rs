//! Short form of `integration/fuzz/scripts.py`: generated scripts mean the same as a function and at top level.
//!
//! Guests make the scripts and compare the results, since the machine may have no other Python of their version.

use support::{Ran, eval, on_each_runtime, root};

const SCRIPTS: usize = 300;

/// Runs `input` in both ways: it has numbers from which scripts are made, or scripts.
fn compared(runtime: &str, input: String) -> Ran {
    let part = |name: &str| {
        let file = root().join("integration/fuzz/scripts").join(name);
        std::fs::read_to_string(file).expect("it is in the repository")
    };
    let driver = part("generate.py") + &part("compare.py");
    // A generated script may call itself in many ways; the time for that does not matter in this test.
    eval(runtime, &driver)
        .set("guests.timeout=120s")
        .stdin(input)
        .run()
}

on_each_runtime!(generated_scripts_mean_the_same_both_ways);
fn generated_scripts_mean_the_same_both_ways(runtime: &str) {
    // The same scripts in each run, so that a failure is caused by the change that is tested. `scripts.py` tries more.
    let seed: usize = std::env::var("NERODIA_FUZZ_SEED").map_or(20_000, |seed| {
        seed.parse().expect("NERODIA_FUZZ_SEED is a number")
    });
    println!("NERODIA_FUZZ_SEED={seed}");
    let input: String = (seed..seed + SCRIPTS).map(|i| format!("{i}\n")).collect();
    let ran = compared(runtime, input).expect(0);
    let mut functions = 0;
    for line in ran.lines() {
        let answer: serde_json::Value = serde_json::from_str(line).expect("JSON");
        functions += usize::from(answer[1] == true);
        if let Some(difference) = answer[2].as_str() {
            panic!("{runtime}, seed {}:\n{difference}", answer[0]);
        }
    }
    assert_eq!(ran.lines().len(), SCRIPTS);
    // If few scripts ran as functions, nothing would have been compared.
    assert!(functions > SCRIPTS / 10, "{functions}");
}

on_each_runtime!(a_difference_is_seen);
/// Checks that the comparison can fail: this script builds a name at run time, which nothing forbids.
fn a_difference_is_seen(runtime: &str) {
    let script = "import os\nframe = getattr(getattr(os, 's' + 'ys'), '_get' + 'frame')(0)\nroot = len(getattr(frame, 'f_' + 'globals').keys() & {'this'})";
    let input = format!("{}\n", serde_json::json!(script));
    let ran = compared(runtime, input).expect(0);
    let answer: serde_json::Value = serde_json::from_str(ran.lines()[0]).expect("JSON");
    let difference = answer[2].as_str().expect("a difference");
    assert!(difference.contains("top level"), "{difference}");
}
