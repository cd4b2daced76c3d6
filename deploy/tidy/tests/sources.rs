//! Every file of the repository keeps the rules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The top of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("deploy/tidy is two folders below the top").to_owned()
}

/// All files below `folder`, without what Cargo, git and Python leave.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry of the repository").path();
        let name = path.file_name().unwrap_or_default();
        if ["target", ".git", "__pycache__"].iter().any(|skipped| name == *skipped) {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn all_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    found.sort();
    found
}

/// Bash scripts: those that say so in their first line, and what they source.
fn scripts() -> Vec<PathBuf> {
    let is_script = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "sh")
            || fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"#!/usr/bin/env bash\n"))
    };
    all_files().into_iter().filter(is_script).collect()
}

#[test]
fn rust_sources_keep_the_rules() {
    let mut broken = String::new();
    let mut count = 0;
    for path in all_files() {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        count += 1;
        let name = path.strip_prefix(root()).expect("below the top").display().to_string();
        let text = fs::read_to_string(&path).expect("UTF-8");
        for violation in tidy::check(&name, &text) {
            broken.push_str(&format!("{name}:{}: {}\n", violation.line, violation.what));
        }
    }
    assert!(count > 10, "only {count} sources: looking in the wrong place");
    assert!(broken.is_empty(), "\n{broken}");
}

/// Crates that have a file with `unsafe` code; `tidy::check` says which.
const WITH_UNSAFE: [&str; 4] =
    ["xdp", "proxy/io", "netstack/packetdrill", "netstack/counting-allocator"];

#[test]
fn crates_without_unsafe_forbid_it() {
    let mut count = 0;
    for path in all_files() {
        let folder = path.parent().unwrap_or(&path);
        let name = folder.strip_prefix(root()).expect("below the top").display().to_string();
        if !path.ends_with("Cargo.toml") || name.is_empty() || WITH_UNSAFE.contains(&name.as_str())
        {
            continue;
        }
        let roots: Vec<_> = ["src/lib.rs", "src/main.rs"]
            .into_iter()
            .filter_map(|file| Some((file, fs::read_to_string(folder.join(file)).ok()?)))
            .collect();
        assert!(!roots.is_empty(), "{name}: neither a library nor a program");
        for (file, text) in roots {
            assert!(text.contains("#![forbid(unsafe_code)]"), "{name}/{file}");
        }
        count += 1;
    }
    assert!(count > 10, "only {count} crates: looking in the wrong place");
}

#[test]
fn scripts_pass_shellcheck() {
    let scripts = scripts();
    assert!(scripts.len() >= 4, "{scripts:?}");
    let output = Command::new("shellcheck")
        .current_dir(root())
        .arg("--external-sources")
        .args(&scripts)
        .output()
        .expect("shellcheck runs: apt-get install shellcheck");
    assert!(output.status.success(), "\n{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn scripts_stop_at_the_first_error() {
    for path in scripts() {
        if path.extension().is_some() {
            continue;
        }
        let text = fs::read_to_string(&path).expect("UTF-8");
        assert!(text.contains("\nset -euo pipefail\n"), "{}", path.display());
    }
}

#[test]
fn package_list_has_known_sections_and_no_package_twice() {
    let list = fs::read_to_string(root().join("deploy/packages")).expect("the list");
    let mut seen = Vec::new();
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<_> = line.split('#').next().unwrap_or("").split_whitespace().collect();
        let &[package, sections] = words.as_slice() else { panic!("{line}") };
        let known = ["build", "demo", "test", "long", "bench"];
        assert!(sections.split(',').all(|section| known.contains(&section)), "{line}");
        assert!(!seen.contains(&package), "{package} twice");
        seen.push(package);
    }
    assert!(seen.len() > 10);
}
