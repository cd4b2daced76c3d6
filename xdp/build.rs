//! Compiles the XDP program (`bpf/redirect.c`) to BPF with clang.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

const SOURCE: &str = "bpf/redirect.c";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-env-changed=CLANG");
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let object = out_dir.join("redirect.o");

    let mut command = Command::new(&clang);
    command.args(["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Werror"]);
    // Full paths of this machine have no place in the debug information.
    command.arg("-fdebug-compilation-dir=.");
    if let Some(directory) = multiarch_include() {
        command.arg("-I").arg(directory);
    }
    let output = command.args(["-c", SOURCE, "-o"]).arg(&object).output();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            eprintln!("{errors}");
            if errors.contains("file not found") {
                fail("a header is missing", "apt-get install libbpf-dev linux-libc-dev");
            }
            if errors.contains("No available targets") || errors.contains("unknown target") {
                fail("this clang cannot compile to BPF", "apt-get install clang");
            }
            fail("clang could not compile the XDP program", "see its messages above");
        }
        Err(error) => {
            eprintln!("{clang}: {error}");
            fail(
                "clang is missing; it compiles the XDP program",
                "apt-get install clang libbpf-dev",
            );
        }
    }
}

/// Where Debian keeps `asm/types.h`, which clang does not search for the BPF target.
fn multiarch_include() -> Option<PathBuf> {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").ok()?;
    let directory = Path::new("/usr/include").join(format!("{arch}-linux-gnu"));
    directory.is_dir().then_some(directory)
}

fn fail(what: &str, remedy: &str) -> ! {
    println!("cargo::error={what}: {remedy}");
    exit(1);
}
