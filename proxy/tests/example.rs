//! The configurations that the repository shows are right: the commented example, deploy/weir.toml,
//! as it stands and with every setting that it shows in a comment, has every key; and the one in the
//! README.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Where the certificates' keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    /// Behind the certificate, in its file.
    Behind,
    /// In files of their own.
    Apart,
}

/// A folder with `configuration` and the certificates that the examples name.
fn site(configuration: &str, keys: Keys) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir(folder.path().join("certs")).expect("a folder");
    fs::write(folder.path().join("weir.toml"), configuration).expect("a file");
    fs::write(folder.path().join("metrics.token"), "a token").expect("a file");
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
        let (chain, key) = (signed.cert.pem(), signed.signing_key.serialize_pem());
        if keys == Keys::Behind {
            write("pem", chain + &key);
        } else {
            write("pem", chain);
            write("key", key);
        }
    }
    folder
}

#[track_caller]
fn accepted(configuration: &str, keys: Keys) {
    let site = site(configuration, keys);
    let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
    let output = weir.args(["check", "weir.toml"]).current_dir(site.path()).output();
    let output = output.expect("weir starts");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn example_is_accepted_with_and_without_what_is_commented_out() {
    let example = read("deploy/weir.toml");
    accepted(&example, Keys::Apart);

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
    accepted(&all, Keys::Apart);

    // The keys that only `address_owner = "engine"` takes are set in further.
    let engine: String = all
        .replace("address_owner = \"kernel\"", "address_owner = \"engine\"")
        .lines()
        .map(|line| match line.strip_prefix("#   ") {
            Some(setting) if is_setting(setting) => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(engine.contains("\nnetworks ") && engine.contains("\ngateways "), "{engine}");
    accepted(&engine, Keys::Apart);
}

#[test]
fn example_has_every_key() {
    let known = keys_read(&read("proxy/src/config/file.rs"));
    assert!(known.len() > 40, "keys that are read: {known:?}");
    let distinct: BTreeSet<_> = known.iter().collect();
    assert_eq!(distinct.len(), known.len(), "two sections share a key: look at sections too");

    let example = read("deploy/weir.toml");
    let shown: BTreeSet<&str> = example
        .lines()
        .map(|line| line.trim_start_matches(['#', ' ']))
        .filter(|line| is_setting(line))
        .filter_map(|line| Some(line.split_once('=')?.0.trim_end()))
        .collect();
    let missing: Vec<_> = known.iter().filter(|key| !shown.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "deploy/weir.toml lacks {missing:?}");
}

/// The keys that a source reads: the first argument of every method of `section`, if it is a string.
fn keys_read(source: &str) -> Vec<String> {
    let key = |call: &str| {
        let (_, arguments) = call.trim_start().strip_prefix('.')?.split_once('(')?;
        let (key, _) = arguments.trim_start().strip_prefix('"')?.split_once('"')?;
        Some(key.to_owned())
    };
    source.split("section").skip(1).filter_map(key).collect()
}

#[test]
fn configuration_in_the_readme_is_accepted() {
    let readme = read("README.md");
    let (_, behind) = readme.split_once("```toml\n").expect("a configuration");
    let (configuration, rest) = behind.split_once("```").expect("its end");
    assert!(!rest.contains("```toml"), "there is another");
    accepted(configuration, Keys::Behind);
}

/// A file of the repository.
fn read(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(file).expect("the file")
}

/// Is this `key = value`, and not a sentence?
fn is_setting(text: &str) -> bool {
    let key = text.split_once('=').map(|(key, _)| key.trim_end());
    key.is_some_and(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}
