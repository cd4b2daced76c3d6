//! Installing packages starts nothing.

use std::path::Path;
use std::process::Command;

#[test]
fn installing_starts_nothing_and_keeps_the_policy_of_the_machine() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/starts-nothing");
    let output = Command::new(&script).output().expect("the script runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} (needs root): {said}", output.status);
}
