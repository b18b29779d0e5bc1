//! `cargo-credential-bridge`: a Cargo credential provider.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
use dlmalloc::GlobalDlmalloc as Heap;
#[cfg(not(target_os = "linux"))]
use std::alloc::System as Heap;
use zeroizing_alloc::ZeroAlloc;

/// Overwrites what is given back: a secret does not stay behind in the buffers of HTTP and TLS, nor in what a library has
/// copied it into. It takes about 160 thousand instructions in a login and a read, which are 690 blocks, as callgrind counts
/// them: one a byte, where the processor clears 32 at once.
///
/// On Linux what is cleared is dlmalloc's, in the static program and in that of the tests: musl's own asks the system for
/// most blocks one by one, which was an eighth to a fifth of the time of an answer.
#[global_allocator]
static MEMORY: ZeroAlloc<Heap> = ZeroAlloc(Heap);

fn main() -> ExitCode {
    // Cargo waits behind its own door: nothing of what is for people is set up there.
    match std::env::args_os().nth(1) {
        Some(door) if door == "--cargo-plugin" => cargo_credential_bridge::run_cargo_plugin(),
        _ => cargo_credential_bridge::run_tool(),
    }
}
