//! The commented example of the repository, deploy/weir.toml, is right: as it stands, and with every
//! setting that it shows in a comment.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A folder with `configuration` and the certificates that the example names.
fn site(configuration: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir(folder.path().join("certs")).expect("a folder");
    fs::write(folder.path().join("weir.toml"), configuration).expect("a file");
    for (name, names) in [
        ("example.com", ["example.com", "*.example.com"]),
        ("chat.example.net", ["chat.example.net", "www.chat.example.net"]),
    ] {
        let names = names.map(str::to_owned).to_vec();
        let signed = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let file = folder.path().join("certs").join(name);
        let write = |ending: &str, text: String| {
            fs::write(format!("{}.{ending}", file.display()), text).expect("a file");
        };
        write("pem", signed.cert.pem());
        write("key", signed.signing_key.serialize_pem());
    }
    folder
}

#[track_caller]
fn accepted(configuration: &str) {
    let site = site(configuration);
    let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
    let output = weir.args(["check", "weir.toml"]).current_dir(site.path()).output();
    let output = output.expect("weir starts");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn example_is_accepted_with_and_without_what_is_commented_out() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/weir.toml");
    let example = fs::read_to_string(file).expect("the example");
    accepted(&example);

    let mut uncommented = 0;
    let all: String = example
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if is_setting(setting) => {
                uncommented += 1;
                format!("{setting}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(uncommented > 20, "{uncommented} settings in comments");
    accepted(&all);
}

/// Is this `key = value`, and not a sentence?
fn is_setting(text: &str) -> bool {
    let key = text.split_once('=').map(|(key, _)| key.trim_end());
    key.is_some_and(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}
