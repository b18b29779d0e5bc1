use std::io::Write as _;

/// Tells the person behind Cargo something, on the one channel that reaches them: Cargo leaves its standard
/// error to us. One line.
pub(crate) fn note(text: &str) {
    // There is nobody to tell that nobody can be told.
    let _ = writeln!(std::io::stderr(), "cargo-credential-bridge: {text}");
}
