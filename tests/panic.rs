//! A panic is an answer, and a successful exit: to Cargo anything else is a broken provider.
//!
//! Run without the test harness, which prints on the standard output that the answer goes to.

use std::process::Command;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("child") {
        cargo_credential_bridge::answer_panics();
        cargo_credential_bridge::panic_while_answering();
    }
    let this = std::env::current_exe().expect("a test knows where it is");
    let output = Command::new(this)
        .arg("child")
        .output()
        .expect("a test can start itself");
    let stdout = String::from_utf8(output.stdout).expect("an answer is UTF-8");
    assert!(output.status.success(), "{stdout}");
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    assert!(
        stdout.starts_with("{\"Err\":{\"kind\":\"other\",\"message\":\"cargo-credential-bridge has a bug and gave up\",\"caused-by\":[\"at src/guard.rs:"),
        "{stdout}"
    );
    let all = stdout + &String::from_utf8_lossy(&output.stderr);
    assert!(
        !all.contains("s3cret"),
        "the message of a panic may quote a secret: {all}"
    );
    let _ = std::io::Write::write_all(
        &mut std::io::stdout(),
        b"test result: ok. 1 passed; 0 failed\n",
    );
}
