//! `weir check` on right, doubtful and broken files: what it says, and how it exits.
//!
//! Each `check/NAME.toml` is checked in a folder with certificates; the whole output must be
//! `check/NAME.txt`. With `WEIR_BLESS` set the outputs are written instead of compared.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

/// A folder with the files that the configurations name.
fn site() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("a file");
    };
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["example.com".to_owned()]).expect("a DNS name");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let chain = params.self_signed(&key).expect("a certificate").pem();
    write("chain.pem", &chain);
    write("site.pem", &(chain + &key.serialize_pem()));
    write("other.key", &KeyPair::generate().expect("a key").serialize_pem());
    // Between five and six days whatever the time of the day.
    let left = Duration::from_secs(5 * 86_400 + 43_200);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + left;
    let soon = params.self_signed(&key).expect("a certificate").pem();
    write("soon.pem", &(soon + &key.serialize_pem()));
    folder
}

/// What `weir check` says of `configuration`, and its exit status in a last line.
fn check(site: &TempDir, configuration: &Path) -> String {
    fs::copy(configuration, site.path().join("weir.toml")).expect("a copy");
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["check", "weir.toml"])
        .current_dir(site.path())
        .output()
        .expect("weir starts");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    format!("{said}exit status {}\n", output.status.code().expect("no signal ended it"))
}

#[test]
fn every_file_gets_its_answer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check");
    let site = site();
    let mut differing = Vec::new();
    let mut checked = 0;
    for entry in fs::read_dir(&folder).expect("the folder of examples") {
        let configuration = entry.expect("an entry").path();
        if configuration.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        checked += 1;
        let said = check(&site, &configuration);
        let expected = configuration.with_extension("txt");
        if std::env::var_os("WEIR_BLESS").is_some() {
            fs::write(&expected, said).expect("a file");
        } else if fs::read_to_string(&expected).ok().as_deref() != Some(said.as_str()) {
            differing.push(format!("{}:\n{said}", expected.display()));
        }
    }
    assert!(checked >= 12, "only {checked} examples");
    assert!(differing.is_empty(), "other answers than expected:\n{}", differing.join("\n"));
}

#[test]
fn file_that_is_not_there_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["check", "/nonexistent/weir.toml"])
        .output()
        .expect("weir starts");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.starts_with("error: can't use /nonexistent/weir.toml: No such file"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn run_does_not_start_with_a_broken_file_and_says_what_check_says() {
    let site = site();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check");
    let checked = check(&site, &examples.join("key-mismatch.toml"));
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["run", "weir.toml"])
        .current_dir(site.path())
        .output()
        .expect("weir starts");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    let problem = checked.lines().next().expect("check says something");
    assert!(said.contains(problem), "check: {checked}\nrun: {said}");
}

#[test]
fn every_verb_has_an_example() {
    for verb in ["run", "check", "demo", "doctor", "conns", "status", "reload"] {
        let output = Command::new(env!("CARGO_BIN_EXE_weir"))
            .args([verb, "--help"])
            .output()
            .expect("weir starts");
        let said = String::from_utf8(output.stdout).expect("text");
        assert!(said.contains("Example"), "{verb}: {said}");
    }
}
