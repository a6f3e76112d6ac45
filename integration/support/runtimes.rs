//! Tests that are made once for each runtime, or for each promise of delivery.

/// Both runtimes; every promise holds for each. The default one comes first.
pub const RUNTIMES: [&str; 2] = ["cpython-3.14", "cpython-3.12"];

/// Makes a test for each runtime of a function that takes the runtime's name.
///
/// `on_each_runtime!(burning)` makes `burning::cpython_3_14` and `burning::cpython_3_12`: each runs, passes and fails by
/// itself. It stands above the function, as `#[test]` would.
#[macro_export]
macro_rules! on_each_runtime {
    ($case:ident) => {
        mod $case {
            #[test]
            fn cpython_3_14() {
                super::$case("cpython-3.14");
            }

            #[test]
            fn cpython_3_12() {
                super::$case("cpython-3.12");
            }
        }
    };
}

/// Makes a test for each `delivery` of a function that takes it: `case::at_least_once` and `case::exactly_once`.
#[macro_export]
macro_rules! on_each_delivery {
    ($case:ident) => {
        mod $case {
            #[test]
            fn at_least_once() {
                super::$case("at_least_once");
            }

            #[test]
            fn exactly_once() {
                super::$case("exactly_once");
            }
        }
    };
}
