//! The fuzzer, as `ci/fuzz` builds it: `FUZZ_TARGET=NAME fuzz CORPUS`, with libFuzzer's own flags. In any other build
//! `FUZZ_TARGET=NAME fuzz INPUT…` runs the target over these inputs alone.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::run(data));

#[cfg(not(fuzzing))]
fn main() {
    for path in std::env::args_os().skip(1) {
        fuzz_targets::run(&std::fs::read(path).expect("the input is a file"));
    }
}
