//! The library as packetdrill would load it, driven from C.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The shared object, which Cargo builds beside this test.
fn library() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    let library = test.with_file_name("libnetstack_packetdrill.so");
    assert!(library.exists(), "{} is not there", library.display());
    library
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// The driver, compiled.
fn driver() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/driver.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packetdrill-driver");
    let mut compile = Command::new("cc");
    compile.args(["-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-O1"]);
    compile.arg(source).arg("-o").arg(&program).args(["-ldl", "-lpthread"]);
    let output = run(&mut compile);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

#[test]
fn every_entry_is_driven_through_a_whole_connection() {
    let output = run(Command::new("timeout").arg("60").arg(driver()).arg(library()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "every entry was driven\n");
}
