//! Tests of the command line and of everything that runs without Kafka: the built program, on both runtimes.

mod dying;
mod elastic;
mod files;
mod formats;
mod function_mode;
mod keys;
mod leftovers;
mod lifecycle;
mod order;
mod outputs;
mod packages;
mod pauses;
mod printing;
mod problems;
mod projection;
mod reload;
mod sandbox;
mod script_analysis;
mod script_setup;
mod scripts;
mod setup;
mod trying;
mod typed_tests;
mod unit_tests;
mod unready;
mod values;
