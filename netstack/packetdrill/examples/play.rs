//! Plays packet scripts: `play FILE-OR-FOLDER...`; says of each that fails where and why.
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use netstack_packetdrill::run_script;

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "pkt") {
            collect(&path, found)?;
        }
    }
    found.sort();
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut paths = Vec::new();
    for argument in env::args_os().skip(1) {
        collect(Path::new(&argument), &mut paths)?;
    }
    if paths.is_empty() {
        eprintln!("usage: play FILE-OR-FOLDER...   (no script found)");
        process::exit(2);
    }
    let mut failed = 0;
    for path in &paths {
        if let Err(failure) = run_script(&path.display().to_string(), &fs::read_to_string(path)?) {
            failed += 1;
            println!("{failure}\n");
        }
    }
    println!("{} scripts, {failed} failed", paths.len());
    process::exit(i32::from(failed > 0))
}
