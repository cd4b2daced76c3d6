//! Every script below `scripts/` holds.

use std::fs;
use std::path::{Path, PathBuf};

use netstack_packetdrill::run_script;

/// Every `.pkt` file below `folder`, in order.
fn scripts(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .expect("a folder of the repository")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            scripts(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            found.push(path);
        }
    }
}

#[test]
fn every_script_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    scripts(&root.join("scripts"), &mut paths);
    assert!(paths.len() >= 60, "only {} scripts: looking in the wrong place", paths.len());
    let mut failures = Vec::new();
    for path in &paths {
        let name = path.strip_prefix(root).expect("below the root").display().to_string();
        let text = fs::read_to_string(path).expect("UTF-8");
        if let Err(failure) = run_script(&name, &text) {
            failures.push(failure.to_string());
        }
    }
    let (failed, all) = (failures.len(), paths.len());
    assert!(failures.is_empty(), "{failed} of {all} scripts fail:\n\n{}\n", failures.join("\n\n"));
}

#[test]
fn every_script_names_the_duty_that_it_proves() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    scripts(&root.join("scripts"), &mut paths);
    for path in &paths {
        let text = fs::read_to_string(path).expect("UTF-8");
        let comment: String = text.lines().take_while(|line| line.starts_with("//")).collect();
        assert!(comment.contains("RFC "), "{}: the first comment names no RFC", path.display());
    }
}
