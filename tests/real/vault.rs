//! The Vault that the tests share.

use std::sync::LazyLock;

use test_servers::real_vault::binary;
use test_servers::{GoogleFake, RealVault};

/// The Vault that all tests share.
pub(crate) fn vault() -> &'static RealVault {
    static SHARED: LazyLock<RealVault> = LazyLock::new(|| {
        // Without it, all tests can be run but those that are about Google.
        let google = std::env::var_os("CCB_GOOGLE_PYTHON").map(|_| google());
        RealVault::start_with(google).unseal().audited()
    });
    // Asked first, so that every test says what is missing, not only the one that comes first.
    let _checked = binary();
    &SHARED
}

/// The Google of the shared Vault.
pub(crate) fn google() -> &'static GoogleFake {
    static SHARED: LazyLock<GoogleFake> = LazyLock::new(GoogleFake::start);
    let _checked = GoogleFake::python();
    &SHARED
}
