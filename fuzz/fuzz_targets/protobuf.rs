#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nerodia_fuzz::bounded(nerodia::fuzzing::protobuf, data));
