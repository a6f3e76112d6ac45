//! Tests that are made once for each runtime, or for each promise of delivery.

/// Both runtimes; every promise is for both. The default one comes first.
pub const RUNTIMES: [&str; 2] = ["cpython-3.14", "cpython-3.12"];

/// Makes a test for each runtime from a function that takes the runtime's name.
///
/// `on_each_runtime!(burning)` makes `burning::cpython_3_14` and `burning::cpython_3_12`, which run, pass and fail
/// separately. It is written above the function, where `#[test]` would be.
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

/// Makes a test for each `delivery` from a function that takes it: `case::at_least_once` and `case::exactly_once`.
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
